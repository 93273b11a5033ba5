"""TLS as a machine: what it tells of any bytes, and the words of TLS that no library would say."""

from __future__ import annotations

import ssl
from contextlib import asynccontextmanager

import httpx
import pytest
import trio
import trustme
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

from smsp.providers.http.phases import Phase
from smsp.providers.security_layer import (
    HANDSHAKE_BYTES_MAX,
    SILENCE_BYTES_MAX,
    Plain,
    Tls,
    TlsState,
    client_context,
)
from smsp.tcp_stream import RECEIVE_BYTES
from tests.kit.examples import many
from tests.kit.lines import MemoryNetwork, whole_request
from tests.kit.pieces import byte_for_byte, pieces_of
from tests.kit.tls import SecureEnd, telling_its_keys
from tests.kit.tls_records import (
    ALERT,
    CLOSE_NOTIFY,
    DATA,
    HANDSHAKE,
    HELLO_REQUEST,
    SESSION_TICKET,
    key_update,
)
from tests.kit.ways import NAMES, VERSIONS, way_of
from tests.smsp.providers.http.test_transport import TAKEN, ask, post
from tests.smsp.providers.test_before_the_request import REFUSED, peers_have_said_all

HOST = "api.example.com"
AUTHORITY = trustme.CA()
WAYS = {name: way_of(name, AUTHORITY) for name in NAMES}
CONTEXT = client_context()


# -- the machine, and a server beside it


class Server:
    """The other side, which says what a test wants, whole or in parts."""

    def __init__(self, name):
        way = WAYS[name]
        self._come, self._to_go = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = way.server.wrap_bio(self._come, self._to_go, server_side=True)
        self.client = Tls(way.client, HOST)
        self.shaken = b""

    def hear(self):
        """Take what the client has to say by itself."""
        self._come.write(self.client.replies())

    def shake_hands(self):
        """To its end, on both sides. Returns the client."""
        while True:
            self.hear()
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                self._say()
            else:
                self._say()
                self.hear()
                assert self.client.state is TlsState.OPEN
                return self.client

    def says(self, *records):
        """These records as bytes."""
        for record in records:
            self.tls.write(record)
        return self._to_go.read()

    def takes_leave(self):
        """``close_notify`` as bytes."""
        with pytest.raises(ssl.SSLWantReadError):
            self.tls.unwrap()
        return self._to_go.read()

    def hears(self, data):
        """What the client said by these bytes."""
        self._come.write(data)
        said = b""
        while self._come.pending:
            said += self.tls.read(100_000)
        return said

    def _say(self):
        self.shaken += (data := self._to_go.read())
        assert self.client.receive(data) == b""


@pytest.fixture(params=VERSIONS)
def server(request):
    """Of each version, before the handshake."""
    return Server(request.param)


def test_both_ways(server):
    """What goes in at one end comes out at the other, however long."""
    client = server.shake_hands()
    long = bytes(range(256)) * 200
    assert server.hears(client.send(long)) == long
    assert client.receive(server.says(long)) == long
    assert client.at_rest


def test_all_that_has_come_is_told(server):
    """All records at once, empty ones and an end behind them included."""
    client = server.shake_hands()
    data = server.says(b"a" * 16_384, b"b", b"c" * 100) + server.takes_leave()
    assert client.receive(data) == b"a" * 16_384 + b"b" + b"c" * 100
    assert client.state is TlsState.CLOSED
    assert client.receive(b"more") == b""


def test_where_a_record_ends(server):
    """It is at rest after each record, and nowhere inside one, whichever way the bytes come."""
    client = server.shake_hands()
    first, second = server.says(b"first"), server.says(b"second")
    said, rests = b"", []
    for number, byte in enumerate(byte_for_byte(first + second), start=1):
        said += client.receive(byte)
        if client.at_rest:
            rests.append(number)
    assert said == b"firstsecond"
    assert rests == [len(first), len(first) + len(second)]


@pytest.mark.parametrize("cut", [0, 1, 5, 20, -1])
def test_an_end_without_close_notify(server, cut):
    """It is told apart from one with it, inside a record and between two."""
    client = server.shake_hands()
    data = server.says(b"hello")
    assert client.receive(b"" if cut == 0 else data[:cut]) == b""
    client.receive(b"")
    assert client.state is TlsState.TRUNCATED
    assert not client.at_rest
    assert "close_notify" in client.error


