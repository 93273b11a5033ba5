"""The simulated providers on real sockets: their switches, their control port, their command."""

from __future__ import annotations

import signal
import ssl
import subprocess
import sys

import httpx
import orjson
import pytest
import trio
import trustme

from smsp.simulator import Position, every_wire, mailgun_and_sendgrid, run_simulators
from tests.kit.peer import Peer
from tests.kit.provider_requests import (
    API_KEY,
    DOMAIN,
    mailgun_request,
    on_the_wire,
    postmark_request,
    sendgrid_request,
)

SOON = httpx.Timeout(0.3)
BROKEN_OFF = (httpx.RemoteProtocolError, httpx.ReadError)
SPOILT = {
    "hang": httpx.ReadTimeout,
    "accept-then-hang": httpx.ReadTimeout,
    "drop": BROKEN_OFF,
    "accept-then-drop": BROKEN_OFF,
    "garbage": BROKEN_OFF,
    "cut": BROKEN_OFF,
}
HELLO = on_the_wire(mailgun_request(v__smsp_id="id-1"))


@pytest.fixture
async def simulation():
    """The usual two providers."""
    async with run_simulators(mailgun_and_sendgrid(API_KEY, DOMAIN)) as simulation:
        yield simulation


@pytest.fixture
async def client():
    """A client that keeps its connections, and has little patience."""
    async with httpx.AsyncClient(trust_env=False, timeout=SOON) as client:
        yield client


async def send(client, provider, to="bob@example.org"):
    """Send one message to the simulated Mailgun."""
    request = mailgun_request(to, v__smsp_id="id-1")
    url = provider.url + request.path
    return await client.post(url, content=request.body, headers=request.headers)


async def connect(provider):
    """One connection, of which every byte is seen."""
    return Peer(await trio.open_tcp_stream("127.0.0.1", provider.port))


async def test_up(simulation, client):
    """Both providers take mail over HTTP, into one outbox."""
    mailgun, sendgrid = simulation.providers.values()
    request = sendgrid_request(custom_args={"smsp-id": "id-2"})
    url = sendgrid.url + request.path
    assert (await send(client, mailgun)).status_code == 200
    answer = await client.post(url, content=request.body, headers=request.headers)
    assert (answer.status_code, answer.content) == (202, b"")
    assert simulation.outbox.taken_by_id == {"id-1": 1, "id-2": 1}


async def test_down_and_up_again(simulation, client):
    """The port refuses connections, kept ones are closed, and the port stays the same."""
    provider = simulation.providers["mailgun"]
    port = provider.port
    for times in (1, 2, 3):
        async with await connect(provider) as kept:
            assert (await kept.ask(HELLO)).status == 200
            await provider.set_switch(Position.DOWN)
            assert await kept.rest() == b""
        with pytest.raises(httpx.ConnectError):
            await send(client, provider)
        await provider.set_switch(Position.UP)
        assert (provider.port, simulation.outbox.taken("id-1")) == (port, times)


async def test_a_switch_turned_twice_at_once(simulation, client):
    """Each turn is in effect when it returns, and the last one stays."""
    provider = simulation.providers["mailgun"]
    async with trio.open_nursery() as nursery:
        for position in (Position.DOWN, Position.UP, Position.DOWN, Position.HANG, Position.UP):
            nursery.start_soon(provider.set_switch, position)
    await provider.set_switch(Position.UP)
    assert (await send(client, provider)).status_code == 200


async def test_hang(simulation):
    """New connections wait in the backlog, kept ones unanswered; what waits is taken in the end."""
    provider = simulation.providers["mailgun"]
    async with await connect(provider) as kept:
        assert (await kept.ask(HELLO)).status == 200
        await provider.set_switch(Position.HANG)
        async with await connect(provider) as new:
            for peer in (kept, new):
                await peer.say(HELLO)
                with trio.move_on_after(0.2) as patience:
                    await peer.hear()
                assert patience.cancelled_caught
            assert simulation.outbox.taken("id-1") == 1
            await provider.set_switch(Position.UP)
            assert [(await peer.hear()).status for peer in (kept, new)] == [200, 200]
    assert simulation.outbox.taken("id-1") == 3


async def test_stall(simulation):
    """Connections are accepted and nothing is read: a large message stops half-way."""
    provider = simulation.providers["mailgun"]
    await provider.set_switch(Position.STALL)
    large = on_the_wire(mailgun_request(html="x" * (16 * 1024 * 1024)))
    async with await connect(provider) as peer:
        with trio.move_on_after(0.5) as patience:
            await peer.say(large)
        assert patience.cancelled_caught
    assert simulation.outbox.tally.accepted == {}
    await provider.set_switch(Position.UP)
    async with await connect(provider) as peer:
        assert (await peer.ask(large)).status == 200


@pytest.mark.parametrize(
    ("local_part", "error", "taken"),
    [
        ("hang", httpx.ReadTimeout, 0),
        ("accept-then-hang", httpx.ReadTimeout, 1),
        ("drop", httpx.RemoteProtocolError, 0),
        ("accept-then-drop", httpx.RemoteProtocolError, 1),
        ("garbage", httpx.RemoteProtocolError, 0),
        ("cut", httpx.RemoteProtocolError, 1),
    ],
)
async def test_faults_as_a_client_sees_them(simulation, client, local_part, error, taken):
    """Each spoilt answer is the failure it is meant to be."""
    with pytest.raises(error):
        await send(client, simulation.providers["mailgun"], f"{local_part}@example.org")
    assert simulation.outbox.taken("id-1") == taken


