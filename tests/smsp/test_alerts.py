"""The README's scrape configuration and alerting rules speak of metrics that exist."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from smsp.metrics import Metrics
from tests.kit.readme import README


def block(marker: str) -> Any:
    """The YAML that follows a marker in the README."""
    text = README.read_text("utf-8")
    found = re.search(rf"<!-- {marker} -->\n```yaml\n(.*?)```", text, re.DOTALL)
    assert found is not None
    return yaml.safe_load(found[1])


def rules() -> list[dict[str, Any]]:
    """All alerting rules."""
    return [rule for group in block("alerts")["groups"] for rule in group["rules"]]


def known() -> set[str]:
    """Every metric that SMSP has, as it is exposed."""
    text = Metrics("1", lambda: (), lambda: (0, 0)).exposition().decode()
    names = set(re.findall(r"^# TYPE (\w+)", text, re.MULTILINE))
    return names | {name.removesuffix("_total") + "_total" for name in names}


def test_there_are_six_rules() -> None:
    """Each with an expression, a severity and a sentence for whoever is woken."""
    assert len(rules()) == 6
    for rule in rules():
        assert rule["expr"]
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"]["summary"]


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_a_rule_names_metrics_that_exist(rule: dict[str, Any]) -> None:
    """Otherwise it could never fire."""
    named = set(re.findall(r"\bsmsp_\w+", rule["expr"]))

    assert named
    assert named <= known()


def test_the_scrape_shows_a_key_in_a_header() -> None:
    """From a file, not from the configuration itself, and not in the URL."""
    (job,) = block("scrape")["scrape_configs"]

    assert job["metrics_path"] == "/metrics"
    assert job["authorization"]["type"] == "Bearer"
    assert set(job["authorization"]) == {"type", "credentials_file"}
    assert "params" not in job
