"""What the peers need, put into a folder of its own: packages of npm and pip, and wrk and nginx.

Nothing is installed twice, and nothing into the environment that runs this. Without root, or where
the system has no such package, wrk and nginx are done without.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

NPM = ("express@5", "notifme-sdk@1", "undici@7")
PIP = ("aiohttp", "fastapi", "httptools", "httpx", "matplotlib", "uvicorn", "uvloop")
DEBIAN = ("wrk", "nginx-light")
STEP_S = 600
"""No step takes longer, in seconds."""


def install(folder: Path, say: Callable[[str], None]) -> Path:
    """Make everything ready; the Python that has the peers' packages."""
    folder.mkdir(parents=True, exist_ok=True)
    _from_npm(folder, say)
    _from_debian(say)
    return _from_pip(folder, say)


def _from_npm(folder: Path, say: Callable[[str], None]) -> None:
    if shutil.which("npm") is None:
        say("npm: not here; the peers that run on Node are left out")
    elif not (folder / "node_modules" / "undici").exists():
        say(f"npm install {' '.join(NPM)}")
        _run(["npm", "install", "--no-audit", "--no-fund", "--silent", *NPM], folder)


def _from_debian(say: Callable[[str], None]) -> None:
    missing = [name for name in DEBIAN if shutil.which(name.partition("-")[0]) is None]
    if not missing:
        return
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        say(f"{' and '.join(missing)}: not here; Node and a generator of our own stand in")
        return
    say(f"apt-get install {' '.join(missing)}")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing]
    subprocess.run(command, env=quiet, timeout=STEP_S, check=False, capture_output=True)


def _from_pip(folder: Path, say: Callable[[str], None]) -> Path:
    python = folder / "venv" / "bin" / "python"
    if not (python.exists() and any(folder.glob("venv/lib/*/site-packages/matplotlib"))):
        say(f"pip install {' '.join(PIP)}")
        venv.create(folder / "venv", with_pip=True)
        _run([str(python), "-m", "pip", "install", "-q", *PIP], folder)
    return python


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(
        command, cwd=folder, timeout=STEP_S, check=False, capture_output=True, text=True
    )
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
