"""What a send costs, measured: SMSP and its peers against the same stub, in one run.

``python -m functional_tests.load`` installs what it needs into a folder of its own and prints a
table; ``--help`` tells the rest. Linux only: it reads ``/proc`` and pins processes to cores.
"""
