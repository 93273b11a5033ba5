"""Whether a file's type fits its name, as far as anybody can say without looking into it."""

from __future__ import annotations

import mimetypes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsp.providers import file_types
from smsp.providers.file_types import Fit, fit

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@pytest.mark.parametrize(
    ("content_type", "filename"),
    [
        ("text/csv", "data.csv"),
        ("text/csv; charset=utf-8", "data.csv"),
        ('text/csv ; charset="a;b"', "data.csv"),
        ("TEXT/CSV", "DATA.CSV"),
        ("text/plain", "a.b.txt"),
        ("image/jpeg", "photo.jpg"),
        ("image/jpeg", "photo.JPEG"),
        ("application/pdf", "résumé.pdf"),
        ("application/gzip", "backup.tar.gz"),
        ("text/calendar; method=REQUEST", "invite.ics"),
        (DOCX, "letter.docx"),
        ("text/html", "index.html"),
        ("application/octet-stream", "blob.bin"),
    ],
)
def test_the_type_of_the_extension(content_type: str, filename: str):
    """Whatever the case, the parameters and the dots before."""
    assert fit(content_type, filename) is Fit.SAME


@pytest.mark.parametrize(
    ("content_type", "filename"),
    [
        ("image/jpg", "photo.jpg"),
        ("image/pjpeg", "photo.jpeg"),
        ("text/xml", "feed.xml"),
        ("application/rss+xml", "feed.xml"),
        ("application/vnd.api+json; v=1", "order.json"),
        ("application/javascript", "app.js"),
        ("audio/wav", "voice.wav"),
        ("application/x-zip-compressed", "all.zip"),
        ("text/rtf", "letter.rtf"),
        ("application/octet-stream", "letter.docx"),
        ("Application/Octet-Stream; x=y", "data.csv"),
        ("binary/octet-stream", "data.csv"),
    ],
)
def test_another_word_for_it(content_type: str, filename: str):
    """A synonym, a type made of it, or one that says less."""
    assert fit(content_type, filename) is Fit.SYNONYM


@pytest.mark.parametrize(
    ("content_type", "filename"),
    [
        ("text/csv", "data.txt"),
        ("text/plain", "data.csv"),
        ("text/plain; name=data.csv", "data.csv"),
        ("application/pdf", "photo.png"),
        ("image/png", "photo.jpg"),
        ("application/pdf", "letter.docx"),
        (DOCX, "letter.doc"),
        ("application/zip", "letter.docx"),
        ("text/x-custom", "data.txt"),
        ("application/pdf", "a.pdf.exe"),
        ("application/x-tar", "backup.tar.gz"),
        ("application/json+pdf", "a.json"),
    ],
)
def test_a_contradiction(content_type: str, filename: str):
    """The extension stands for something else, be the type known or not."""
    assert fit(content_type, filename) is Fit.CONTRADICTION


@pytest.mark.parametrize(
    ("content_type", "filename"),
    [
        ("text/x-custom", "data.custom"),
        ("text/csv", "data.custom"),
        ("text/plain", "README"),
        ("text/plain", ".csv"),
        ("text/plain", "data.csv."),
        ("text/plain", "data.csv "),
        ("text/plain", "."),
        ("text/plain", ""),
        ("", ""),
        ("application/octet-stream", "README"),
    ],
)
def test_a_name_that_says_nothing(content_type: str, filename: str):
    """Without an extension, or with one that stands for nothing known."""
    assert fit(content_type, filename) is Fit.UNDECIDED


@given(st.text(), st.text())
def test_any_two_texts_are_held_against_each_other(content_type: str, filename: str):
    """It never raises."""
    assert fit(content_type, filename) in Fit


def test_the_host_s_own_table_is_not_asked(tmp_path):
    """What is installed on a machine does not decide whether a mail goes."""
    table = tmp_path / "mime.types"
    table.write_text("text/x-ours  csv custom\n")
    mimetypes.init([str(table)])
    try:
        assert mimetypes.guess_type("a.custom") == ("text/x-ours", None)
        assert file_types._types() == file_types._TYPES
    finally:
        mimetypes.init()


def test_every_row_is_read():
    """An extension or a type that the table's reader passes over would be missed by nobody else."""
    rows = [line.split() for line in file_types._COMMON.splitlines() if line]
    for row in rows:
        for word in row:
            if "/" not in word:
                assert file_types._TYPES[word]
    said = {word for row in rows for word in row if "/" in word}
    assert said <= {word for types in file_types._TYPES.values() for word in types}
