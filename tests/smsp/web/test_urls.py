"""What a URL must not hold, and that nothing of ours needs what is refused."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsp.web.app import create_app
from smsp.web.openapi import document
from smsp.web.urls import KEY_NAMES, PARAMETERS_MAX, wrong_with_url
from tests.kit.documents import documents
from tests.kit.web import KEY, Client, FakeDispatcher, fake_services

ROOT = Path(__file__).resolve().parents[3]
CONTRACT = (
    "key apikey api_key api-key x-api-key token access_token auth authorization password secret"
)


def encoded(text):
    """Every byte of it in hexadecimal."""
    return b"".join(b"%%%02x" % byte for byte in text.encode())


def test_the_closed_list():
    """These names, and no others."""
    assert frozenset(CONTRACT.split()) == KEY_NAMES


@pytest.mark.parametrize("name", sorted(KEY_NAMES))
def test_a_name_is_known_in_every_spelling(name):
    """In capitals, encoded, anywhere in the query, with any value and with none."""
    for spelt in (name.encode(), name.upper().encode(), encoded(name), encoded(name.title())):
        for query in (b"%b=v", b"%b", b"a=b&%b=v", b"%b&a=b", b"a&&%b=", b"%b=v=w"):
            assert wrong_with_url(b"/livez", query % spelt) == "key"


@pytest.mark.parametrize(
    "query", [b"", b"q=key", b"keys=1", b"key%3D1", b"q=a%26key=1", b"a=b;key=1", b"dryrun=true"]
)
def test_other_parameters(query):
    """What only contains a name, or holds one as its value, asks for no key."""
    assert wrong_with_url(b"/email", query) is None


@given(st.text("key=&%6b65 +", max_size=30))
def test_whatever_a_route_would_read(query):
    """A parameter that a route would find under one of the names is refused."""
    found = {name.lower() for name, _ in parse_qsl(query, keep_blank_values=True)}
    refused = wrong_with_url(b"/", query.encode()) == "key"
    assert refused == bool(found & KEY_NAMES)


@pytest.mark.parametrize(("number", "wrong"), [(PARAMETERS_MAX, None), (PARAMETERS_MAX + 1, True)])
def test_parameters_without_number(number, wrong):
    """There are as many as there are separators, be they empty or not."""
    for parameter in (b"a=b", b"a", b""):
        found = wrong_with_url(b"/", b"&".join([parameter] * number))
        assert found == (wrong and "parameters")


@pytest.mark.parametrize(
    ("target", "wrong"),
    [
        (b"http://user:password@smsp.example/livez", "key"),
        (b"HTTPS://user@smsp.example/livez", "key"),
        (b"http://@smsp.example/livez", "key"),
        (b"//user:password@smsp.example/livez", "key"),
        (b"http://smsp.example/user@example.org", None),
        (b"/user@example.org", None),
        (b"/a//user@example.org", None),
        (b"", None),
    ],
)
def test_a_user(target, wrong):
    """Before the host only: a path may hold an address."""
    assert wrong_with_url(target, b"") == wrong


async def test_too_many_parameters():
    """400 on every route, and no message is sent."""
    dispatcher = FakeDispatcher()
    client = Client(fake_services(dispatcher=dispatcher))
    query = "?dryrun=false" + "&a=b" * PARAMETERS_MAX
    for path, method in (("/email", "POST"), ("/livez", "GET"), ("/nothing", "GET")):
        answer = await client.ask(path + query, method, json={})
        assert (answer.status, answer.json["code"]) == (400, "bad_request")
    assert dispatcher.sends == []


async def test_a_url_is_not_logged():
    """Of a request its route, whatever else stands in its URL and however it ends."""
    client = Client(fake_services())
    for path in ("/email/{}", "/{}", "/livez?q={}", "/providers/{}?{}", "/livez?key={}"):
        for key in (KEY, None):
            await client.ask(path.format("what-is-asked-for", "another-thing"), key=key)
    log = str(client.services.log.events)
    assert "what-is-asked-for" not in log
    assert "another-thing" not in log


def test_no_route_needs_what_is_refused():
    """Neither a parameter of the document, nor one that a handler reads, nor one in a rule."""
    named = set(re.findall(r"'name': '([^']+)', 'in': 'query'", str(document("1.2.3"))))
    sources = [path.read_text("utf-8") for path in (ROOT / "smsp").rglob("*.py")]
    read = {name for text in sources for name in re.findall(r"args(?:\.get\(|\[)\"([^\"]+)", text)}
    assert "dryrun" in named
    assert {"circuits", "v"} <= read
    assert not KEY_NAMES & {name.lower() for name in named | read}
    rules = create_app(fake_services()).url_map.iter_rules()
    assert not any("?" in rule.rule or "@" in rule.rule for rule in rules)


def test_nothing_of_ours_asks_for_what_is_refused():
    """No probe, page, client or example of ours has such a URL."""
    shown = [*documents(), ROOT / "Dockerfile", *(ROOT / "smsp").rglob("*.py")]
    shown += [
        path for path in (ROOT / "smsp/web/static").rglob("*") if path.suffix in {".js", ".html"}
    ]
    asked = {
        (name.lower(), path.name)
        for path in shown
        for url in re.findall(r"/[a-z0-9/{}_-]*\?[^\s\"'`)>]+", path.read_text("utf-8"))
        for name in re.findall(r"[?&]([A-Za-z_-]+)=", url)
    }
    assert {("dryrun", "README.md"), ("v", "docs.py")} <= asked
    refused = {(name, path) for name, path in asked if name in KEY_NAMES}
    assert not refused
