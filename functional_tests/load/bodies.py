"""Bodies for ``POST /email`` that cost as much as a caller can make them cost, taken or refused.

Owns their shapes; each is made for a size in bytes, and has about as many, unless a message cannot.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from types import MappingProxyType

KIB, MIB = 1024, 1024 * 1024
MINIMAL = {"fromaddress": "alice@mail.example.com", "toaddress": "bob@example.org"}
FILE = {"filename": "a.pdf", "contenttype": "application/pdf", "content": ""}

Shape = Callable[[int], bytes]


def message(**fields: object) -> bytes:
    """A message with these fields, written as compactly and in as many bytes as can be."""
    return json.dumps(MINIMAL | fields, ensure_ascii=False).encode()


def filled(before: bytes, unit: bytes, after: bytes = b"") -> Shape:
    """The unit as often as there is room."""

    def shape(size: int) -> bytes:
        room = size - len(before) - len(after)
        return before + unit * (room // len(unit)) + after

    return shape


def _field(name: str, unit: bytes) -> Shape:
    """A message with one long string: ``unit`` is as it stands in JSON."""
    return filled(message()[:-1] + b', "%b": "' % name.encode(), unit, b'"}')


def _members(name: str, unit: bytes, last: bytes) -> Shape:
    return filled(message()[:-1] + b', "%b": ' % name.encode(), unit, last)


def _domain(number: int) -> str:
    """International, as long as can be, and like no other."""
    return ".".join([f"ü{number}ß"] + ["äöüßé" * 4] * 4)


def _recipients(mailbox: Callable[[int], str]) -> Shape:
    """A thousand recipients and a thousand to reply to, or as many as there is room for."""

    def shape(size: int) -> bytes:
        room = (size - 300) // (2 * (len(mailbox(1_000).encode()) + 4))
        boxes = [mailbox(number) for number in range(max(1, min(1_000, room)))]
        return message(toaddress=boxes, replytoaddress=boxes)

    return shape


def _many_files(size: int) -> bytes:
    content = b64encode(bytes((size // 100 - 200) * 3 // 4)).decode()
    return message(attachments=[FILE | {"content": content}] * 100)


def _one_file(size: int) -> bytes:
    content = b64encode(bytes(range(256)) * ((size - 300) * 3 // 4 // 256)).decode()
    return message(attachments=[FILE | {"content": content}])


def _bad_file(size: int) -> bytes:
    return _one_file(size).replace(b'="}]}', b'!"}]}').replace(b'/w=="}', b'/w!="}')


def _everything(size: int) -> bytes:
    """As much as a message can have of everything, and a file with what is left."""
    names = {f"X-{n}": "ü" * 400 for n in range(100)}
    boxes = [f"Ünï {n} <r{n}@{_domain(n)}>" for n in range(300)]
    rest = {"headers": names, "metadata": names, "tags": ["tag"] * 50, "subject": "ü" * 998}
    whole = message(toaddress=boxes, **rest)
    left = max(0, size - len(whole) - 300)
    content = b64encode(bytes(left * 3 // 8)).decode()
    text = "é\n" * (left // 8)
    file = FILE | {"content": content}
    return message(toaddress=boxes, plaintextbody=text, attachments=[file], **rest)


def _headers(size: int) -> bytes:
    value = "ü" * min(998, size // 250)
    return message(headers={f"X-{n}": value for n in range(100)}, subject=value)


def _different_names(size: int) -> bytes:
    return json.dumps(dict.fromkeys(map(str, range(size // 17)))).encode()


def _wrong_files(size: int) -> bytes:
    wrong = {f"{n}": "a" * (size // 9_000 - 10) for n in range(90)}
    return message(attachments=[wrong] * 100)


TAKEN: Mapping[str, Shape] = MappingProxyType(
    {
        "text": _field("plaintextbody", b"Hello, hello. "),
        "text, all new lines": _field("plaintextbody", b"\\n"),
        "text, all equals signs": _field("plaintextbody", b"="),
        "text, all quotes": _field("htmlbody", b'\\"'),
        "text, all backslashes": _field("htmlbody", b"\\\\"),
        "text, all control characters": _field("plaintextbody", b"\\u0001"),
        "text, escaped Chinese": _field("plaintextbody", b"\\u4e2d"),
        "text, escaped faces": _field("plaintextbody", b"\\ud83d\\ude00"),
        "text, faces": _field("plaintextbody", "\N{GRINNING FACE}".encode()),
        "text, one face": filled(
            message()[:-1] + b', "plaintextbody": "', b"a", '\N{GRINNING FACE}"}'.encode()
        ),
        "HTML with mail addresses": _field("htmlbody", b"<a href='mailto:a@b.c'>a@b.c</a>"),
        "white space": _members("subject", b" \n", b'"a"}'),
        "one file": _one_file,
        "one file, all slashes escaped": filled(
            message(attachments=[FILE])[:-4], b"\\/\\/\\/\\/", b'"}]}'
        ),
        "a hundred files": _many_files,
        "plain recipients": _recipients("recipient-{}@example.org".format),
        "quoted recipients": _recipients('"r..{}"@example.org'.format),
        "recipients in capitals": _recipients("R <Recipient-{}@EXAMPLE.ORG>".format),
        "international recipients": _recipients(lambda n: f"ü{n}@{_domain(n)}"),
        "recipients from right to left": _recipients(
            lambda n: f"x@{'א' * 40}{n}.{'א' * 40}.{'א' * 40}.x"
        ),
        "long names of recipients": _recipients(lambda n: f"{'ü' * 300}{n} <r{n}@example.org>"),
        "names full of escapes": _recipients(lambda n: f'"{chr(92) * 2 * 150}{n}" <r{n}@x.org>'),
        "headers": _headers,
        "everything": _everything,
    }
)
"""Messages."""

REFUSED: Mapping[str, Shape] = MappingProxyType(
    {
        "objects": filled(b'{"x":[', b'{"":0},', b"0]}"),
        "objects, to no end": filled(b'{"x":[', b'{"":0},'),
        "objects alone": filled(b"[", b'{"":0},', b"0]"),
        "empty lists": filled(b'{"x":[', b"[],", b"0]}"),
        "numbers": filled(b'{"x":[', b"0,", b"0]}"),
        "fractions": filled(b'{"x":[', b"1.5e9,", b"0]}"),
        "empty strings": filled(b'{"toaddress":[', b'"",', b'""]}'),
        "short strings": filled(b'{"toaddress":[', b'"ab",', b'""]}'),
        "recipients without end": filled(b'{"toaddress":[', b'"a@b.c",', b'""]}'),
        "brackets": filled(b"", b"["),
        "brackets in a field": filled(b'{"x":', b"["),
        "braces": filled(b"", b'{"a":'),
        "names": filled(b"{", b'"a":0,', b'"b":0}'),
        "different names": _different_names,
        "a name twice, far apart": _members("a", b" ", b'1, "a": 2}'),
        "headers without end": _members("headers", b'{"X-A":"b",', b'"":""}}'),
        "a string without an end": filled(b'{"subject":"', b"a"),
        "escapes without an end": filled(b'{"subject":"', b"\\\\"),
        "a long subject": _field("subject", b"\\u4e2d"),
        "a long name": filled(message()[:-1] + b', "', b"\\u4e2d", b'": 1}'),
        "a long unknown field": _field("colour", b"\\ud83d\\ude00"),
        "text that is not UTF-8 at its end": filled(
            message()[:-1] + b', "plaintextbody": "', b"abcdefgh", b'\xff"}'
        ),
        "text of continuation bytes": _field("plaintextbody", b"\x80"),
        "half surrogates": _field("plaintextbody", b"\\ud83d"),
        "base64 that is none at its end": _bad_file,
        "base64, all padding": filled(message(attachments=[FILE])[:-4], b"=", b'"}]}'),
        "zeros": filled(b"", b"\x00"),
        "white space alone": filled(b"", b" "),
        "wrong recipients": _recipients(lambda n: f"ü{n}@{_domain(n)}-"),
        "wrong files": _wrong_files,
    }
)
"""What is no message, or no JSON."""
