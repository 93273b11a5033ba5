"""The documents' scrape configuration and alerting rules: they speak of metrics that exist, and
each fires when it should and at no other time.

The second is Prometheus' own judgement, by ``promtool`` (of the package ``prometheus``), on what a
node exposes minute by minute. Without promtool those tests are skipped.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from smsp.telemetry.metrics import Metrics
from tests.kit.documents import block
from tests.kit.scrapes import INSTANCE, PROVIDERS, Scrapes


def example(marker: str) -> Any:
    """The YAML that follows a marker in the documents."""
    return yaml.safe_load(block(marker))


def rules() -> list[dict[str, Any]]:
    """All alerting rules."""
    return [rule for group in example("alerts")["groups"] for rule in group["rules"]]


def known() -> set[str]:
    """Every metric that SMSP has, as it is exposed."""
    text = Metrics("1", lambda: (), lambda: (0, 0)).exposition().decode()
    names = set(re.findall(r"^# TYPE (\w+)", text, re.MULTILINE))
    return names | {name.removesuffix("_total") + "_total" for name in names}


NAMED = {name for rule in rules() for name in re.findall(r"\b(?:smsp_\w+|up)\b", rule["expr"])}
SUMMARIES = {rule["alert"]: rule["annotations"]["summary"] for rule in rules()}
SEVERITIES = {rule["alert"]: rule["labels"]["severity"] for rule in rules()}


def test_there_are_seven_rules() -> None:
    """Each with an expression, a severity and a sentence for whoever is woken."""
    assert len(rules()) == 7
    for rule in rules():
        assert rule["expr"]
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"]["summary"]


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_a_rule_names_metrics_that_exist(rule: dict[str, Any]) -> None:
    """Otherwise it could never fire."""
    named = set(re.findall(r"\bsmsp_\w+|\bup\b", rule["expr"]))

    assert named
    assert named <= {*known(), "up"}


def test_the_rule_for_a_node_that_is_gone_names_the_scraped_job() -> None:
    """Otherwise it would tell of others' nodes, or of none."""
    (job,) = example("scrape")["scrape_configs"]
    (expr,) = (rule["expr"] for rule in rules() if "up{" in rule["expr"])

    assert expr == f'up{{job="{job["job_name"]}"}} == 0'


def test_the_scrape_shows_a_key_in_a_header() -> None:
    """From a file, not from the configuration itself, and not in the URL."""
    (job,) = example("scrape")["scrape_configs"]

    assert job["metrics_path"] == "/metrics"
    assert job["authorization"]["type"] == "Bearer"
    assert set(job["authorization"]) == {"type", "credentials_file"}
    assert "params" not in job


# -- when they fire


@pytest.fixture(scope="module")
def promtool() -> str:
    """Prometheus' own tool."""
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("needs promtool: apt-get install prometheus")
    return found


class Story(Scrapes):
    """What happens to a node, and which alerts fire at which moments of it: those, and no other."""

    def __init__(self) -> None:
        super().__init__(NAMED)
        self.expected: list[dict[str, Any]] = []

    def messages(self, **counts: int) -> None:
        """So many messages ended so."""
        for outcome, count in counts.items():
            for _ in range(count):
                self.metrics.message(outcome)

    def fires(self, **alerts: list[dict[str, str]]) -> None:
        """These alerts, and no other, fire at the last scrape: each with these sets of labels."""
        for name in SUMMARIES:
            told = [_alert(name, labels) for labels in alerts.get(name, ())]
            moment = f"{self.scraped - 1}m"
            case = {"eval_time": moment, "alertname": name, "exp_alerts": told}
            self.expected.append(case)


def _alert(name: str, labels: Mapping[str, str]) -> dict[str, Any]:
    shown = re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda label: labels[label[1]], SUMMARIES[name])
    severity = {"severity": SEVERITIES[name]}
    return {"exp_labels": {**labels, **severity}, "exp_annotations": {"summary": shown}}


HERE = {"instance": INSTANCE}
MAILGUN, SENDGRID = ({**HERE, "job": "smsp", "provider": name} for name in PROVIDERS)


