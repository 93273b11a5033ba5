"""PURE. What may stand in a request line, and whom a request may name as its host.

The parser takes more than HTTP allows: other protocols, spaces without number, hosts that are
none. What two readers could take for different requests, or fail at, is refused here by its form
(RFC 9112, section 3; RFC 3986). Every check goes through the bytes once.
"""

from __future__ import annotations

import re

TARGET_BYTES_MAX = 8 * 1024
"""RFC 9110, section 4.1, wants room for 8,000 octets at least."""

_REQUEST_LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+ [!-~]+ HTTP/1\.[01]\r\n")
# Without percent-encoding: no host that is in use has it, and it would hide what is no host.
_HOST_PORT = rb"(?:\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._~!$&'()*+,;=-]*)(?::[0-9]{0,5})?"
_HOST = re.compile(_HOST_PORT)
_USERINFO = rb"[^/?@]*@"
_ABSOLUTE = re.compile(
    rb"(?i:https?)://(?:" + _USERINFO + rb")?(?=[^:/?])" + _HOST_PORT + rb"(?:[/?]|\Z)"
)
_NAMES_A_USER = re.compile(rb"(?:[A-Za-z][0-9A-Za-z+.-]*:)?//" + _USERINFO)
_OF_THIS_HOST = (b"/", b"*")


def is_request_line(line: bytes) -> bool:
    """Whether this is a request line of ours: three words, single spaces, its end."""
    return _REQUEST_LINE.fullmatch(line) is not None


def is_host(value: bytes) -> bool:
    """Whether ``Host`` may say this. It may say nothing (RFC 9112, section 3.2)."""
    return _HOST.fullmatch(value.strip(b" \t")) is not None


def is_target(target: bytes) -> bool:
    """Whether a target leads to a path, be it in absolute form, or is ``*``."""
    return target[:1] in _OF_THIS_HOST or _ABSOLUTE.match(target) is not None


def names_a_user(target: bytes) -> bool:
    """Whether a target has a user, and perhaps a password, before its host."""
    return _NAMES_A_USER.match(target) is not None


def path_of(target: bytes) -> bytes:
    """The path, still encoded; empty where a target in absolute form has none."""
    path = target.partition(b"?")[0]
    if path[:1] in _OF_THIS_HOST:
        return path
    _, slash, rest = path.partition(b"://")[2].partition(b"/")
    return slash + rest
