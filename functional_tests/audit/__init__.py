"""The audit: many messages, everything going wrong, and each answer held against the truth.

``python -m functional_tests.audit --messages 20000 --seed 7`` starts three simulated providers (two
of them over TLS, one of which refuses single recipients), two nodes and nginx, each a process of
its own; plays faults in an order that the seed decides; and
afterwards compares what every caller was told with what the providers really took.
"""
