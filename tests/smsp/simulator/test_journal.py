"""The journal: what was taken before a process ended is known to the next one."""

from __future__ import annotations

from contextlib import closing

import orjson
import pytest

from smsp.simulator import Journal, Outbox, Submission


def submission(smsp_id, *, test=False):
    """A message with this id of ours."""
    return Submission(smsp_id, ("bob@example.org", "eve@example.org"), "hi", test)


@pytest.fixture
def path(tmp_path):
    """Where the journal is."""
    return tmp_path / "journal"


def test_it_is_written_before_it_is_counted(path):
    """When ``take`` returns, another process can read it: with the moment, and without probes."""
    with closing(Journal(path, now=lambda: 12.5)) as journal:
        outbox = Outbox(journal=journal)
        outbox.take("mailgun", submission("a"))
        outbox.take("mailgun", submission("b", test=True))
        (line,) = map(orjson.loads, path.read_bytes().splitlines())
    assert line == {
        "number": 1,
        "provider": "mailgun",
        "smsp_id": "a",
        "recipients": ["bob@example.org", "eve@example.org"],
        "subject": "hi",
        "at": 12.5,
    }


def test_who_got_nothing_is_in_it(path):
    """Where a message was taken for some of its recipients; and the next process knows it."""
    partly = Submission("a", ("bob@example.org",), "hi", refused=("inactive@example.org",))
    with closing(Journal(path)) as journal:
        Outbox(journal=journal).take("postmark", partly)
        (line,) = map(orjson.loads, path.read_bytes().splitlines())
        (entry,) = Outbox(journal=journal).entries
    assert (line["recipients"], line["refused"]) == (["bob@example.org"], ["inactive@example.org"])
    assert (entry.recipients, entry.refused) == (partly.recipients, partly.refused)


def test_the_next_process_goes_on(path):
    """It knows what was taken before, whole and counted, and gives nobody the same number."""
    with closing(Journal(path)) as journal:
        before = Outbox(journal=journal)
        for smsp_id in ("a", "b", "b"):
            before.take("mailgun", submission(smsp_id))
    with closing(Journal(path)) as journal:
        after = Outbox(journal=journal)
        assert (after.entries, after.tally) == (before.entries, before.tally)
        assert after.take("mailgun", submission("a")) == 4
        assert after.taken_by_id == {"a": 2, "b": 2}


def test_what_is_forgotten_stays_in_it(path):
    """Emptying the outbox is no way to change what is on disk."""
    with closing(Journal(path)) as journal:
        outbox = Outbox(journal=journal)
        outbox.take("mailgun", submission("a"))
        outbox.clear()
        assert [entry.smsp_id for entry in journal.entries()] == ["a"]