async def test_over_tls():
    """With a certificate they speak HTTPS, and each fault is what it is in clear text."""
    authority, server = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    ours = ssl.create_default_context()
    authority.configure_trust(ours)
    async with (
        run_simulators(mailgun_and_sendgrid(API_KEY, DOMAIN), tls=server) as simulation,
        httpx.AsyncClient(trust_env=False, timeout=SOON, verify=ours) as client,
    ):
        provider = simulation.providers["mailgun"]
        assert provider.url.startswith("https://")
        assert (await send(client, provider)).status_code == 200
        for name, error in SPOILT.items():
            with pytest.raises(error):
                await send(client, provider, f"{name}@example.org")
        await provider.set_switch(Position.HANG)
        with pytest.raises(httpx.TimeoutException):
            await send(client, provider)
        await provider.set_switch(Position.DOWN)
        with pytest.raises(httpx.ConnectError):
            await send(client, provider)
        await provider.set_switch(Position.UP)
        with trio.fail_after(10):
            assert (await send(client, provider)).status_code == 200
            # Somebody who speaks no TLS is no failure of the provider's.
            async with await connect(provider) as plain:
                await plain.say(HELLO)
                assert not (await plain.rest()).startswith(b"HTTP")
            assert (await send(client, provider)).status_code == 200


async def test_a_message_taken_for_some():
    """Postmark says whom it has left out, and the outbox knows it, too."""
    async with (
        run_simulators(every_wire(API_KEY, DOMAIN)) as simulation,
        httpx.AsyncClient(trust_env=False, timeout=SOON) as client,
    ):
        request = postmark_request("bob@x.example, inactive@x.example")
        url = simulation.providers["postmark"].url + request.path
        answer = await client.post(url, content=request.body, headers=request.headers)
        assert "inactive addresses: inactive@x.example." in answer.json()["Message"]
        (entry,) = (await client.get(f"{simulation.control_url}/outbox")).json()["messages"]
    assert (entry["recipients"], entry["refused"]) == (["bob@x.example"], ["inactive@x.example"])


async def test_the_control_port(simulation, client):
    """A provider is broken and mended over HTTP, and the outbox can be read from outside."""
    provider = simulation.providers["mailgun"]
    switch = f"{simulation.control_url}/providers/mailgun"
    assert (await client.put(switch, content="down")).json()["switch"] == "down"
    with pytest.raises(httpx.ConnectError):
        await send(client, provider)
    assert (await client.put(switch, json={"switch": "up"})).json()["switch"] == "up"
    assert (await send(client, provider)).status_code == 200
    outbox = (await client.get(f"{simulation.control_url}/outbox")).json()
    assert outbox["accepted"] == {"mailgun": 1}


async def test_a_port_that_is_taken(simulation):
    """Starting on it fails, and says so."""
    taken = {"mailgun": simulation.providers["sendgrid"].port}
    with pytest.raises(OSError, match="in use"):
        async with run_simulators(mailgun_and_sendgrid(), ports=taken):
            raise AssertionError("it started")


def test_a_killed_provider_has_taken_what_it_has_answered(tmp_path):
    """SIGKILL, and again on the same port: the journal has the message, and its number is gone."""
    journal = tmp_path / "journal"
    command = [sys.executable, "-m", "smsp.simulator", "--api-key", API_KEY, "--domain", DOMAIN]
    command += ["--only", "mailgun", "--journal", str(journal)]
    request = mailgun_request(v__smsp_id="id-1")
    ids, port = [], "0"
    for _ in range(2):
        again = [*command, "--mailgun-port", port]
        with subprocess.Popen(again, stdout=subprocess.PIPE) as process:
            where = orjson.loads(process.stdout.readline())
            assert set(where) == {"mailgun_port", "control_port"}
            port = str(where["mailgun_port"])
            url = f"http://127.0.0.1:{port}{request.path}"
            with httpx.Client(trust_env=False) as client:
                answer = client.post(url, content=request.body, headers=request.headers)
                counts = client.get(f"http://127.0.0.1:{where['control_port']}/outbox/counts")
            process.kill()
        ids.append(answer.json()["id"])
    assert counts.json() == {"id-1": 2}
    assert len(journal.read_bytes().splitlines()) == 2
    assert ids[0].partition(".")[2] != ids[1].partition(".")[2]


def test_the_command():
    """One line of JSON says where everything is; SIGTERM ends it, with status 0."""
    command = [sys.executable, "-m", "smsp.simulator", "--api-key", "another-key"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        where = orjson.loads(process.stdout.readline())
        assert set(where) == {"mailgun_port", "sendgrid_port", "control_port"}
        scopes = httpx.get(
            f"http://127.0.0.1:{where['sendgrid_port']}/v3/scopes",
            headers={"Authorization": "Bearer another-key"},
            trust_env=False,
        )
        assert scopes.status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
