"""The HTTP server: callers' connections, HTTP/1.1, one request's cycle. Knows no route.

What is really there: the listener, the connection and the cycle are ours, on trio's sockets, with
llhttp as the parser; they use hypercorn's configuration and types. The reason is the price, in CPU
(one core, CPython 3.11): hypercorn's bare trio worker takes 689 µs for a request that does nothing,
where a whole send takes 587 µs here, and 919 µs there. Who wants hypercorn none the less, for
HTTP/2 or because others keep it up, has it with ``SMSP_SERVER=hypercorn``
(:mod:`smsp.server.hypercorn`): the same application, without our bounds on connections and heads.
"""
