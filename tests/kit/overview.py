"""The kinds of provider side by side, as the README shows them.

Owns the words for what a kind says of itself in its facts and capabilities. Must not know any kind
by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from smsp.providers.kinds import Capabilities, Kind

_COSTS = MappingProxyType({"none": "nothing", "counted": "counted", "charged": "**billed**"})


def providers_table(kinds: Mapping[str, type[Kind]]) -> str:
    """A row for each kind in Markdown, ending with a line's end."""
    head = ("kind", "regions", "carries", "probe (`auto`)", "a probe costs", "idempotent")
    rows = (head, ("---",) * len(head), *(_row(word, kind) for word, kind in kinds.items()))
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def limits_of(can: Capabilities) -> Iterator[str]:
    """What a kind cannot carry, or can beyond the others, each in a few words."""
    bounds = {
        "recipients": can.recipients_max,
        "to": can.to_max,
        "cc": can.cc_max,
        "bcc": can.bcc_max,
        "reply-to": can.reply_to_max,
        "characters of subject": can.subject_max,
        "custom headers": can.headers_max,
        "files": can.attachments_max,
        "tags": can.tags_max,
    }
    if can.bytes_max is not None:
        yield f"{can.bytes_max / 1_000_000:g} MB"
    if can.body_bytes_max is not None:
        yield f"{can.body_bytes_max / 1_000_000:g} MB a body"
    for what, most in bounds.items():
        if most is not None:
            fields = can.header_fields if what == "custom headers" else ()
            but = " but " + " and ".join(f"`{name}`" for name in fields) if fields else ""
            yield f"{most or 'no'} {what.removesuffix('s') if most == 1 else what}{but}"
    if can.header_bytes_max is not None:
        yield f"{can.header_bytes_max / 1_000:g} kB of headers"
    if can.metadata_bytes_max is not None:
        yield f"{can.metadata_bytes_max / 1_000:g} kB of metadata"
    if can.text_min is not None:
        yield f"subject, text and HTML of {can.text_min} characters each"
    flags = {
        "no metadata": not can.metadata,
        "no inline images": not can.inline,
        "HTML required": can.needs_html,
        "ASCII header values": can.ascii_headers,
        "ASCII file names": can.ascii_filenames,
        "files whose type fits their name": can.fitting_file_types,
        "files of known types only": can.file_extensions is not None,
        "no empty files": not can.empty_files,
        "not every custom header": bool(can.headers_refused),
        f"no `{can.template_mark}` in subject, headers and names": can.template_mark is not None,
        "non-ASCII local parts": can.smtputf8,
    }
    yield from (words for words, holds in flags.items() if holds)


def _row(word: str, kind: type[Kind]) -> tuple[str, ...]:
    return (
        f"`{word}`, {kind.facts.title}",
        ", ".join(kind.facts.regions) or "your own server",
        ", ".join(limits_of(kind.capabilities)) or "anything",
        kind.facts.probe,
        _COSTS[kind.facts.probe_cost],
        # Not by isinstance: a class is asked, and a protocol with values cannot be.
        "yes" if hasattr(kind, "keyed") else "no",
    )
