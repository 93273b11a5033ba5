"""What callers were told and what providers took, kept in little memory until all is over.

Owns two books and their pairing into stories. A message takes some 100 bytes in all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from struct import Struct
from uuid import UUID

import orjson

from functional_tests.audit.people import byte_of, people_of, set_of
from functional_tests.audit.promise import Acceptance, End, Request, Story

SUBJECT = "message "
"""Of every message, before its number: what joins the two books."""

_HEAD = Struct("<IBB")
_REQUEST = Struct("<dfBHB16sB")
_ACCEPTANCE = Struct("<Bd16sB")
_NO_ID = bytes(16)
_JUDGES_EACH = frozenset({"postmark"})
"""The kinds of provider that say of each message who gets nothing."""


class Told:
    """What callers were told, message by message as they end."""

    def __init__(self, providers: Sequence[str]) -> None:
        self._names = ("", *providers)
        self._bytes = bytearray()

    def add(self, number: int, *, keyed: bool, requests: Sequence[Request]) -> None:
        """Write one message down, with all its requests."""
        self._bytes += _HEAD.pack(number, keyed, len(requests))
        for one in requests:
            took_s = one.ended_at - one.began_at
            provider = self._names.index(one.provider or "")
            self._bytes += _REQUEST.pack(
                one.began_at,
                took_s,
                one.end,
                one.status,
                provider,
                one.id or _NO_ID,
                byte_of(one.refused),
            )

    @property
    def size(self) -> int:
        """Bytes so far."""
        return len(self._bytes)

    def __iter__(self) -> Iterator[tuple[int, bool, list[Request]]]:
        """Number, whether it had a key, and requests of each message."""
        at = 0
        while at < len(self._bytes):
            number, keyed, count = _HEAD.unpack_from(self._bytes, at)
            at += _HEAD.size
            requests = [self._request(at + row * _REQUEST.size) for row in range(count)]
            at += count * _REQUEST.size
            yield number, bool(keyed), requests

    def _request(self, at: int) -> Request:
        began_at, took_s, end, status, provider, key, refused = _REQUEST.unpack_from(
            self._bytes, at
        )
        return Request(
            End(end),
            began_at,
            began_at + took_s,
            status,
            _id(key),
            self._names[provider] or None,
            people_of(refused),
        )


class Taken:
    """What providers took, read from their journals."""

    def __init__(self, journals: Mapping[str, Path]) -> None:
        self._names = tuple(journals)
        self._by_number: dict[int, bytes] = {}
        for provider, path in enumerate(journals.values()):
            with path.open("rb") as lines:
                for line in lines:
                    self._add(provider, orjson.loads(line))

    def of(self, number: int) -> list[Acceptance]:
        """Every time that this message was taken."""
        rows = _ACCEPTANCE.iter_unpack(self._by_number.get(number, b""))
        return [
            Acceptance(self._names[provider], _id(key), at, people_of(refused))
            for provider, at, key, refused in rows
        ]

    def __iter__(self) -> Iterator[int]:
        """The numbers of all messages that were taken."""
        return iter(self._by_number)

    def _add(self, provider: int, entry: Mapping) -> None:
        number = int(entry["subject"].removeprefix(SUBJECT))
        smsp_id = entry["smsp_id"]
        key = _NO_ID if smsp_id is None else UUID(smsp_id).bytes
        says = entry["provider"] in _JUDGES_EACH
        refused = set_of(entry.get("refused", ())) if says else None
        row = _ACCEPTANCE.pack(provider, entry["at"], key, byte_of(refused))
        self._by_number[number] = self._by_number.get(number, b"") + row


def stories(told: Told, taken: Taken) -> Iterator[Story]:
    """Every message that was told of, and then every one that was taken and is not among them."""
    seen = set()
    for number, keyed, requests in told:
        seen.add(number)
        yield Story(number, keyed, requests, taken.of(number))
    for number in taken:
        if number not in seen:
            yield Story(number, False, (), taken.of(number))


def _id(key: bytes) -> bytes | None:
    return None if key == _NO_ID else key
