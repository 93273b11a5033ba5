"""Which answers a page of another origin may read, and what its browser is told."""

from __future__ import annotations

import pytest

from tests.kit.web import Client, fake_services

ORIGIN = "https://shop.example.com"
PREFLIGHT = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Allow-Headers": (
        "X-API-KEY, Authorization, Content-Type, Idempotency-Key, SMSP-Deadline, "
        "RequestKey, X-Request-ID"
    ),
    "Access-Control-Expose-Headers": "RequestKey, Retry-After, Idempotency-Replayed",
    "Access-Control-Max-Age": "600",
}


def cors_of(answer):
    """The headers of the CORS protocol that an answer has."""
    headers = ((name.title(), text) for name, text in answer.headers)
    return {name: text for name, text in headers if name.startswith("Access-Control-")}


def client_of(*origins):
    """A client of a node that shares with these origins."""
    return Client(fake_services(cors_origins=origins))


async def test_a_preflight():
    """The browser is told every header that a caller may send and read; no key is asked for."""
    answer = await client_of("*").ask(
        "/email",
        "OPTIONS",
        key=None,
        headers={"Origin": ORIGIN, "Access-Control-Request-Method": "POST"},
    )
    assert answer.status == 200
    assert cors_of(answer) == PREFLIGHT


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/email", "POST", 415),
        ("/email", "GET", 405),
        ("/email?key=1", "POST", 400),
        ("/email/6d0b5f0e-3c1b-4c1e-9c3a-2f6a3c8f0a11", "GET", 404),
        ("/docs", "GET", 200),
        ("/swagger.json", "GET", 200),
        ("/openapi.json", "GET", 200),
    ],
)
async def test_documentation_and_sending_are_shared(path, method, status):
    """A page may read these answers, also when they are errors."""
    answer = await client_of("*").ask(path, method, headers={"Origin": ORIGIN})
    assert answer.status == status
    assert cors_of(answer) == {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Expose-Headers": "RequestKey, Retry-After, Idempotency-Replayed",
    }


async def test_a_refusal_is_shared():
    """A page may read that its key is wrong."""
    answer = await client_of("*").post(key="a wrong key", headers={"Origin": ORIGIN})
    assert answer.status == 401
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
@pytest.mark.parametrize(
    "path", ["/providers", "/providers/mailgun", "/healthcheck", "/readyz", "/nowhere", "/emails"]
)
async def test_watching_is_not_shared(path, method):
    """No page of another origin reads anything else."""
    answer = await client_of("*").ask(path, method, headers={"Origin": ORIGIN})
    assert cors_of(answer) == {}
    assert "Vary" not in answer.headers


async def test_an_allowed_origin():
    """With a list, the origin that asks is named, and caches are told that this depends on it."""
    client = client_of("https://other.example.com", ORIGIN)
    answer = await client.post(headers={"Origin": ORIGIN})
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert answer.headers["Vary"] == "Origin"


@pytest.mark.parametrize("origin", ["https://evil.example", f"{ORIGIN}.evil.example", "null", None])
async def test_any_other_origin(origin):
    """An origin that is not on the list learns nothing, and no cache mixes the answers up."""
    answer = await client_of(ORIGIN).post(headers={"Origin": origin})
    assert cors_of(answer) == {}
    assert answer.headers["Vary"] == "Origin"


async def test_never_with_credentials():
    """A browser never sends its cookies along: a key is a header the page must set itself."""
    for origins in (("*",), (ORIGIN,)):
        for method in ("POST", "OPTIONS"):
            answer = await client_of(*origins).ask("/email", method, headers={"Origin": ORIGIN})
            assert "Access-Control-Allow-Credentials" not in answer.headers
