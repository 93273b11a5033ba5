"""``python -m smsp`` is ``smsp``."""

from smsp.cli import main

main()