def test_what_was_said_before_it_failed_is_told(server):
    """And then nothing more, in neither direction."""
    client = server.shake_hands()
    assert (
        client.receive(server.says(b"hello") + b"HTTP/1.1 200 OK\r\n\r\n" + bytes(100)) == b"hello"
    )
    assert client.state is TlsState.FAILED
    assert not client.at_rest
    assert client.receive(server.says(b"more")) == b""
    client.send(b"hello")
    assert client.state is TlsState.FAILED


def test_a_handshake_without_an_end():
    """More of it than the longest that is taken is not read."""
    client = Tls(CONTEXT, HOST)
    read = 0
    while client.state is TlsState.HANDSHAKE:
        # A record of warnings: OpenSSL passes over some of them, and here nobody waits for more.
        client.receive(b"\x16\3\3\x3f\xff" + bytes([2, 1, 0, 0]) + bytes(0x3FFF - 4))
        read += 0x3FFF + 5
    assert read <= HANDSHAKE_BYTES_MAX + 0x3FFF + 5


@pytest.mark.parametrize("host", ["", ".example.com", "a" * 64 + ".example.com"])
def test_a_host_that_cannot_be_verified(host):
    """It is no host."""
    with pytest.raises(ValueError, match=r"\w"):
        Tls(CONTEXT, host)


def test_how_providers_are_spoken_to():
    """Verified, by name; TLS 1.2 or newer; no renegotiation, no compression."""
    context = client_context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.options & ssl.OP_NO_RENEGOTIATION
    assert context.options & ssl.OP_NO_COMPRESSION


def test_in_the_clear():
    """Every byte is what it is, and the end is an end."""
    plain = Plain()
    assert (plain.send(b"a"), plain.receive(b"b"), plain.at_rest) == (b"a", b"b", True)
    assert (plain.receive(b""), plain.state, plain.at_rest) == (b"", TlsState.CLOSED, False)


# -- any bytes


def fed(client, pieces):
    """What these pieces and the line's end say."""
    said = b"".join(client.receive(piece) for piece in pieces if piece)
    client.receive(b"")
    return said


headers = st.tuples(
    st.sampled_from([20, 21, 22, 23, 24, 0, 72]),
    st.sampled_from([b"\3\3", b"\3\1", b"\0\0", b"TT"]),
    st.binary(max_size=200),
).map(lambda h: bytes([h[0]]) + h[1] + len(h[2]).to_bytes(2, "big") + h[2])
garbage = st.lists(headers | st.binary(max_size=64), max_size=8).map(b"".join)


@many
@given(data=st.data(), stream=garbage)
def test_any_bytes_instead_of_a_handshake(data, stream):
    """They fail, without an error of ``ssl`` that anybody would have to catch."""
    client = Tls(CONTEXT, HOST)
    said = fed(client, data.draw(pieces_of(stream)) if stream else [])
    assert (said, client.state) == (b"", TlsState.FAILED)
    assert client.error


@many
@given(data=st.data(), stream=garbage, name=st.sampled_from(list(VERSIONS)))
def test_any_bytes_after_a_handshake(data, stream, name):
    """What was said before them is told, and no more; they are an end or a failure."""
    server = Server(name)
    client = server.shake_hands()
    good = server.says(b"hello")
    pieces = data.draw(pieces_of(good + stream))
    assert fed(client, pieces) == b"hello"
    assert client.state in (TlsState.TRUNCATED, TlsState.FAILED)
    client.send(b"more")


@many
@given(
    name=st.sampled_from(list(VERSIONS)),
    place=st.floats(0, 1, exclude_max=True),
    change=st.integers(1, 255),
    piece_bytes=st.sampled_from([1, 5, 100, 10_000]),
)
def test_a_changed_bit_of_a_handshake(name, place, change, piece_bytes):
    """It is no handshake then, and never an error that anybody would have to catch."""
    server = Server(name)
    server.shake_hands()
    shaken = bytearray(server.shaken)
    shaken[int(place * len(shaken))] ^= change
    client = Tls(WAYS[name].client, HOST)
    pieces = [shaken[at : at + piece_bytes] for at in range(0, len(shaken), piece_bytes)]
    assert fed(client, map(bytes, pieces)) == b""
    assert client.state is TlsState.FAILED


@many
@given(data=st.data(), name=st.sampled_from(list(VERSIONS)))
def test_a_changed_bit_of_a_record(data, name):
    """Nobody on the way can change a word: what is told is what was said, or its beginning."""
    server = Server(name)
    client = server.shake_hands()
    stream = bytearray(server.says(b"one", b"two", b"three"))
    stream[data.draw(st.integers(0, len(stream) - 1))] ^= data.draw(st.integers(1, 255))
    said = fed(client, data.draw(pieces_of(bytes(stream))))
    assert said in (b"", b"one", b"onetwo")
    assert client.state in (TlsState.TRUNCATED, TlsState.FAILED)


