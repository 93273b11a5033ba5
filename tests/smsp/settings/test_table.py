"""The settings as people see them: the README's table, and ``smsp check``."""

from __future__ import annotations

import re

from smsp.settings import load
from smsp.settings.accounts import OLDER, PROVIDERS
from smsp.settings.model import OWN
from smsp.settings.table import describe
from tests.kit.configuration_table import configuration_table, variables
from tests.kit.environments import MAILGUN, MOCK, PIGEON, PIGEONS, loaded


def rows(kinds=PIGEONS):
    return {variable.name: variable for variable in variables(kinds)}


def test_every_variable_has_one_row():
    """SMSP's own, those of every provider, and those of each kind."""
    names = [variable.name for variable in variables(PIGEONS)]

    assert len(names) == len(set(names))
    assert {*OWN, PROVIDERS, "SMSP_<NAME>_KIND", "SMSP_<NAME>_TIMEOUT"} <= set(names)
    assert {"SMSP_PIGEON_TOKEN", "SMSP_OWL_WING"} <= set(names)


def test_every_variable_has_a_meaning():
    """In one line, fit for a table."""
    for variable in variables():
        assert variable.meaning, variable.name
        assert not re.search(r"[|\n]", variable.meaning + variable.default), variable.name


def test_a_default_is_what_an_operator_would_write():
    """Or, in words, why there is none."""
    table = rows()

    assert (table["SMSP_PORT"].default, table["SMSP_PORT"].unit) == ("8080", "")
    assert (table["SMSP_CALL_TIMEOUT"].default, table["SMSP_CALL_TIMEOUT"].unit) == ("2", "s")
    assert table["SMSP_TRIP"].default == "first-failure"
    assert table["SMSP_CORS_ORIGINS"].default == "*"
    assert table["SMSP_API_KEY"].default == "(not set)"
    assert table["SMSP_PIGEON_TOKEN"].default == "(required)"
    assert table["SMSP_<NAME>_TIMEOUT"].default == "SMSP_CALL_TIMEOUT"
    assert table["SMSP_PIGEON_WING"].default == "left"


def test_written_defaults_are_the_defaults():
    """An operator who writes a default changes nothing."""
    written = {
        variable.name: variable.default
        for variable in variables(PIGEONS)
        if variable.name in OWN and not variable.default.startswith("(")
    }

    assert loaded({**written, **PIGEON}) == loaded(PIGEON)


def test_the_table_in_markdown():
    """One row a variable, with its unit after the default and its range after the meaning."""
    lines = configuration_table(PIGEONS).splitlines()

    assert lines[:2] == ["| variable | default | meaning |", "|---|---|---|"]
    assert len(lines) == 2 + len(variables(PIGEONS))
    assert (
        "| `SMSP_POLL_INTERVAL_MAX` | `60` s "
        "| longest time between two probes while they fail (0.01 to 3600) |" in lines
    )
    assert "| `SMSP_<NAME>_TRIP` | `SMSP_TRIP` | the same, for this provider alone |" in lines
    assert "| `SMSP_PIGEON_TOKEN` | required | token, a secret |" in lines
    assert "| `SMSP_PIGEON_WING` | `left` | wing: `left` or `right` |" in lines


def test_the_older_names_are_in_the_table():
    """Beside the names they have now."""
    table = configuration_table()

    assert all(f"`{older}`" in table for older in OLDER.values())


def test_a_description_shows_what_is_in_force():
    """Variable by variable, with what a provider inherits."""
    shown = dict(describe(loaded(PIGEON, SMSP_CALL_TIMEOUT="1.5", SMSP_LOG_ADDRESSES="1")))

    assert shown["SMSP_CALL_TIMEOUT"] == "1.5"
    assert shown["SMSP_LOG_ADDRESSES"] == "true"
    assert shown["SMSP_POLL_MESSAGE_ADDRESS"] == "poll@example.org"
    assert shown["SMSP_PROVIDERS"] == "pigeon"
    assert shown["SMSP_PIGEON_KIND"] == "pigeon"
    assert shown["SMSP_PIGEON_LOFT_NAME"] == "north"
    assert shown["SMSP_PIGEON_TIMEOUT"] == "1.5"
    assert shown["SMSP_PIGEON_BASE_URL"] == "(not set)"


def test_a_description_masks_every_secret():
    """It is made to be pasted into a report."""
    shown = dict(describe(load(MAILGUN)))

    assert {shown["SMSP_API_KEY"], shown["SMSP_MAILGUN_API_KEY"]} == {"**********"}
    secrets = {MAILGUN["SMSP_API_KEY"], MAILGUN["SMSP_MG_API_KEY"]}
    assert not secrets & set(shown.values())


def test_the_mock_can_be_described():
    """It has no settings of its own kind."""
    shown = dict(describe(loaded(MOCK)))

    assert shown["SMSP_PROVIDERS"] == shown["SMSP_MOCK_KIND"] == "mock"
