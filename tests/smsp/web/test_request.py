"""A request as handlers see it: headers by name, and what Quart would tell of them."""

from __future__ import annotations

import pytest

from smsp.web.request import ApiRequest

HEADERS = ((b"x-order", b"1"), (b"x-order", b"2"), (b"x-name", b"J\xf6rg"))


def asked(*headers, path="/email", query=b"", client=("192.0.2.1", 50000)):
    """A request that a server hands over."""
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "query_string": query,
        "root_path": "",
        "headers": headers,
        "client": client,
        "server": ("192.0.2.2", 8080),
    }
    return ApiRequest(scope, _receive, body_bytes_max=1000, arrived_at=0.0)


async def _receive():
    raise AssertionError("nobody has asked for the body")


def test_a_header_by_its_name():
    """The first of several, as text; None if there is none."""
    request = asked(*HEADERS)
    found = [request.field(name) for name in (b"x-order", b"x-name", b"x-other")]
    assert found == ["1", "J\u00f6rg", None]


def test_all_headers():
    """Whoever wants all of them has all of them, in their order."""
    headers = asked(*HEADERS).headers
    assert headers.getlist("X-Order") == ["1", "2"]
    assert headers["x-name"] == "J\u00f6rg"


@pytest.mark.parametrize(
    ("content_type", "media_type"),
    [
        (b"application/json", "application/json"),
        (b" Application/JSON ; charset=utf-8", "application/json"),
        (b"", ""),
        (b";", ""),
    ],
)
def test_the_media_type(content_type, media_type):
    """Without parameters, and however it is written."""
    assert asked((b"content-type", content_type)).media_type == media_type
    assert asked().media_type == ""


@pytest.mark.parametrize(
    ("headers", "length"),
    [
        ([(b"content-length", b"12")], 12),
        ([(b"content-length", b"0")], 0),
        ([(b"content-length", b"-1")], None),
        ([(b"content-length", b"1_0")], None),
        ([(b"content-length", b"12"), (b"transfer-encoding", b"chunked")], None),
        ([], None),
    ],
)
def test_the_length_of_the_body(headers, length):
    """As it was said; nothing is known of a body in chunks."""
    assert asked(*headers).content_length == length


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/email", "/email"),
        ("http://smsp.example/email", "/email"),
        ("http://smsp.example", "/*"),
        ("", "/*"),
        ("*", "/*"),
        ("//email", "/email"),
    ],
)
def test_the_path(target, path):
    """Also of a target in absolute form; one that names none leads nowhere."""
    assert asked(path=target).path == path


def test_the_query():
    """Its parameters, decoded; without one there are none."""
    assert asked(query=b"dryrun=true&a=%C3%A4").args.to_dict() == {"dryrun": "true", "a": "\u00e4"}
    assert not asked().args


def test_where_it_comes_from():
    """The peer's address, if the server knows one."""
    assert asked().remote_addr == "192.0.2.1"
    assert asked(client=None).remote_addr == "<local>"
