"""What a provider has taken, on disk before it says so: its own end does not undo it.

Owns one file of lines of JSON. A line is one ``write`` to a file opened for appending, so whoever
ends the process, by whatever signal, loses no message whose provider has said a word about it.
That is a promise about processes; it is not one about machines that lose their power.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson


@dataclass(frozen=True, slots=True)
class Entry:
    """One message as a provider took it. ``number`` grows with every message taken by any.

    ``refused`` are those of its recipients for whom it was not taken.
    """

    number: int
    provider: str
    smsp_id: str | None
    recipients: tuple[str, ...]
    subject: str
    refused: tuple[str, ...] = ()


class Journal:
    """Entries that outlive the process. ``now`` is Unix time in seconds, and noted beside each."""

    def __init__(self, path: Path, *, now: Callable[[], float] = time.time) -> None:
        self._path = path
        self._now = now
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def append(self, entry: Entry) -> None:
        """Write one down. When this returns, the system has it."""
        fields = {**asdict(entry), "at": self._now()}
        if not entry.refused:
            del fields["refused"]
        line = orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)
        os.write(self._file, line)

    def entries(self) -> Iterator[Entry]:
        """All that was written down, by earlier processes too, oldest first."""
        for line in self._path.read_bytes().splitlines():
            fields = orjson.loads(line)
            del fields["at"]
            people = {name: tuple(fields.get(name, ())) for name in ("recipients", "refused")}
            yield Entry(**{**fields, **people})

    def close(self) -> None:
        """Write no more."""
        os.close(self._file)
