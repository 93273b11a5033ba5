"""What a network can do to an exchange with a provider, at every byte of it.

A proxy in front of each provider breaks, ends or holds the connection at an exact byte. SMSP must
tell the truth about every message, and the most that can be known; what it proves not to have sent
goes to the spare provider, so a wrong proof would show as a message that was taken twice. Both
transports have to tell the same, and through TLS the same as in the clear.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Sequence

import pytest
import trio

from functional_tests.kit.audit import audit_all
from functional_tests.kit.fault_proxy import FAULTLESS, Act, Script, Way
from functional_tests.kit.fault_proxy_lane import Case, each, each_twice
from functional_tests.kit.fault_proxy_lanes import PROGRAMS, Lanes, running_lanes
from functional_tests.kit.polling import eventually

SENT = ("sent accepted",)
LOST = ("unknown connection_lost",)
LATE = ("unknown timeout",)
CUT_OFF = ("unknown bad_answer",)
TAKEN_BY_THE_SPARE = "sent accepted"
LARGE = {"plaintextbody": "x" * 12_000_000}
"""More than all buffers on the way can hold."""

Told = tuple[str, ...]
kinds = pytest.mark.parametrize("kind", ["sendgrid", "mailgun"])


def names(acts: Iterable[Act]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("act", acts, ids=lambda act: act.name.lower())


@pytest.fixture(scope="module", params=[*PROGRAMS, "own through TLS"])
def lanes_of_all(request, simulators, register, tmp_path_factory):
    """An SMSP for the whole file, with either transport, and with ours through TLS."""
    transport, _, through_tls = request.param.partition(" ")
    folder = tmp_path_factory.mktemp(transport)
    simulators.mend()
    with running_lanes(
        simulators, PROGRAMS[transport], register, folder, secure=bool(through_tls)
    ) as lanes:
        yield transport, lanes


@pytest.fixture
def transport(lanes_of_all) -> str:
    """Which one it is."""
    return lanes_of_all[0]


@pytest.fixture
def lanes(lanes_of_all) -> Lanes:
    """The lanes. Whatever a test does, no connection is forgotten open."""
    lanes = lanes_of_all[1]
    yield lanes
    lanes.check_open_files()
    gc.collect()


@names([Act.RESET, Act.END])
async def test_the_request_is_cut(lanes, transport, act):
    """After any byte. All was handed over, so nobody knows, but where a reset was quicker."""
    cases = await lanes.at_every_byte("patient-sendgrid", "there", act)
    check(lanes, cases, lambda case: {LOST, *cut_in_time(case, transport, act)})
    check_provider(lanes, cases)


@names([Act.RESET, Act.END])
@kinds
async def test_the_answer_is_cut(lanes, transport, kind, act):
    """After any byte. What has come of it counts as soon as it says enough, and never before."""
    cases = await lanes.at_every_byte(f"patient-{kind}", "back", act)

    def told(case: Case) -> set[Told]:
        return {what_an_answer_says(case, kind, LOST), *cut_in_time(case, transport, act)}

    check(lanes, cases, told)


async def test_a_provider_hears_an_end_after_any_byte(lanes, transport):
    """A request that it finds incomplete it refuses, and that is a proof: the spare takes it."""

    def told(case: Case) -> set[Told]:
        if not case.met.there:
            return {LOST, *cut_in_time(case, transport, Act.END)}
        return {SENT} if case.asked else {("not_sent refused_4xx", TAKEN_BY_THE_SPARE)}

    cases = await lanes.at_every_byte("patient-sendgrid", "there", Act.HALF_CLOSE)
    check(lanes, cases, told)


@names([Act.STALL, Act.SILENCE])
async def test_the_request_comes_to_a_halt(lanes, act):
    """Somewhere on the way, while the answer could come: time is up, and nobody knows."""
    cases = await lanes.at_some_bytes("hasty-sendgrid", "there", act)
    check(lanes, cases, lambda case: {SENT if case.answered else LATE})
    check_provider(lanes, cases)


@kinds
async def test_the_answer_comes_to_a_halt(lanes, kind):
    """Likewise; an answer that has come far enough counts."""
    cases = await lanes.at_some_bytes(f"hasty-{kind}", "back", Act.STALL)
    check(lanes, cases, lambda case: {what_an_answer_says(case, kind, LATE)})


@names([Act.RESET, Act.END])
async def test_the_answer_is_whole_and_then_it_breaks(lanes, act):
    """What was answered stands; the next message goes by a connection of its own."""
    async with lanes.open("patient-sendgrid") as some:
        length = await lanes.length(some[0], "back")
        cases = await each(some, [Script(back=Way(length, act)), FAULTLESS] * len(some))
    check(lanes, cases, lambda _: {SENT})


@names([Act.RESET, Act.END])
async def test_a_connection_that_broke_while_idle(lanes, act):
    """It is tried again on a fresh one, once: if that breaks, too, the spare takes it, or nobody
    knows."""
    async with lanes.open("patient-sendgrid") as some:
        length = await lanes.length(some[0], "back")
        firsts = await each(some, [Script(back=Way(length, act))] * len(some))
        seconds = await each(some, [Script(there=Way(0, Act.RESET))] * len(some))
    check(lanes, firsts, lambda _: {SENT}, seconds)
    check(lanes, seconds, lambda case: {LOST, *cut_in_time(case, "own", Act.RESET)}, firsts)


async def test_a_connection_breaks_in_its_second_request(lanes, transport):
    """As it would in its first: that it had been idle proves nothing once a byte was taken."""
    async with lanes.open("patient-sendgrid") as some:
        length = await lanes.length(some[0], "there")
        cuts = [length + 1 + cut for cut in range(0, length, 5)]
        pairs = await each_twice(some, [Script(there=Way(cut, Act.RESET)) for cut in cuts])
    firsts, seconds = [first for first, _ in pairs], [second for _, second in pairs]
    for case in seconds:
        del case.met.there[:length]
    check(lanes, firsts, lambda _: {SENT}, seconds)
    check(lanes, seconds, lambda case: {LOST, *cut_in_time(case, transport, Act.RESET)}, firsts)


@kinds
async def test_a_slow_way(lanes, kind):
    """Byte after byte, or late, each way: a connection that still moves is waited for."""
    dribble, late = Way(piece_bytes=1), Way(delay_s=0.1)
    ways = [Script(dribble, dribble), Script(late, Way()), Script(Way(), late), Script(late, late)]
    async with lanes.open(f"patient-{kind}") as some:
        cases = await each(some, ways * 4)
    check(lanes, cases, lambda _: {SENT})


async def test_an_answer_that_is_late(lanes):
    """Nobody knows, when time is up; and as soon as it has come, SMSP does."""
    async with lanes.open("hasty-sendgrid") as some:
        met = some[0].proxy.expect(Script(back=Way(delay_s=1.0)))
        answer = await some[0].post()
        assert Case(answer, met).told == LATE
        await trio.to_thread.run_sync(
            eventually, lambda: lanes.smsp.became_of(answer.id)["settled"], "the call has settled"
        )
        await met.finish()
    assert lanes.smsp.became_of(answer.id)["outcome"] == "sent"
    audit_all([answer], lanes.simulators.taken())


async def test_nobody_reads(lanes):
    """What fits into the buffers has been handed over, so nobody knows; what does not has not."""
    deaf = Script(there=Way(0, Act.DEAF))
    async with lanes.open("hasty-sendgrid") as some:
        small = await some[0].send(deaf)
        large = await some[1].send(deaf, **LARGE)
    assert small.told == LATE
    assert large.told == ("not_sent write_timeout", TAKEN_BY_THE_SPARE)
    audit_all([small.answer, large.answer], lanes.simulators.taken())


@pytest.mark.parametrize("share", [0.001, 0.3, 0.9])
@pytest.mark.parametrize(
    ("act", "told"),
    [
        (Act.RESET, ("not_sent write_failed", TAKEN_BY_THE_SPARE)),
        (Act.END, LOST),
        (Act.HALF_CLOSE, ("not_sent refused_4xx", TAKEN_BY_THE_SPARE)),
    ],
)
async def test_a_large_request_is_cut(lanes, share, act, told):
    """More was to be written than buffers hold. A reset is a proof then; an end is none, since the
    rest was handed over all the same; and a provider that finds it incomplete says so."""
    after = int(share * len(LARGE["plaintextbody"]))
    async with lanes.open("patient-sendgrid") as some:
        case = await some[0].send(Script(there=Way(after, act)), **LARGE)
    check(lanes, [case], lambda _: {told})


async def test_refused(lanes):
    """Nobody listens: the spare takes it."""
    lanes.simulators.forget()
    async with await lanes.lane("patient-sendgrid-00") as lane:
        answer = await lane.post()
    assert [words[1:] for words in answer.attempts if words[1] != "refused"] == [
        ("not_sent", "connect_failed"),
        ("sent", "accepted"),
    ]
    audit_all([answer], lanes.simulators.taken())


@names([Act.RESET, Act.END])
@pytest.mark.parametrize("way", ["there", "back"])
async def test_through_tls(lanes, transport, way, act):
    """The handshake is no message yet; after it the truth is told as ever."""

    def told(case: Case) -> set[Told]:
        in_handshake = ("not_sent tls_failed", TAKEN_BY_THE_SPARE)
        in_writing = ("not_sent write_failed", TAKEN_BY_THE_SPARE)
        return {SENT, LOST, in_handshake, in_writing, *cut_in_time(case, transport, act)}

    cases = await lanes.at_some_bytes("tls-sendgrid", way, act)
    check(lanes, cases, told)
    assert {case.told[0] for case in cases} >= {"not_sent tls_failed", *LOST}


def cut_in_time(case: Case, transport: str, act: Act) -> set[Told]:
    """What an end proves that was quicker than our first byte, or a reset than our last. Our own
    transport hands over a small request in one, httpx's own the head first."""
    begun = bytes(case.met.there)
    if transport == "stock":
        _, _, begun = begun.partition(b"\r\n\r\n")
    if begun or (act is Act.END and transport == "stock"):
        return set()
    reasons = ["connect_failed", "tls_failed", *(["write_failed"] if act is Act.RESET else [])]
    return {(f"not_sent {reason}", TAKEN_BY_THE_SPARE) for reason in reasons}


def what_an_answer_says(case: Case, kind: str, otherwise: Told) -> Told:
    """SendGrid's says all in its head; Mailgun's names the message in its body."""
    if case.answered:
        return SENT
    return CUT_OFF if kind == "mailgun" and case.status_came else otherwise


def check(
    lanes: Lanes,
    cases: Sequence[Case],
    told: Callable[[Case], set[Told]],
    others: Sequence[Case] = (),
) -> None:
    """Each caller was told one of these, and the truth; these and ``others`` are all there were."""
    wrong = [
        (case.told, len(case.met.there), len(case.met.back))
        for case in cases
        if case.told not in told(case)
    ]
    assert wrong == []
    audit_all([case.answer for case in [*cases, *others]], lanes.simulators.taken())


def check_provider(lanes: Lanes, cases: Sequence[Case]) -> None:
    """A provider took what it had whole and nothing else: whatever SMSP knows of it."""
    taken = lanes.simulators.taken()
    unknown = [case for case in cases if case.answer.outcome == "unknown"]
    assert [taken.get(case.answer.id, 0) for case in unknown] == [case.asked for case in unknown]