@pytest.fixture
def story(promtool: str, tmp_path: Path) -> Callable[[], AbstractContextManager[Story]]:
    """A story to be told inside a ``with``; at its end it is judged."""

    @contextmanager
    def told() -> Iterator[Story]:
        node = Story()
        yield node
        assert node.expected
        (tmp_path / "rules.yml").write_text(yaml.safe_dump(example("alerts")))
        test = {
            "interval": "1m",
            "input_series": [*node.input_series, *STRANGERS],
            "alert_rule_test": node.expected,
        }
        cases = {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": [test]}
        (tmp_path / "tests.yml").write_text(yaml.safe_dump(cases))
        command = [promtool, "test", "rules", "tests.yml"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    return told


STRANGERS = [{"series": 'up{instance="db-0.example.com:9100",job="node"}', "values": "0x1000"}]
"""What else Prometheus watches, all of it down."""


def test_a_quiet_day(story):
    """Nobody is woken by a node that has nothing to do, nor by one whose mail is sent."""
    with story() as node:
        for _ in range(13):
            node.minutes(60)
            node.messages(sent=1000, rejected=50, not_sent=20)
            node.fires()


def test_the_first_messages_of_unknown_outcome(story):
    """The first burst in the life of a node is told, as every later one is, and then over."""
    with story() as node:
        node.minutes(20)
        for _ in range(2):
            node.messages(unknown=1)
            node.minutes(5)
            node.fires()
            node.minutes(1)
            node.fires(SmspUnknownOutcomes=[{}])
            node.minutes(4)
            node.fires(SmspUnknownOutcomes=[{}])
            node.minutes(1)
            node.fires()
            node.minutes(20)


@pytest.mark.parametrize(("unknown", "told"), [(10, False), (11, True)])
def test_a_few_messages_of_unknown_outcome(story, unknown, told):
    """One in a hundred is none to get up for."""
    with story() as node:
        node.minutes(20)
        node.messages(sent=700, rejected=200, not_sent=100 - unknown, unknown=unknown)
        node.minutes(6)
        node.fires(**({"SmspUnknownOutcomes": [{}]} if told else {}))


@pytest.mark.parametrize("state", ["open", "held_open", "quarantined"])
def test_no_circuit_takes_mail(story, state):
    """For more than a minute, whatever it is that keeps them from it."""
    with story() as node:
        node.minutes(20)
        node.circuit(*PROVIDERS, state=state)
        node.minutes(1)
        node.fires()
        node.minutes(1)
        node.fires(SmspTakesNoMail=[HERE])
        node.circuit("sendgrid", state="held_closed")
        node.minutes(1)
        node.fires()


def test_one_circuit_is_open(story):
    """Mail goes on, so it is told only when it has lasted, and by whose circuit it is."""
    with story() as node:
        node.minutes(20)
        node.circuit("mailgun", state="open")
        node.minutes(10)
        node.fires()
        node.minutes(1)
        node.fires(SmspCircuitOpen=[{**MAILGUN, "state": "open"}])
        node.circuit("mailgun", state="closed")
        node.minutes(1)
        node.fires()


@pytest.mark.parametrize("state", ["held_open", "held_closed"])
def test_a_hold_that_was_forgotten(story, state):
    """After half a day, and no sooner."""
    with story() as node:
        node.minutes(20)
        node.circuit("sendgrid", state=state)
        node.minutes(12 * 60)
        node.fires()
        node.minutes(1)
        node.fires(SmspCircuitHeld=[{**SENDGRID, "state": state}])


def test_an_actor_that_crashed(story):
    """At once, for an hour; a process that begins anew is none."""
    with story() as node:
        node.minutes(20)
        node.circuit("mailgun", restarts=1)
        node.minutes(1)
        node.fires(SmspActorRestarts=[MAILGUN])
        node.minutes(59)
        node.fires(SmspActorRestarts=[MAILGUN])
        node.minutes(1)
        node.fires()
        node.start()
        node.minutes(1)
        node.fires()


def test_lines_that_were_dropped(story):
    """At once, for ten minutes."""
    with story() as node:
        node.minutes(20)
        node.lines_dropped = 1
        node.minutes(1)
        node.fires(SmspLogLinesDropped=[{**HERE, "job": "smsp"}])
        node.minutes(9)
        node.fires(SmspLogLinesDropped=[{**HERE, "job": "smsp"}])
        node.minutes(1)
        node.fires()


def test_a_node_that_is_gone(story):
    """Its own metrics end with it, so no other rule tells of that."""
    gone = {**HERE, "job": "smsp"}
    with story() as node:
        node.minutes(20)
        node.minutes_in_vain(2)
        node.fires()
        node.minutes_in_vain(1)
        node.fires(SmspNodeDown=[gone])
        node.minutes_in_vain(60)
        node.fires(SmspNodeDown=[gone])
        node.start()
        node.minutes(1)
        node.fires()


def test_a_node_that_is_started_anew(story):
    """An update takes less than a minute or two, and its counters begin at 0 again."""
    with story() as node:
        node.messages(sent=1000)
        node.minutes(20)
        node.minutes_in_vain(1)
        node.start()
        for _ in range(20):
            node.minutes(1)
            node.fires()
