"""The forms of request lines, targets and hosts (RFC 9112, section 3; RFC 3986)."""

from __future__ import annotations

import pytest

from smsp.web.request_target import is_host, is_request_line, is_target, path_of


@pytest.mark.parametrize(
    ("line", "right"),
    [
        (b"GET / HTTP/1.1\r\n", True),
        (b"BREW-IT /pot?x HTTP/1.0\r\n", True),
        (b"GET  / HTTP/1.1\r\n", False),
        (b"GET / HTTP/1.1 \r\n", False),
        (b"GET / HTTP/2.0\r\n", False),
        (b"GET / RTSP/1.0\r\n", False),
        (b"GET / HTTP/1.1\n", False),
        (b"GET / HTTP/1.1", False),
        (b"GET /", False),
        (b"G(T / HTTP/1.1\r\n", False),
    ],
)
def test_request_lines(line, right):
    """Three words with one space between, and an end."""
    assert is_request_line(line) == right


@pytest.mark.parametrize(
    "host",
    [
        b"x",
        b"smsp.example",
        b"smsp_1:8080",
        b"192.0.2.1:80",
        b"[2001:db8::1]:443",
        b"[::1]",
        b"",
        b"x:",
        b"xn--bcher-kva.example",
        b" x\t",
        b"a.b.c.:1",
    ],
)
def test_hosts(host):
    """Names, addresses, each with a port or without; nothing at all."""
    assert is_host(host)


@pytest.mark.parametrize(
    "host",
    [
        b"a b",
        b"x/y",
        b"u@x",
        b"x:port",
        b"x:1:2",
        b"[::1",
        b"::1",
        b"[]",
        b"[x]",
        b"%5B",
        b"x?y",
        b"x#y",
        b"b\xc3\xbccher.example",
        b"x:123456",
        b"x, y",
        b'"x"',
        b"<x>",
        b"x\\y",
    ],
)
def test_what_is_no_host(host):
    """What has an end elsewhere than a reader may think, or is no name."""
    assert not is_host(host)


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (b"/livez", b"/livez"),
        (b"/livez?x=http://[/", b"/livez"),
        (b"//livez", b"//livez"),
        (b"*", b"*"),
        (b"http://smsp.example/livez?x", b"/livez"),
        (b"HTTPS://[::1]:8080/a//b", b"/a//b"),
        (b"http://user:password@smsp.example/livez", b"/livez"),
        (b"http://smsp.example", b""),
        (b"http://smsp.example?x=/", b""),
    ],
)
def test_targets(target, path):
    """A path, ``*`` and a URL; what the path of each is."""
    assert is_target(target)
    assert path_of(target) == path


@pytest.mark.parametrize(
    "target",
    [
        b"http://%5B/livez",
        b"http://[/livez",
        b"http:///livez",
        b"http://",
        b"http://:80/",
        b"http://?x",
        b"http://user@/livez",
        b"http://u@v@x/livez",
        b"http://x:port/",
        b"ftp://x/livez",
        b"file:///etc/passwd",
        b"smsp.example:443",
        b"livez",
        b"",
    ],
)
def test_what_leads_nowhere(target):
    """No host, another scheme, or no target at all."""
    assert not is_target(target)
