"""HTTP/1.1 on the wire: which bytes are requests of a caller, and what answers look like."""

from __future__ import annotations

import gc
import tracemalloc
from http import HTTPStatus
from itertools import pairwise
from weakref import ref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsp.server.http1 import BadRequest, End, RequestParser
from smsp.server.request_head import HEAD_BYTES_MAX, Head
from smsp.server.response_writer import ResponseWriter
from smsp.web.request_target import TARGET_BYTES_MAX

GET = b"GET /livez?x=1 HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /email HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"POST /email HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3\r\nhel\r\n2;a=b\r\nlo\r\n0\r\nX: trailer\r\n\r\n"
)


def heard(*pieces, headers_max=100):
    """Everything that these pieces say, with the pieces of a body in one."""
    requests = RequestParser(headers_max)
    events = []
    for piece in pieces:
        requests.feed(piece)
        while (event := requests.next()) is not None:
            if isinstance(event, bytes) and events and isinstance(events[-1], bytes):
                events[-1] += event
            else:
                events.append(event)
    return events


def head(method="GET", version="1.1", **flags):
    """The head of some request."""
    return Head(method, b"/", version, [], **({"keeps": version == "1.1", "waits": False} | flags))


# -- requests


def test_a_request():
    """Method, target and headers, these in lower case, then the end."""
    first, end = heard(GET)
    assert first == Head("GET", b"/livez?x=1", "1.1", [(b"host", b"x")], keeps=True, waits=False)
    assert end == End()


@pytest.mark.parametrize("wire", [POST, CHUNKED], ids=["length", "chunks"])
def test_a_body(wire):
    """Between the head and the end; trailers are dropped."""
    first, body, end = heard(wire)
    assert (first.method, body, end) == ("POST", b"hello", End())


@given(st.data())
def test_requests_in_any_pieces(data):
    """Where the network cuts says nothing."""
    wire = POST + CHUNKED + GET
    cuts = sorted(data.draw(st.sets(st.integers(1, len(wire) - 1))))
    edges = [0, *cuts, len(wire)]
    pieces = [wire[start:end] for start, end in pairwise(edges)]
    assert heard(*pieces) == heard(wire)
    assert [type(event) for event in heard(wire)] == [Head, bytes, End] * 2 + [Head, End]


@pytest.mark.parametrize(
    ("lines", "keeps", "waits"),
    [
        (b"", True, False),
        (b"Connection: close\r\n", False, False),
        (b"Connection: keep-alive, Close\r\n", False, False),
        (b"Expect: 100-Continue\r\n", True, True),
        (b"Connection: Upgrade\r\nUpgrade: websocket\r\n", True, False),
    ],
)
def test_what_a_head_asks_for(lines, keeps, waits):
    """To close, to be asked for the body; a change of protocol is not heard."""
    first, *_ = heard(GET.replace(b"\r\n\r\n", b"\r\n" + lines + b"\r\n"))
    assert (first.keeps, first.waits) == (keeps, waits)


@pytest.mark.parametrize(
    ("lines", "keeps"),
    [
        (b"", False),
        (b"Connection: keep-alive\r\n", True),
        (b"connection: Keep-Alive\r\n", True),
        (b"Connection: x, keep-alive\r\n", True),
        (b"Connection: close\r\n", False),
        (b"Connection: keep-alive, Close\r\n", False),
        (b"Connection: close\r\nConnection: keep-alive\r\n", False),
        (b"Connection: keep-alive\r\nX: close\r\n", True),
        (b"Keep-Alive: timeout=5\r\n", False),
    ],
)
def test_an_old_caller(lines, keeps):
    """HTTP/1.0 needs no host, and its connection is kept if it asks for that (RFC 9112, section
    9.3), unless it asks for the contrary, too."""
    first, end = heard(b"GET / HTTP/1.0\r\n" + lines + b"\r\n")
    assert (first.version, first.keeps, end) == ("1.0", keeps, End())


def test_an_old_caller_is_not_asked_for_its_body():
    """An expectation in HTTP/1.0 is to be ignored (RFC 9110, section 10.1.1)."""
    first, _ = heard(b"GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n")
    assert not first.waits


def test_requests_of_an_old_caller():
    """On a connection that is kept they follow each other, with their bodies."""
    kept = b"HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length"
    wire = POST.replace(b"HTTP/1.1\r\nHost: x\r\nContent-Length", kept)
    for cut in range(1, len(wire)):
        events = heard(wire[:cut], wire[cut:] + wire + GET.replace(b"1.1", b"1.0"))
        assert [type(one) for one in events] == [Head, bytes, End] * 2 + [Head, End]


