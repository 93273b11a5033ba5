"""A place where a process can write nothing, as in a container with a read-only file system.

How tight it is depends on what this machine lets us do. Always: no ``HOME``, a working directory
and a ``TMPDIR`` that cannot be written to, and a limit by which no file can grow. As root on Linux
also: a mount namespace in which every file system is read-only, and the image's user, who may read
everything and write nothing.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

# The capability stands in for the files of an image, which everybody may read.
_AS_SOMEBODY = (
    "setpriv --reuid {user} --regid {user} --clear-groups --no-new-privs "
    "--inh-caps=-all,+dac_read_search --ambient-caps=-all,+dac_read_search "
    "--bounding-set=-all,+dac_read_search"
)
_READ_ONLY = (
    "for at in $(awk '{{print $5}}' /proc/self/mountinfo); do "
    'mount -o remount,bind,ro "$at" 2>/dev/null || true; done; '
    'exec {become} "$@"'
)


def can_be_tight() -> bool:
    """Whether this machine lets us make file systems read-only for one process."""
    tools = all(shutil.which(tool) for tool in ("unshare", "setpriv", "mount"))
    if not tools or os.geteuid() != 0:
        return False
    tried = subprocess.run(["unshare", "--mount", "true"], check=False, capture_output=True)
    return tried.returncode == 0


def start(
    command: Sequence[str], environ: Mapping[str, str], empty: Path, user: int
) -> subprocess.Popen[str]:
    """Start it there; what it prints comes through a pipe. ``empty`` is an empty folder."""
    empty.chmod(0o555)
    if can_be_tight():
        script = _READ_ONLY.format(become=_AS_SOMEBODY.format(user=user))
        command = ["unshare", "--mount", "sh", "-c", script, "jail", *command]
    return subprocess.Popen(
        command,
        env={**environ, "TMPDIR": str(empty)},
        cwd=empty,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=_no_file_may_grow,  # noqa: PLW1509 - the child is alone, and execs at once
    )


def _no_file_may_grow() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
