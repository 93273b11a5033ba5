"""The results as text, and the memory of the node that stayed as a picture.

Owns words and layout, and which trend of memory is called flat.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import UUID

from functional_tests.audit.promise import End, Story, Violation
from functional_tests.audit.run import Result
from functional_tests.audit.timeline import Timeline
from functional_tests.audit.vitals import MEBIBYTE, Trend, after, trend

FLAT = 0.05
"""Memory is flat if its line grows by no more, as a share of its mean; and in fair weather, if its
least and its most are no further apart."""
WARM_UP_S = 150.0
"""Until every bounded memory of the past is full. In a storm the warm-up is half of the run at
least: each time when more happens at once than ever before, the process takes a little more, and
keeps it. What leaks does so in the second half as well."""
STRETCH_S = 60.0
"""Less than this after the warm-up says nothing."""
AROUND_S = 1.0
"""What happened this much before and after a story is shown with it."""


def report(result: Result) -> str:
    """All of it."""
    return "\n".join(
        [
            *_totals(result),
            "",
            *_table(result),
            "",
            *_requests(result),
            "",
            *_weather(result),
            "",
            *_vitals(result),
            "",
            *_verdict(result),
        ]
    )


def faults(result: Result) -> list[str]:
    """Everything that makes the audit fail, one line each."""
    found = [f"{times} × {violation}" for violation, times in result.violations.items()]
    found += result.wrongs
    memory = memory_trend(result)
    if memory is not None and memory.growth > FLAT:
        found.append(f"memory grows by {memory.growth:.1%} in {memory.seconds:.0f} s")
    if memory is not None and result.plan.fair and memory.spread > FLAT:
        found.append(f"memory spreads over {memory.spread:.1%} in fair weather")
    return found


def warm_up_s(result: Result) -> float:
    """How long memory may grow, in seconds from the first sample."""
    samples = result.samples
    lasted_s = samples[-1].at - samples[0].at if samples else 0.0
    return WARM_UP_S if result.plan.fair else max(WARM_UP_S, lasted_s / 2)


def memory_trend(result: Result) -> Trend | None:
    """Of the time after the warm-up; none if that is too short."""
    warm = after(result.samples, warm_up_s(result))
    long_enough = bool(warm) and warm[-1].at - warm[0].at >= STRETCH_S
    return trend(warm) if long_enough else None


def draw(result: Result, path: Path) -> bool:
    """Memory over time as a picture; false without matplotlib (the extra ``bench``)."""
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - may be missing
    except ImportError:
        return False
    samples = result.samples
    minutes = [(one.at - samples[0].at) / 60 for one in samples]
    drawing = Figure(figsize=(8, 4.2), layout="constrained")
    memory, descriptors = drawing.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    memory.plot(minutes, [one.rss_bytes / MEBIBYTE for one in samples], color="#1f6feb")
    memory.set_ylim(bottom=0)
    memory.set_ylabel("RSS, MiB")
    memory.set_title("A node under load: memory and descriptors")
    descriptors.plot(minutes, [one.descriptors for one in samples], color="#9aa4b2")
    descriptors.set_ylim(bottom=0)
    descriptors.set_ylabel("descriptors")
    descriptors.set_xlabel("minutes")
    for axes in (memory, descriptors):
        axes.spines[["top", "right"]].set_visible(False)
    if memory_trend(result) is not None:
        memory.axvspan(0, warm_up_s(result) / 60, color="#eeeeee", label="warm-up")
        memory.legend(frameon=False, loc="lower right")
    drawing.savefig(path, dpi=150)
    return True


def _totals(result: Result) -> Iterator[str]:
    per_s = result.messages / result.seconds if result.seconds else 0.0
    yield f"seed {result.plan.seed}, {result.plan.callers} callers at a time"
    yield (
        f"{result.messages:,} messages in {result.requests:,} requests, "
        f"{result.seconds:.0f} s, {per_s:,.0f} messages/s"
    )


def _table(result: Result) -> Iterator[str]:
    yield f"{'what became of a message':28}{'taken 0 times':>15}{'once':>12}{'more often':>12}"
    for end in End:
        row = {times: count for (became, times), count in result.table.items() if became is end}
        if row:
            more = sum(count for times, count in row.items() if times > 1)
            yield f"{_words(end):28}{row.get(0, 0):15,}{row.get(1, 0):12,}{more:12,}"
    yield f"{'sent, and not to everybody':28}{'':15}{result.partly:12,}"


def _requests(result: Result) -> Iterator[str]:
    yield "how requests ended"
    for end in End:
        if result.ends[end]:
            yield f"  {_words(end):38}{result.ends[end]:12,}"


def _weather(result: Result) -> Iterator[str]:
    yield "faults injected"
    for name, count in sorted(result.timeline.counts.items()):
        yield f"  {name:38}{count:12,}"
    if not result.timeline.counts:
        yield "  none"


def _vitals(result: Result) -> Iterator[str]:
    yield f"{'the node that stayed':28}{'first':>12}{'last':>12}{'most':>12}{'at rest':>16}"
    samples, rest = result.samples, result.rest
    assert rest is not None
    rows = {
        "RSS, MiB": lambda one: one.rss_bytes / MEBIBYTE,
        "descriptors": lambda one: one.descriptors,
        "threads": lambda one: one.threads,
    }
    for name, of in rows.items():
        first, last, most = of(samples[0]), of(samples[-1]), max(map(of, samples))
        at_rest = f"{of(rest.first):.0f} → {of(rest.last):.0f}"
        yield f"  {name:26}{first:12.0f}{last:12.0f}{most:12.0f}{at_rest:>16}"
    memory = memory_trend(result)
    if memory is None:
        yield f"  memory: less than {WARM_UP_S + STRETCH_S:.0f} s, too short for a trend"
        return
    yield (
        f"  memory after {warm_up_s(result):.0f} s of warm-up: {memory.growth:+.1%} in "
        f"{memory.seconds:.0f} s by its line, {memory.spread:.1%} from least to most"
    )


def _verdict(result: Result) -> Iterator[str]:
    for violation, story in result.examples:
        yield from _story(violation, story, result.timeline)
        yield from _logged(story, result.logs)
    found = faults(result)
    yield from found or ["no violations"]


def _story(violation: Violation, story: Story, timeline: Timeline) -> Iterator[str]:
    began_at = timeline.began_at
    key = "with a key" if story.keyed else "without a key"
    yield f"VIOLATION message {story.number}, {key}: {violation}"
    moments = [*_moments(story)]
    first, last = min(at for at, _ in moments), max(at for at, _ in moments)
    moments += [
        (at, f"  ({what})") for at, what in timeline.between(first - AROUND_S, last + AROUND_S)
    ]
    for at, what in sorted(moments):
        yield f"  {at - began_at:12.4f} s  {what}"


def _logged(story: Story, logs: Sequence[Path]) -> Iterator[str]:
    about = f'"audit-{story.number}-'.encode()
    for log in logs:
        with log.open("rb") as lines:
            for line in lines:
                if about in line:
                    yield f"  {log.stem}: {line.decode().rstrip()}"


def _moments(story: Story) -> Iterator[tuple[float, str]]:
    for number, one in enumerate(story.requests):
        yield one.began_at, f"request {number}"
        answer = f"{one.status} {_id(one.id)} {one.provider or ''}" if one.status else ""
        yield one.ended_at, f"request {number}: {_words(one.end)} {answer}".rstrip()
    for taken in story.acceptances:
        yield taken.at, f"{taken.provider} takes {_id(taken.id)}"


def _words(end: End) -> str:
    return {
        End.REFUSED: "refused at the door",
        End.FAULT: "a fault, by nginx",
        End.HUNG_UP: "its caller hung up",
        End.CUT: "cut short by its caller",
    }.get(end, end.name.lower())


def _id(key: bytes | None) -> str:
    return "-" if key is None else str(UUID(bytes=key))
