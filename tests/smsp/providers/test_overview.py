"""The table of providers says what each kind says of itself."""

from __future__ import annotations

import re

import pytest

from smsp.providers import KINDS
from smsp.providers.protocols import Capabilities
from tests.kit.overview import limits_of, providers_table

TABLE = providers_table(KINDS).splitlines()


def row_of(kind: str) -> list[str]:
    """The cells of one kind."""
    (row,) = (line for line in TABLE if line.startswith(f"| `{kind}`"))
    return [cell.strip() for cell in row.strip("|").split(" | ")]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_row(kind):
    """With as many cells as there are columns."""
    assert len(row_of(kind)) == len(TABLE[0].strip("|").split(" | "))


def test_a_row():
    """What it carries, how it is probed and at what cost, whether a doubt can be resolved."""
    assert row_of("resend") == [
        "`resend`, Resend",
        "global",
        "40 MB, 50 to, 74 tags, files whose type fits their name",
        "list of our domains, then a message to delivered@resend.dev",
        "counted",
        "yes",
    ]


def test_three_are_idempotent():
    """The others document no such thing."""
    assert {kind for kind in KINDS if row_of(kind)[-1] == "yes"} == {
        "brevo",
        "resend",
        "sparkpost",
    }


def test_what_costs_money_stands_out():
    """Nobody should learn it from a bill."""
    assert {kind for kind in KINDS if row_of(kind)[-2] == "**billed**"} == {"mailgun", "ses"}


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Capabilities(), []),
        (Capabilities(bytes_max=38_500_000, recipients_max=50), ["38.5 MB", "50 recipients"]),
        (Capabilities(tags_max=0, metadata=False), ["no tags", "no metadata"]),
        (Capabilities(tags_max=1, reply_to_max=1), ["1 reply-to", "1 tag"]),
        (Capabilities(headers_max=0, inline=False), ["no custom headers", "no inline images"]),
        (
            Capabilities(text_min=10, needs_html=True),
            ["subject, text and HTML of 10 characters each", "HTML required"],
        ),
        (
            Capabilities(ascii_headers=True, ascii_filenames=True, file_extensions=frozenset()),
            ["ASCII header values", "ASCII file names", "files of known types only"],
        ),
        (Capabilities(smtputf8=True), ["non-ASCII local parts"]),
        (
            Capabilities(body_bytes_max=5_000_000, header_bytes_max=15_000),
            ["5 MB a body", "15 kB of headers"],
        ),
        (Capabilities(metadata_bytes_max=10_000), ["10 kB of metadata"]),
        (
            Capabilities(headers_max=0, header_fields={"references": re.compile("")}),
            ["no custom headers but `references`"],
        ),
        (
            Capabilities(
                empty_files=False, headers_refused=frozenset({"x-mailer"}), template_mark="{{"
            ),
            [
                "no empty files",
                "not every custom header",
                "no `{{` in subject, headers and names",
            ],
        ),
    ],
)
def test_limits_in_words(limits, words):
    """Only what is bounded is told."""
    assert list(limits_of(limits)) == words
