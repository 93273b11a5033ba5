"""The HTTP server: callers' connections, HTTP/1.1, one request's cycle. Knows no route.

What is really there: the listener, the connection and the cycle are ours, on trio's sockets, with
llhttp as the parser. They use hypercorn's configuration and types. The reason is the price:
a ``GET /livez`` costs 0.33 ms of CPU here and 0.85 ms with hypercorn's own connections, a send to
the mock 0.8 to 1.0 ms here and 1.6 to 2.1 ms there (CPython 3.11, one caller, one connection). So
hypercorn's part of a request is more than all that is done about one. Who wants it none the less,
for HTTP/2 or because others keep it up, has it with ``SMSP_SERVER=hypercorn``
(:mod:`smsp.server.hypercorn`): the same application, without our bounds on connections and heads.
"""