UPGRADES = [
    b"Upgrade: websocket\r\nConnection: Upgrade\r\n",
    b"Upgrade: h2c\r\nConnection: Upgrade\r\n",
]


@pytest.mark.parametrize("lines", UPGRADES, ids=["websocket", "h2c"])
def test_after_an_upgrade_that_is_not_heard(lines):
    """The request's own body, then the next request: some callers ask so with every first one."""
    empty = POST.replace(b": 5\r\n\r\nhello", b": 0\r\n\r\n")
    for wire, body in ((GET, []), (empty, []), (POST, [b"hello"]), (CHUNKED, [b"hello"])):
        asking = wire.replace(b"Host: x\r\n", b"Host: x\r\n" + lines) + GET
        for cut in range(1, len(asking)):
            _, *rest = heard(asking[:cut], asking[cut:])
            assert rest[:-2] == [*body, End()]
            assert rest[-2:] == heard(GET)


@pytest.mark.parametrize("ending", [b"\r\n\r\n", b""])
def test_blank_lines_before_a_request(ending):
    """They are skipped (RFC 9112, section 2.2)."""
    assert heard(ending + GET) == heard(GET)


_POST = b"POST / HTTP/1.1\r\nHost: x\r\n"
_GET = b"GET / HTTP/1.1\r\nHost: x\r\n"
BAD = {
    "both lengths": _POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    "both lengths, other way": _POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
    "two lengths": _POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
    "a list of lengths": _POST + b"Content-Length: 5, 5\r\n\r\n",
    "a signed length": _POST + b"Content-Length: +5\r\n\r\n",
    "chunks of old": b"POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
    "a folded line": _GET + b"X: a\r\n b\r\n\r\n",
    "a folded first line": b"GET / HTTP/1.1\r\n X: a\r\nHost: x\r\n\r\n",
    "bare line feeds": b"GET / HTTP/1.1\nHost: x\n\n",
    "one bare line feed": b"GET / HTTP/1.1\r\nHost: x\nX: a\r\n\r\n",
    "a bare line feed at the end": _GET + b"\n",
    "a bare return": _GET + b"X: a\rb\r\n\r\n",
    "a nul": _GET + b"X: a\0b\r\n\r\n",
    "a space before the colon": b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": _GET + b"Host: y\r\n\r\n",
    "no version": b"GET /\r\n\r\n",
    "another alphabet": b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "two spaces before the target": b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
    "two spaces behind the target": b"GET /  HTTP/1.1\r\nHost: x\r\n\r\n",
    "a space at the end": b"GET / HTTP/1.1 \r\nHost: x\r\n\r\n",
    "RTSP": b"OPTIONS / RTSP/1.0\r\nHost: x\r\n\r\n",
    "RTSP, a method of ours": b"GET / RTSP/1.0\r\nHost: x\r\n\r\n",
    "ICE": b"SOURCE / ICE/1.0\r\nHost: x\r\n\r\n",
    "an encoded host": b"GET http://%5B/livez HTTP/1.1\r\nHost: x\r\n\r\n",
    "half a bracket": b"GET http://[/livez HTTP/1.1\r\nHost: x\r\n\r\n",
    "no host in a target": b"GET http:///livez HTTP/1.1\r\nHost: x\r\n\r\n",
    "another scheme": b"GET ftp://x/livez HTTP/1.1\r\nHost: x\r\n\r\n",
    "a host that is none": b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
    "a path in a host": b"GET / HTTP/1.1\r\nHost: x/y\r\n\r\n",
    "a user in a host": b"GET / HTTP/1.1\r\nHost: u@x\r\n\r\n",
    "a port that is none": b"GET / HTTP/1.1\r\nHost: x:port\r\n\r\n",
    "an old caller's host that is none": b"GET / HTTP/1.0\r\nHost: [\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}


@pytest.mark.parametrize("wire", BAD.values(), ids=list(BAD))
def test_what_could_be_read_in_two_ways(wire):
    """400, and nothing after it is read, whichever way the bytes come: no smuggled request."""
    for cut in (1, len(wire) // 2, len(wire) - 1):
        events = heard(wire[:cut], wire[cut:] + GET)
        assert events == [BadRequest(HTTPStatus.BAD_REQUEST)]


@pytest.mark.parametrize(
    "framing",
    [b"1\nx\r\n", b"0x1\r\nx\r\n", b"-1\r\nx\r\n", b"1\r\nxx", b"1\r\nx\n", b"1 ;\n\r\nx\r\n"],
)
def test_chunks_that_could_be_read_in_two_ways(framing):
    """They end what is read, and no request follows."""
    wire = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + framing + GET
    events = heard(wire)
    assert events[-1] == BadRequest(HTTPStatus.BAD_REQUEST)
    assert sum(isinstance(event, Head) for event in events) == 1


@pytest.mark.parametrize(
    ("wire", "status"),
    [
        (b"BREW /pot HTTP/1.1\r\nHost: x\r\n\r\n", HTTPStatus.NOT_IMPLEMENTED),
        (b"get / HTTP/1.1\r\nHost: x\r\n\r\n", HTTPStatus.NOT_IMPLEMENTED),
        (b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", HTTPStatus.NOT_IMPLEMENTED),
        (CHUNKED.replace(b": chunked", b": gzip, chunked"), HTTPStatus.NOT_IMPLEMENTED),
        (
            CHUNKED.replace(b": chunked", b": gzip\r\nConnection: Upgrade\r\nUpgrade: h2c"),
            HTTPStatus.NOT_IMPLEMENTED,
        ),
        (GET.replace(b"HTTP/1.1", b"HTTP/2.0"), HTTPStatus.BAD_REQUEST),
        (GET.replace(b"HTTP/1.1", b"HTTP/0.9"), HTTPStatus.BAD_REQUEST),
    ],
)
def test_what_we_do_not_speak(wire, status):
    """501 for a method or a coding (RFC 9110, RFC 9112), 400 for another version."""
    assert heard(wire + GET) == [BadRequest(status)]


@pytest.mark.parametrize(("number", "refused"), [(100, False), (101, True)])
def test_headers_max(number, refused):
    """More headers than allowed are 431."""
    lines = b"".join(b"X-%d: a\r\n" % place for place in range(number - 1))
    (first, *_) = heard(GET.replace(b"\r\n\r\n", b"\r\n" + lines + b"\r\n"))
    assert (first == BadRequest(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)) == refused


@pytest.mark.parametrize(
    "start",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nX: ",
        CHUNKED.partition(b"\r\n\r\n")[0] + b"\r\n\r\n1;",
        CHUNKED[: CHUNKED.index(b"X: trailer")] + b"X: ",
    ],
    ids=["a header", "a chunk's extension", "a trailer"],
)
def test_what_does_not_end(start):
    """What surrounds a body is bounded: 431, and no more is kept."""
    events = heard(start, *[b"a" * 10_000] * (HEAD_BYTES_MAX // 10_000 + 2))
    assert events[-1] == BadRequest(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)


TOO_LARGE = BadRequest(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)


@pytest.mark.parametrize("lines", [b"a:b\r\n", b"a:\r\n", b"x-name: a value\r\n"])
def test_one_header_too_many_is_refused_at_its_end(lines):
    """It takes no end of the head for that, and no further byte."""
    requests = RequestParser(100)
    requests.feed(_GET + lines * 99)
    assert requests.next() is None
    requests.feed(lines[:-1])
    assert requests.next() is None
    requests.feed(lines[-1:])
    assert requests.next() == TOO_LARGE


def test_of_headers_without_number_few_are_held():
    """Those that come at once behind the one that is too many are not even made."""
    wire = _POST + b"a:b\r\n" * 12_500
    requests = RequestParser(100)
    tracemalloc.start()
    requests.feed(wire)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert requests.next() == TOO_LARGE
    assert peak < len(wire) / 2
    assert requests.held_bytes == 0


@pytest.mark.parametrize("line", [b"a:b\r\n", b"x: %b\r\n" % (b"b" * 600)], ids=["short", "long"])
def test_a_head_that_has_not_ended_is_held_once(line):
    """What it takes is told, and is its bytes and little more."""
    wire = _POST + line * 99
    requests = RequestParser(100)
    tracemalloc.start()
    for start in range(0, len(wire), 1000):
        requests.feed(wire[start : start + 1000])
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert requests.in_a_head
    assert len(wire) <= requests.held_bytes
    assert held < 1.1 * requests.held_bytes + 4_000


@pytest.mark.parametrize(("length", "refused"), [(TARGET_BYTES_MAX, False), (8193, True)])
def test_a_long_target(length, refused):
    """8 KiB are taken; more is refused as such, whether it ends or not."""
    target = b"/" + b"a" * (length - 1)
    too_long = BadRequest(HTTPStatus.REQUEST_URI_TOO_LONG)
    whole, begun = GET.replace(b"/livez?x=1", target), b"GET " + target
    for pieces in ([whole], [whole[:5], whole[5:]], [whole[:8000], whole[8000:]], [begun]):
        first = next(iter(heard(*pieces)), None)
        assert (first == too_long) == refused


@pytest.mark.parametrize(("more", "refused"), [(0, False), (1, True)])
def test_a_long_head(more, refused):
    """64 KiB are taken, its last line and empty lines before it included."""
    start, end = b"\r\n" + _GET + b"X: ", b"\r\n\r\n"
    whole = start + b"a" * (HEAD_BYTES_MAX + more - len(start) - len(end)) + end
    for pieces in ([whole], [whole[:1], whole[1:]], [whole[:-1], whole[-1:]]):
        first, *_ = heard(*pieces)
        assert (first == TOO_LARGE) == refused


def test_empty_lines_without_end():
    """They are counted."""
    events = heard(*[b"\r\n" * 1000] * 40)
    assert events == [TOO_LARGE]


@pytest.mark.parametrize(("number", "refused"), [(100, False), (101, True)])
def test_trailers_without_number(number, refused):
    """There may be no more of them than headers."""
    wire = CHUNKED.replace(b"X: trailer\r\n", b"X: t\r\n" * number)
    events = heard(wire)
    assert events[-1] == (TOO_LARGE if refused else End())


def test_a_chunk_s_extensions():
    """What surrounds a body is in proportion to it, however often some of the body comes."""
    extended = b"1;%b\r\na\r\n" % (b"e" * 4_000)
    head = CHUNKED.partition(b"3\r\n")[0]
    assert heard(head + extended + b"0\r\n\r\n")[-1] == End()
    assert heard(head, *[extended] * 5)[-1] == TOO_LARGE
    large = b"1000;%b\r\n%b\r\n" % (b"e" * 4_000, b"a" * 4096)
    assert heard(head, *[large] * 20, b"0\r\n\r\n")[-1] == End()


@pytest.mark.parametrize("wire", [GET, POST, CHUNKED], ids=["none", "length", "chunks"])
def test_requests_behind_a_request_stay_bytes(wire):
    """They are parsed when it has been taken to its end, one after another."""
    number = 200
    requests = RequestParser(100)
    requests.feed(wire * number)
    for left in reversed(range(number)):
        assert isinstance(requests.next(), Head)
        assert left * len(wire) <= requests.held_bytes < left * len(wire) + 1000
        assert requests.take_body() is not None
    assert requests.next() is None
    assert requests.held_bytes == 0


def test_a_body_in_the_smallest_chunks():
    """Is held as bytes: thousands of objects would take many times as much."""
    head = CHUNKED.partition(b"3\r\n")[0]
    requests = RequestParser(100)
    requests.feed(head + b"2\r\nab\r\n" * 9_000)
    assert isinstance(requests.next(), Head)
    requests.feed(b"2\r\ncd\r\n" * 9_000 + b"0\r\n\r\n" + GET)
    assert requests.next() == b"ab" * 9_000 + b"cd" * 9_000
    assert requests.next() == End()
    assert isinstance(requests.next(), Head)


def test_a_body_full_of_empty_lines():
    """Each could be its end; not all of it is parsed before somebody asks for it."""
    head, lines = CHUNKED.partition(b"3\r\n")[0], b"\r\n\r\n" * 10_000
    requests = RequestParser(100)
    requests.feed(head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(lines), lines) + GET)
    assert isinstance(requests.next(), Head)
    assert 0 < len(requests.next()) < len(lines)
    assert requests.waiting
    assert len(requests.take_body()) > 0
    assert isinstance(requests.next(), Head)


def test_what_is_closed_holds_nothing():
    """Nothing is heard any more, nor kept, nor is there a ring for the garbage collector."""
    for wire in (GET[:-2], GET, POST[:-2], GET * 100, CHUNKED[:-4]):
        requests = RequestParser(100)
        requests.feed(wire)
        requests.close()
        requests.feed(GET)
        assert (requests.next(), requests.held_bytes, requests.waiting) == (None, 0, False)
        gone = ref(requests)
        gc.disable()
        del requests
        gc.enable()
        assert gone() is None


def test_a_long_body():
    """A body is not bounded here, however it comes."""
    wire = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 655360\r\n\r\n"
    _, body, end = heard(wire, *[b"a" * 65_536] * 10)
    assert (len(body), end) == (655_360, End())
    _, body, end = heard(CHUNKED.partition(b"3\r\n")[0], *[b"1\r\na\r\n"] * 50_000, b"0\r\n\r\n")
    assert (len(body), end) == (50_000, End())


def test_in_a_head():
    """From the first byte of a head to its last, also behind another request."""
    requests = RequestParser(100)
    assert not requests.in_a_head
    requests.feed(GET + GET[:5])
    assert isinstance(requests.next(), Head)
    assert requests.take_end()
    assert requests.in_a_head
    requests.feed(GET[5:])
    assert isinstance(requests.next(), Head)
    assert not requests.in_a_head


# -- answers

LENGTH = [(b"content-length", b"5")]


def test_an_answer_with_a_length():
    """Its body is written as it is."""
    answer = ResponseWriter(head())
    assert answer.head(200, LENGTH) == b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"
    assert answer.piece(b"hello") + answer.end() == b"hello"
    assert not answer.closes


def test_an_answer_in_chunks():
    """Without a length its body goes in chunks, and no piece is empty: that would end it."""
    answer = ResponseWriter(head())
    assert b"transfer-encoding: chunked\r\n" in answer.head(200, [])
    assert [answer.piece(piece) for piece in (b"hello", b"")] == [b"5\r\nhello\r\n", b""]
    assert answer.end() == b"0\r\n\r\n"


def test_an_answer_to_an_old_caller():
    """It ends with the connection."""
    for keeps in (False, True):
        answer = ResponseWriter(head(version="1.0", keeps=keeps))
        assert answer.head(200, []) == b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n"
        assert answer.piece(b"hello") + answer.end() == b"hello"
        assert answer.closes


def test_an_answer_to_an_old_caller_who_stays():
    """It says that the connection is kept, which is possible only if the body has a length."""
    answer = ResponseWriter(head(version="1.0", keeps=True))
    lines = b"content-length: 5\r\nconnection: keep-alive\r\n"
    assert answer.head(200, LENGTH) == b"HTTP/1.1 200 OK\r\n" + lines + b"\r\n"
    assert answer.piece(b"hello") + answer.end() == b"hello"
    assert not answer.closes


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
def test_an_answer_without_a_body_to_an_old_caller(method, status):
    """Its end is known without a length."""
    answer = ResponseWriter(head(method, version="1.0", keeps=True))
    assert b"\r\nconnection: keep-alive\r\n" in answer.head(status, [])
    assert answer.end() == b""
    assert not answer.closes


def test_an_old_caller_who_cannot_stay():
    """Whoever answers has the last word."""
    answer = ResponseWriter(head(version="1.0", keeps=True))
    said = answer.head(200, [(b"connection", b"close"), *LENGTH])
    assert (said.count(b"connection: close"), said.count(b"keep-alive")) == (1, 0)
    assert answer.closes


@pytest.mark.parametrize(
    ("request_", "status"), [(head("HEAD"), 200), (head(), 204), (head(), 304)]
)
def test_an_answer_without_a_body(request_, status):
    """Nothing is written of it, whatever is said, and the connection goes on."""
    for fields in ([], LENGTH):
        answer = ResponseWriter(request_)
        assert b"transfer-encoding" not in answer.head(status, fields)
        assert answer.piece(b"hello") + answer.end() == b""
        assert not answer.closes


@pytest.mark.parametrize(
    ("request_", "headers"),
    [(head(), [(b"connection", b"close")]), (head(keeps=False), []), (None, [])],
)
def test_the_last_answer(request_, headers):
    """``Connection: close`` is said once, whoever wants it."""
    answer = ResponseWriter(request_)
    assert answer.head(200, [*headers, *LENGTH]).count(b"connection: close") == 1
    assert answer.closes


@pytest.mark.parametrize("body", [b"hell", b"hello!"])
def test_a_body_of_another_length(body):
    """A body that is not as long as its head says ends the connection."""
    answer = ResponseWriter(head())
    answer.head(200, LENGTH)
    answer.piece(body)
    answer.end()
    assert answer.closes


@pytest.mark.parametrize(
    "field", [(b"x", b"a\r\nb: c"), (b"x", b"a\nb"), (b"x", b"a\0"), (b"x y", b"a"), (b"x:", b"a")]
)
def test_a_header_stays_in_its_line(field):
    """No value can add a header to an answer, nor end its head."""
    with pytest.raises(ValueError, match="end its line"):
        ResponseWriter(head()).head(200, [field])


def test_a_status_without_a_name():
    """It is written all the same."""
    assert ResponseWriter(head()).head(299, LENGTH).startswith(b"HTTP/1.1 299 \r\n")
