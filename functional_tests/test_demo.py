"""``smsp demo``, used as it asks to be: by running the lines that it has printed in a shell."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from functional_tests.kit.polling import eventually
from functional_tests.kit.processes import Process, clean_environ, running
from smsp.simulator import fault_table

LAST_LINE = "Stop with Ctrl-C."
START_WITHIN_S = 60.0


class Demo:
    """A running demo, and the commands that it has printed."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.text = eventually(
            self._introduction, "the demo has introduced itself", within_s=START_WITHIN_S
        )
        joined = self.text.replace("\\\n", " ")
        self.commands = re.findall(r"^ +(curl .*)$", joined, re.MULTILINE)

    def run(self, part: str, *, changed: tuple[str, str] = ("", "")) -> dict:
        """Run the one printed command that has this part, and read its JSON."""
        (command,) = [command for command in self.commands if part in command]
        old, new = changed
        done = subprocess.run(
            ["sh", "-c", command.replace(old, new) if old else command],
            capture_output=True,
            env=clean_environ() | {"no_proxy": "*"},
            timeout=30,
            check=True,
        )
        return json.loads(done.stdout)

    def state(self, name: str) -> str:
        """A circuit's state, by the printed command that shows the actors."""
        rows = self.run("/providers -H")["providers"]
        return next(row["state"] for row in rows if row["name"] == name)

    def _introduction(self) -> str | None:
        self.process.check_alive()
        log = self.process.log
        return log[: log.index(LAST_LINE)] if LAST_LINE in log else None


@pytest.fixture
def demo(register, tmp_path):
    """A demo on a free port."""
    process = Process("the demo", ["smsp", "demo", "--port", "0"], {}, tmp_path / "log")
    with running(process, register):
        yield Demo(process)
        process.terminate()
        assert process.exit_status() == 0


def test_the_printed_lines(demo):
    """Send, break, see the failover and the open circuit, mend, see it close: as printed."""
    first = demo.run("/email")
    assert (first["outcome"], first["provider"]) == ("sent", "mailgun")
    demo.run("-d down")
    second = demo.run("/email")
    assert (second["outcome"], second["provider"]) == ("sent", "sendgrid")
    assert demo.state("mailgun") == "open"
    demo.run("-d up")
    eventually(lambda: demo.state("mailgun") == "closed", "mailgun's circuit closes")
    third = demo.run("/email")
    assert (third["outcome"], third["provider"]) == ("sent", "mailgun")
    outbox = demo.run("/outbox")
    assert outbox["accepted"] == {"mailgun": 2, "sendgrid": 1}
    ids = [message["smsp_id"] for message in outbox["messages"]]
    assert ids == [first["id"], second["id"], third["id"]]


def test_the_printed_faults(demo):
    """The table of faults is there, and one of them does what its line says."""
    printed = [line.strip() for line in demo.text.splitlines()]
    assert [line for line in fault_table().splitlines() if line not in printed] == []
    answer = demo.run("/email", changed=("you@example.org", "reject@example.org"))
    assert (answer["code"], answer["outcome"]) == ("rejected", "rejected")


def test_nothing_secret_is_told(demo):
    """The key in the text opens the demo only; the log beside it has no recipient in it."""
    demo.run("/email")
    eventually(lambda: "email.sent" in demo.process.log, "it is logged")
    log = demo.process.log.partition(LAST_LINE)[2]
    assert "email.sent" in log
    assert "you@example.org" not in log
