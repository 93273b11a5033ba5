"""The one thing that our server and our application agree on beyond ASGI."""

from __future__ import annotations

BODY = "smsp.body"
"""An extension of the scope: called, it gives the body if all of it has come, and else None."""
