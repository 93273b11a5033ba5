"""The programs that are measured, and how each is started."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
KEY = "a-key-for-the-benchmark"


@dataclass(frozen=True)
class Contestant:
    """One program: what it is called, and what starts it, in which folder."""

    name: str
    command: Sequence[str]
    environ: Mapping[str, str]
    folder: Path


def contestants(folder: Path, python: Path, stub_port: int, port: int) -> Iterator[Contestant]:
    """SMSP, and those it is compared with; without those that this machine cannot run."""
    stub = f"http://127.0.0.1:{stub_port}"
    common = {"PORT": str(port), "STUB": stub}
    yield Contestant("SMSP", _smsp("smsp", "serve"), smsp_environ(stub, port), ROOT)
    stock = _smsp("functional_tests.load.peers.smsp_stock")
    yield Contestant("SMSP, httpx's transport", stock, smsp_environ(stub, port), ROOT)
    for name, script in (
        ("FastAPI + uvicorn + httpx", "fastapi_httpx"),
        ("aiohttp", "aiohttp_both"),
    ):
        yield Contestant(name, [str(python), str(HERE / f"{script}.py")], common, folder)
    if shutil.which("node") is not None:
        node = {**common, "NODE_PATH": str(folder / "node_modules"), "NODE_ENV": "production"}
        for name, script, more in (
            ("Express + notifme-sdk", "express_notifme", {}),
            ("Express + notifme-sdk, keep-alive", "express_notifme", {"KEEP_ALIVE": "1"}),
            ("Express + undici", "express_undici", {}),
            ("Node http + undici", "node_undici", {}),
        ):
            yield Contestant(name, ["node", str(HERE / f"{script}.js")], {**node, **more}, folder)


def smsp_environ(stub: str, port: int, **more: str) -> dict[str, str]:
    """SMSP with SendGrid at the stub, and two lines of log a send."""
    return {
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "SMSP_API_KEY": KEY,
        "SMSP_PROVIDERS": "sendgrid",
        "SMSP_SG_API_KEY": "key",
        "SMSP_SENDGRID_BASE_URL": stub,
        "SMSP_POLL_MESSAGE_ADDRESS": "poll@example.com",
        "SMSP_LOG_OUTPUT_FORMAT": "JSON_ONELINE",
        "SMSP_PORT": str(port),
        **more,
    }


def stub(port: int, folder: Path, delay_ms: int = 0) -> Contestant:
    """The provider: nginx where there is one and no delay is wanted, which Node is for."""
    if delay_ms == 0 and shutil.which("nginx") is not None:
        return Contestant("nginx", ["nginx", "-c", str(_nginx_conf(port, folder))], {}, folder)
    environ = {"PORT": str(port), "DELAY_MS": str(delay_ms)}
    return Contestant("stub", ["node", str(HERE / "stub.js")], environ, folder)


def _smsp(*module: str) -> list[str]:
    return [sys.executable, "-m", *module]


def _nginx_conf(port: int, folder: Path) -> Path:
    """A server that answers as SendGrid does, keeps its connections, and writes nowhere else."""
    temp = "".join(
        f"{kind}_temp_path {folder}/nginx-{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    conf = folder / "nginx.conf"
    conf.write_text(
        f"daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr crit;\n"
        "events { worker_connections 16384; }\n"
        f"http {{ access_log off; keepalive_requests 1000000000; keepalive_timeout 600s;\n{temp}"
        f"server {{ listen 127.0.0.1:{port} backlog=4096; location / {{\n"
        'add_header X-Message-Id m-1 always; return 202 ""; } } }\n'
    )
    return conf
