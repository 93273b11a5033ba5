"""What callers give to a client, and what of an answer it takes."""

from __future__ import annotations

import httpx
import pytest

from smsp.client import AsyncClient, Client, TrioClient, Unknown
from tests.kit.callers import KEY, MESSAGE, URL, Clock, Node, says


@pytest.mark.parametrize("kind", [Client, AsyncClient, TrioClient])
@pytest.mark.parametrize("key", ["secret\n", "secret\r\nX: y", "sécret", " secret"])
def test_a_key_that_no_header_can_carry(kind, key):
    """A line break at its end, as files have them, is found at once, and the key is not shown."""
    with pytest.raises(ValueError, match="no header") as error:
        kind(URL, key)
    assert "secret" not in str(error.value)
    assert error.value.__cause__ is None


@pytest.mark.parametrize(
    "url",
    [
        "smsp",
        "ftp://smsp",
        "http://",
        "http://u:s3cret@smsp",
        "http://smsp/?key=s3cret",
        "http://a..b",
        f"http://{'a' * 64}.example",
        "http://smsp:port",
        "http://[",
        "localhost:8080",
    ],
)
def test_what_is_no_url_of_an_smsp(url):
    """Is found before anything is sent, and what might be a secret in it is not shown."""
    with pytest.raises(ValueError, match="URL of an SMSP") as error:
        Client(url, KEY)
    assert "s3cret" not in str(error.value)


@pytest.mark.parametrize("url", ["http://smsp.example/mail", "http://smsp.example/mail/"])
def test_a_url_with_a_path(url):
    """SMSP may be below one, behind a proxy."""
    node = Node(says(200, outcome="sent", id="1", provider="mailgun"))
    with Client(url, KEY, transport=httpx.MockTransport(node)) as client:
        client.send(MESSAGE)
    assert node.requests[0].url == "http://smsp.example/mail/email"


def test_a_slow_answer_has_an_end():
    """Piece by piece it would keep its caller for as long as it likes."""
    clock = Clock()

    def slow():
        while True:
            clock.sleep(20)
            yield b" "

    with Client(
        URL, KEY, transport=httpx.MockTransport(lambda _: httpx.Response(200, content=slow()))
    ) as client:
        outcome = client.send(MESSAGE, deadline_s=50, clock=clock, sleep=clock.sleep)

    assert isinstance(outcome, Unknown)
    assert clock.now == 60
