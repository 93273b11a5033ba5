"""PURE. What is said to the server, drawn from a seed: the same number is the same bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from types import MappingProxyType

from functional_tests.fuzz.poison import BAD_CHUNKS, BAD_HEADS, WORDS
from functional_tests.fuzz.said import BODY_BYTES_MAX, CHUNKED, JSON, Said, last, tame

Stream = tuple[bytes, list[int] | None]


@dataclass(frozen=True)
class Case:
    """Bytes in the pieces in which they are written.

    ``statuses`` are those of all answers, where they are known beforehand. Who ``leaves`` reads
    none.
    """

    seed: str
    number: int
    kind: str
    pieces: tuple[bytes, ...]
    statuses: list[int] | None = None
    leaves: bool = False

    @property
    def stream(self) -> bytes:
        """All of it."""
        return b"".join(self.pieces)

    def __str__(self) -> str:
        pieces = "".join(f"\n    {piece!r}," for piece in self.pieces)
        return (
            f"{self.kind}; again: FUZZ_SEED={self.seed} FUZZ_FIRST={self.number} FUZZ_CASES=1\n"
            f"  pieces = [{pieces}\n  ]"
        )


def case(seed: str, number: int) -> Case:
    """The case of this number."""
    rng = Random(f"{seed}/{number}")
    (kind,) = rng.choices(list(_KINDS), [weight for _, weight in _KINDS.values()])
    make, _ = _KINDS[kind]
    stream, statuses = make(rng, Said(rng, f"{seed}/{number}"))
    leaves = statuses is None and rng.random() < 0.05
    return Case(seed, number, kind, tuple(_pieces(rng, stream)), statuses, leaves)


def _tame(rng: Random, said: Said) -> Stream:
    """Requests that have to be answered, and perhaps one behind the last."""
    requests = [tame(rng, said) for _ in range(rng.randint(1, 4))]
    behind = b""
    if rng.random() < 0.4:
        requests.append(last(rng, said))
        behind = said.email() * rng.randint(0, 1)
    gap = rng.choice([b"", b"", b"\r\n"])
    return gap.join(one for one, _ in requests) + behind, [status for _, status in requests]


def _bad_head(rng: Random, said: Said) -> Stream:
    """A head that can be read in two ways, and behind it a message for one of the readings."""
    lines, status = rng.choice(BAD_HEADS)
    head = said.head(b"POST", b"/email", JSON, lines)
    hidden = rng.choice([b"", b"0\r\n\r\n", b"5\r\nhello\r\n0\r\n\r\n"])
    return _behind_others(rng, said, head + hidden + said.email(), status)


def _bad_line(rng: Random, said: Said) -> Stream:
    """A good request with bare line feeds, or bare returns, in its head."""
    head, _, body = said.email().partition(b"\r\n\r\n")
    bare = rng.choice([b"\n", b"\r"])
    lines = head.split(b"\r\n")
    place = rng.randrange(len(lines))
    some = b"\r\n".join(lines[: place + 1]) + bare + b"\r\n".join(lines[place + 1 :] or [b""])
    ending = b"\r\n\r\n" if place < len(lines) - 1 else b"\r\n"
    return _behind_others(rng, said, some + ending + body + said.email(), 400)


def _bad_chunks(rng: Random, said: Said) -> Stream:
    """A body whose chunks can be read in two ways, and behind them a message."""
    body = said.message()
    good = b"%x\r\n%b\r\n" % (len(body), body)
    framing = good * rng.randint(0, 1) + rng.choice(BAD_CHUNKS)
    head = said.head(b"POST", b"/email", JSON, CHUNKED)
    return _behind_others(rng, said, head + framing + said.email(), 400)


def _oversized(rng: Random, said: Said) -> Stream:
    """Too long a line, too many headers, too large a body; or a length that nobody could send."""
    long, too_long = b"a" * rng.randint(300_000, 400_000), b" " * rng.randint(70_000, 150_000)
    makes: Sequence[Callable[[], tuple[bytes, int]]] = (
        lambda: (b"GET /" + long, 414),
        lambda: (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + long, 431),
        lambda: (said.head(b"GET", b"/livez", b"X: a\r\n" * rng.randint(99, 300)), 431),
        lambda: (said.posted(b" " * rng.randint(BODY_BYTES_MAX + 1, 200_000), JSON), 413),
        lambda: (said.chunked(too_long, JSON), 413),
        lambda: (said.head(b"POST", b"/email", JSON, _length(10 ** rng.randint(6, 18))), 413),
        lambda: (said.head(b"POST", b"/email", JSON, _length(10 ** rng.randint(20, 40))), 400),
    )
    return _behind_others(rng, said, *rng.choice(makes)())


def _mutated(rng: Random, said: Said) -> Stream:
    """Good requests in which a few bytes are not what they were."""
    stream = bytearray(_tame(rng, said)[0] + said.email() * rng.randint(0, 1))
    for _ in range(rng.choice([1, 1, 1, 2, 3, 8])):
        _mutate(rng, stream)
    return bytes(stream), None


def _mutated_attack(rng: Random, said: Said) -> Stream:
    """An attack that somebody has spoilt, or has made better."""
    stream = bytearray(rng.choice([_bad_head, _bad_chunks])(rng, said)[0])
    _mutate(rng, stream)
    return bytes(stream), None


def _cut(rng: Random, said: Said) -> Stream:
    """Requests that end too early."""
    stream, _ = _tame(rng, said)
    return stream[: rng.randrange(len(stream))], None


def _noise(rng: Random, said: Said) -> Stream:
    """Words of the protocol in any order, and a message behind them."""
    return b"".join(rng.choices(WORDS, k=rng.randint(1, 40))) + said.email(), None


_KINDS: Mapping[str, tuple[Callable[[Random, Said], Stream], int]] = MappingProxyType(
    {
        "tame": (_tame, 20),
        "bad head": (_bad_head, 12),
        "bad line": (_bad_line, 5),
        "bad chunks": (_bad_chunks, 8),
        "oversized": (_oversized, 4),
        "mutated": (_mutated, 30),
        "mutated attack": (_mutated_attack, 12),
        "cut": (_cut, 8),
        "noise": (_noise, 6),
    }
)


def _behind_others(rng: Random, said: Said, stream: bytes, status: int) -> Stream:
    before = [tame(rng, said) for _ in range(rng.choice([0, 0, 1, 2]))]
    statuses = [one for _, one in before]
    return b"".join(one for one, _ in before) + stream, [*statuses, status]


def _length(size: int) -> bytes:
    return b"Content-Length: %d\r\n" % size


def _mutate(rng: Random, stream: bytearray) -> None:
    """Change something somewhere; the heads more often than their share."""
    marks = [at for at in range(len(stream)) if stream[at] in b"\r\n:;, "]
    at = rng.choice(marks) if rng.random() < 0.5 else rng.randrange(len(stream))
    end = min(len(stream), at + rng.choice([1, 1, 2, 5, 30]))
    match rng.randrange(6):
        case 0:
            stream[at] ^= 1 << rng.randrange(8)
        case 1:
            stream[at] = rng.choice(b"\0\r\n\t \x0b\x7f\xff:;,0a")
        case 2:
            stream[at:at] = rng.choice(WORDS)
        case 3:
            stream[at:at] = bytes(rng.choices(range(256), k=rng.randint(1, 4)))
        case 4 if end - at < len(stream):
            del stream[at:end]
        case _:
            stream[at:at] = stream[at:end]


def _pieces(rng: Random, stream: bytes) -> list[bytes]:
    """Whole, cut at a few places, or byte for byte."""
    last_cut = len(stream) - 1
    most = rng.choice([0, 0, 1, 2, 5, 20, 200])
    cuts = sorted(rng.sample(range(1, len(stream)), max(0, min(most, last_cut))))
    return [stream[start:end] for start, end in pairwise([0, *cuts, len(stream)])]
