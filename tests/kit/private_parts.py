"""What SMSP overrides or calls of the inside of its libraries, none of which they promise to keep.

A part is known by a digest of its source, for each release that it was read in. ``python -m
tests.kit.private_parts`` prints those of what is installed.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from hashlib import sha256
from importlib import import_module
from types import MappingProxyType

READ_IN: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"quart": ("0.22", "0.23"), "quart-trio": ("0.12", "0.13"), "hypercorn": ("0.18",)}
)
"""The releases whose inside was read, oldest first. The next one is the upper bound."""

PARTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        # smsp.web.app, by asgi_http_class
        "quart.app:Quart.asgi_app": ("d1d76ea3ef86",),
        # smsp.web.app, overridden
        "quart.app:Quart.create_url_adapter": ("dc1659d7361b",),
        # smsp.web.app, called
        "quart.app:Quart.dispatch_request": ("252a2ad680aa", "e322d69c3181"),
        # smsp.web.app, overridden
        "quart.app:Quart.do_teardown_appcontext": ("477a46a3d9ba", "59ddd84bcf83"),
        # smsp.web.app, overridden
        "quart.app:Quart.do_teardown_request": ("0dbacd0e31f1", "78257d69ec39"),
        # smsp.web.app, overridden
        "quart.app:Quart.ensure_async": ("101229e5416f",),
        # smsp.web.app, called
        "quart.app:Quart.request_context": ("22b8e4ae96b9", "eff4ad5aecc8"),
        # smsp.web.asgi, inherited
        "quart.asgi:ASGIHTTPConnection.__init__": ("05ae7d64d2f0", "0f1d5bf5f9c5"),
        # smsp.web.request, called
        "quart.wrappers.base:BaseRequestWebsocket.__init__": ("d5eee63eed78",),
        # smsp.web.request, called
        "quart.wrappers.request:Request.__init__": ("18364c627180",),
        # smsp.web.asgi, looked into
        "quart.wrappers.response:DataBody": ("294478c49421",),
        # smsp.web.events, a base
        "quart.wrappers.response:ResponseBody": ("0a500627c075",),
        # smsp.web.app, overridden
        "quart_trio.app:QuartTrio.handle_request": ("828cd4e73137", "36a5dbe886e1"),
        # smsp.web.asgi, overridden
        "quart_trio.asgi:TrioASGIHTTPConnection": ("e9950f999aff", "ccb6100f347a"),
        # smsp.web.body, a base by type only
        "quart_trio.wrappers.request:TrioBody": ("8001d5861a37", "efc9b3c9b8df"),
        # smsp.server.hypercorn, constructed
        "hypercorn.app_wrappers:ASGIWrapper": ("48ae5c59ec72",),
        # smsp.server.listener, called
        "hypercorn.config:Config.create_sockets": ("d4e0a69f342f",),
        # smsp.server.hypercorn, by errorlog
        "hypercorn.logging:_create_logger": ("58429bb38ed8",),
        # smsp.server.hypercorn: what it raises
        "hypercorn.protocol.h11:H11Protocol": ("302f8fa7bd3f",),
        # smsp.server.hypercorn: what it raises
        "hypercorn.protocol.h2:H2Protocol": ("c1ff3b0c0682",),
        # smsp.web.asgi: its queue
        "hypercorn.protocol.http_stream:HTTPStream.app_send": ("4d96a9ea6fb4",),
        # smsp.server.hypercorn: handshakes
        "hypercorn.protocol.ws_stream:WSStream": ("ec03c3f128d1",),
        # smsp.server.hypercorn, done there instead
        "hypercorn.trio.run:worker_serve": ("fe6686ab724f",),
        # smsp.server.hypercorn: what it logs
        "hypercorn.trio.task_group:_handle": ("0b4acb3a06f0",),
        # smsp.server.hypercorn, constructed
        "hypercorn.trio.tcp_server:TCPServer": ("0253c3a67f7b",),
        # smsp.server.hypercorn, constructed
        "hypercorn.trio.worker_context:WorkerContext": ("6e5e0fcfd521",),
    }
)
"""Each part, with who relies on it, and its digests in those releases, where they differ."""


def digest_of(part: str) -> str:
    """A part's source, in short. Raises if it is not there any more."""
    module, _, path = part.partition(":")
    found: object = import_module(module)
    for name in path.split("."):
        found = inspect.getattr_static(found, name)
    assert inspect.isclass(found) or inspect.isfunction(found), part
    lines = [line.strip() for line in inspect.getsource(found).splitlines()]
    return sha256("\n".join(filter(None, lines)).encode()).hexdigest()[:12]


if __name__ == "__main__":
    for one in PARTS:
        print(one, digest_of(one))  # noqa: T201