@many
@given(data=st.data(), name=st.sampled_from(list(VERSIONS)))
def test_any_pieces(data, name):
    """The same is told, however the network cuts it."""
    server = Server(name)
    client = server.shake_hands()
    stream = server.says(b"one", b"two", b"x" * 1000) + server.takes_leave()
    assert b"".join(map(client.receive, data.draw(pieces_of(stream)))) == b"onetwo" + b"x" * 1000
    assert client.state is TlsState.CLOSED


# -- words of TLS to itself, to a transport


@pytest.fixture
def way(request, tmp_path):
    """A way whose peer makes its records by itself."""
    way = way_of(request.param, AUTHORITY)
    telling_its_keys(way.server, tmp_path / "keys")
    return way


each_version = pytest.mark.parametrize("way", NAMES[1:], indirect=True)
only_1_3 = pytest.mark.parametrize("way", ["TLS 1.3"], indirect=True)
only_1_2 = pytest.mark.parametrize("way", ["TLS 1.2"], indirect=True)


@asynccontextmanager
async def network(way, *peers):
    """A transport, and its network."""
    async with trio.open_nursery() as nursery:
        net = MemoryNetwork(nursery, *map(way.peer, peers))
        async with way.transport(4, net.dial) as transport:
            yield transport, net
        nursery.cancel_scope.cancel()


def saying(make, *, while_idle=False):
    """A peer that takes each of two messages; behind its first answer it says what ``make`` makes
    of its records, in the same segment or later. With the second answer it is done."""

    async def peer(end: SecureEnd):
        await whole_request(end)
        records = end.records()
        taken = records.data(TAKEN)
        if while_idle:
            await end.line.send_all(taken)
            await wait_all_tasks_blocked()
            taken = b""
        await end.line.send_all(taken + make(records))
        if await whole_request(end):
            await end.line.send_all(records.data(TAKEN))
            await whole_request(end)

    return peer


async def refusing(end):
    """A peer of another connection, whose answer is another one."""
    await whole_request(end)
    await end.send_all(REFUSED)


async def second_answer(way, peer):
    """What a second message is told when the first was taken by ``peer``."""
    async with network(way, peer, refusing) as (transport, _):
        assert await ask(transport) == (202, b"ok")
        await peers_have_said_all()
        status, _ = await ask(transport)
        return status


SILENT = {
    "a session ticket": lambda made: made.record(HANDSHAKE, SESSION_TICKET),
    "two tickets in one record": lambda made: made.record(HANDSHAKE, SESSION_TICKET * 2),
    "a ticket in two records": lambda made: (
        made.record(HANDSHAKE, SESSION_TICKET[:9]) + made.record(HANDSHAKE, SESSION_TICKET[9:])
    ),
    "a key update": lambda made: made.key_update(),
    "a key update that asks back": lambda made: made.key_update(asks_back=True),
    "many key updates": lambda made: b"".join(made.key_update(asks_back=True) for _ in range(9)),
    "nothing, in a record": lambda made: made.data(b""),
    "padding": lambda made: made.record(DATA, b"", padding_bytes=1000),
}
while_idle = pytest.mark.parametrize("while_idle", [False, True], ids=["with the answer", "idle"])


@only_1_3
@while_idle
@pytest.mark.parametrize("make", SILENT.values(), ids=list(SILENT))
async def test_what_says_nothing_does_not_retire(way, make, while_idle):
    """The connection is used again, and both sides understand each other."""
    assert await second_answer(way, saying(make, while_idle=while_idle)) == 202


