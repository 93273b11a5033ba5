"""nginx in front of several nodes, configured by the documents' own example.

Owns one nginx and its folder. The example is taken word for word; only the addresses of the nodes
and the port are replaced.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from functional_tests.kit.polling import eventually
from tests.kit.documents import block

MARKER = "nginx-example"
NODES = ("10.0.0.11:8080", "10.0.0.12:8080")
"""The addresses of the example's nodes."""
LISTEN = "listen 80;"
END_WITHIN_S = 10.0
MISSING = "nginx is not installed: apt-get install -y --no-install-recommends nginx"

# What the example leaves to the distribution's own nginx.conf; all files in a folder of the test's.
_AROUND = """
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/error.log;
worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{example}
}}
"""


def program() -> str:
    """Where nginx is. Without it the test fails under CI, and else is skipped, saying so."""
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(MISSING)
    return found


def example(nodes: Sequence[str], listen: str) -> str:
    """The documents' example for these nodes."""
    text = block(MARKER)
    for old, new in zip((*NODES, LISTEN), (*nodes, f"listen {listen};"), strict=True):
        assert old in text, old
        text = text.replace(old, new)
    return text


@contextmanager
def in_front_of(nodes: Sequence[str], folder: Path) -> Iterator[httpx.Client]:
    """nginx before two nodes, until the block ends; a client of it."""
    socket = folder / "socket"
    config = folder / "nginx.conf"
    config.write_text(_AROUND.format(folder=folder, example=example(nodes, f"unix:{socket}")))
    nginx = subprocess.Popen(
        [program(), "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(config)],
        stdin=subprocess.DEVNULL,
    )
    try:
        eventually(lambda: _is_up(nginx, socket, folder), "nginx has started")
        transport = httpx.HTTPTransport(uds=str(socket))
        with httpx.Client(base_url="http://nginx", transport=transport, timeout=60.0) as client:
            yield client
    finally:
        nginx.terminate()
        nginx.wait(END_WITHIN_S)


def _is_up(nginx: subprocess.Popen[bytes], socket: Path, folder: Path) -> bool:
    assert nginx.poll() is None, (folder / "error.log").read_text()
    return socket.exists()
