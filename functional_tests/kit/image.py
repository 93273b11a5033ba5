"""The container image without a container engine: what its Dockerfile says, done here.

Owns the reading of the Dockerfile, as far as ours goes. The stages' ``RUN`` lines that install are
run in a folder with just what is copied into the image; the rest is environment and commands.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from functional_tests.kit.processes import ROOT

INSTALLED_AT = "/opt/smsp"
USER = 10001


def instructions() -> Iterator[tuple[str, str]]:
    """Each instruction of the Dockerfile, continued lines joined."""
    text = (ROOT / "Dockerfile").read_text("utf-8")
    text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    for line in filter(None, text.split("\n")):
        word, _, rest = line.partition(" ")
        yield word, rest.strip()


def exec_form(instruction: str) -> list[str]:
    """The words of an ``ENTRYPOINT``, ``CMD`` or ``HEALTHCHECK``."""
    (rest,) = (rest for word, rest in instructions() if word == instruction)
    return json.loads(rest[rest.index("[") :])


@dataclass(frozen=True)
class Image:
    """What is installed in the image, in a folder of this machine."""

    folder: Path

    @property
    def environ(self) -> dict[str, str]:
        """The image's environment; there is no ``HOME``."""
        environ: dict[str, str] = {}
        for word, rest in instructions():
            if word == "ENV":
                environ |= dict(pair.split("=", 1) for pair in shlex.split(rest))
        environ["PATH"] = f"{self.folder / 'bin'}:/usr/bin:/bin"
        return environ

    def program(self, name: str) -> str:
        """The path of what the image has installed under this name."""
        return str(self.folder / "bin" / name)


def build(folder: Path) -> Image:
    """Run the build stage's lines, each as the Dockerfile has it but for where things are."""
    source, image = folder / "src", folder / "smsp"
    source.mkdir(parents=True)
    for word, rest in instructions():
        words = shlex.split(rest)
        if word == "COPY" and not rest.startswith("--from"):
            _copy(words[:-1], source / words[-1])
        elif word == "RUN" and INSTALLED_AT in rest:
            command = rest.replace(INSTALLED_AT, str(image)).replace(
                "python -m", f"{sys.executable} -m"
            )
            subprocess.run(command, shell=True, cwd=source, check=True, capture_output=True)
    return Image(image)


def _copy(names: list[str], target: Path) -> None:
    for name in names:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, target)