LOUD = {
    "an answer behind a ticket": lambda made: (
        made.record(HANDSHAKE, SESSION_TICKET) + made.data(TAKEN)
    ),
    "an answer behind a key update": lambda made: made.key_update() + made.data(TAKEN),
    "one byte, padded": lambda made: made.record(DATA, b"H", padding_bytes=1000),
    "half a ticket's record": lambda made: made.record(HANDSHAKE, SESSION_TICKET)[:20],
    "close_notify": lambda made: made.record(ALERT, CLOSE_NOTIFY),
    "an alert": lambda made: made.record(ALERT, b"\2\x50"),
    "no known record": lambda made: made.record(99, b"hello"),
    "a handshake that is none": lambda made: made.record(HANDSHAKE, b"\x77\0\0\1a"),
    "an empty handshake": lambda made: made.record(HANDSHAKE, b""),
    "tickets without an end": lambda made: b"".join(
        made.record(HANDSHAKE, SESSION_TICKET * 450) for _ in range(SILENCE_BYTES_MAX // 16_000 + 1)
    ),
    "half a ticket": lambda made: made.record(HANDSHAKE, SESSION_TICKET[:9]),
}


@only_1_3
@while_idle
@pytest.mark.parametrize("make", LOUD.values(), ids=list(LOUD))
async def test_what_retires(way, make, while_idle):
    """The next message goes by a connection of its own, and hears its own answer."""
    assert await second_answer(way, saying(make, while_idle=while_idle)) == 400


@only_1_3
async def test_silence_without_an_end(way):
    """An answer that does not come, however much else does, is not waited for."""

    async def peer(end):
        await whole_request(end)
        records = end.records()
        for _ in range(20):
            await end.line.send_all(records.record(HANDSHAKE, SESSION_TICKET * 200))

    async with network(way, peer) as (transport, net):
        with pytest.raises(httpx.ReadError, match="without an end"):
            await ask(transport)
        assert net.open == 0


@only_1_3
async def test_replies_without_an_end(way):
    """Who makes us reply for ever, and says something in between, is not listened to."""

    async def peer(end):
        await whole_request(end)
        records = end.records()
        await end.line.send_all(records.data(TAKEN.replace(b": 2", b": 99999")))
        for _ in range(2000):
            await end.line.send_all(records.key_update(asks_back=True) + records.data(b"x"))

    async with network(way, peer) as (transport, net):
        with pytest.raises(httpx.ReadError, match="without an end"):
            await ask(transport)
        assert net.open == 0


@only_1_3
async def test_tickets_while_the_request_is_being_written(way):
    """They do not end the writing, and the connection is kept."""

    async def peer(end):
        await end.receive_some()
        records = end.records()
        await end.line.send_all(records.record(HANDSHAKE, SESSION_TICKET) + records.key_update())
        while not (await end.receive_some()).endswith(b"bb"):
            pass
        await end.line.send_all(records.data(TAKEN))
        await whole_request(end)
        await end.line.send_all(records.data(TAKEN))

    async with network(way, peer) as (transport, net):
        request = post(b"aa", b"bb", before={1: wait_all_tasks_blocked})
        assert await ask(transport, request) == (202, b"ok")
        assert await ask(transport) == (202, b"ok")
        assert len(net.lines) == 1


@only_1_3
async def test_an_answer_behind_more_than_is_read_at_once(way):
    """It came before the last piece, however many tickets came before it."""
    hints = b"HTTP/1.1 103 Early Hints\r\n\r\n"

    def quarter(made, content_type, content):
        """Four of these are what is read at once: no record is begun at the end of it."""
        padding_bytes = RECEIVE_BYTES // 4 - len(content) - 5 - 1 - 16
        return made.record(content_type, content, padding_bytes)

    async def peer(end):
        await end.receive_some()
        made = end.records()
        silence = [quarter(made, HANDSHAKE, SESSION_TICKET) for _ in range(3)]
        silence += [quarter(made, DATA, hints), made.data(TAKEN)]
        await end.line.send_all(b"".join(silence))
        await whole_request(end)

    events = []
    async with network(way, peer) as (transport, _):
        request = post(b"aa", b"bb", events=events, before={1: wait_all_tasks_blocked})
        assert await ask(transport, request) == (202, b"ok")
    assert Phase.WRITTEN not in events


@only_1_2
@while_idle
async def test_a_wish_for_another_handshake_retires(way, while_idle):
    """A server that is told no may break off, and the next mail would be in doubt."""

    def make(records):
        return records.record(HANDSHAKE, HELLO_REQUEST)

    assert await second_answer(way, saying(make, while_idle=while_idle)) == 400


@only_1_2
async def test_another_handshake_is_declined(way):
    """In the middle of a request it is not begun, and the answer is heard all the same."""
    heard = []

    async def peer(end):
        await end.receive_some()
        records = end.records()
        await end.line.send_all(records.record(HANDSHAKE, HELLO_REQUEST))
        heard.append(await end.line.receive_some())
        await end.line.send_all(records.data(TAKEN))
        await end.line.receive_some()

    async with network(way, peer) as (transport, net):
        request = post(b"aa", b"bb", before={1: wait_all_tasks_blocked})
        assert await ask(transport, request) == (202, b"ok")
        assert len(net.lines) == 1
    (sent,) = heard
    length = 5 + int.from_bytes(sent[3:5], "big")
    assert (sent[0], sent[length]) == (ALERT, DATA)


def test_what_the_kit_says():
    """A wish for a key, in the form of RFC 8446, section 4.6.3."""
    assert key_update(asks_back=True) == bytes([24, 0, 0, 1, 1])
