"""Kinds of provider that other packages bring: found by their metadata, and never trusted."""

from __future__ import annotations

import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest

from smsp.providers import KINDS
from smsp.providers.plugins import GROUP, find_kinds
from smsp.settings import SettingsError, load
from smsp.telemetry.log import Telemetry
from smsp.wiring import application
from tests.kit.environments import KEY, MAILGUN
from tests.kit.web import FakeLog

ADAPTER = """
from typing import ClassVar

from pydantic import SecretStr
from pydantic.dataclasses import dataclass

from smsp.providers.protocols import Capabilities, Facts, HttpCall, Sent


@dataclass(frozen=True)
class Acme:
    api_key: SecretStr

    facts: ClassVar = Facts("Acme", ("moon",), "none", "none")
    capabilities: ClassVar = Capabilities()
    control_headers: ClassVar = ("X-Acme-*",)

    def encode(self, send):
        return HttpCall("POST", "https://api.acme.example/send")

    def decode(self, reply):
        return Sent()

    def probe(self, address):
        return ()
"""


class Site:
    """A folder that packages are installed into, as an installer leaves them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(self, package: str, code: str, **kinds: str) -> None:
        """A package of one module, whose classes are these kinds."""
        module = package.replace("-", "_")
        (self.folder / f"{module}.py").write_text(code)
        metadata = self.folder / f"{module}-1.0.dist-info"
        metadata.mkdir()
        head = f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n"
        (metadata / "METADATA").write_text(head)
        lines = [f"{kind} = {module}:{name}" for kind, name in kinds.items()]
        (metadata / "entry_points.txt").write_text("\n".join([f"[{GROUP}]", *lines, ""]))

    def find(self):
        """What is found here."""
        installed = distributions(path=[str(self.folder)])
        return find_kinds([point for each in installed for point in each.entry_points])


@pytest.fixture
def site(tmp_path, monkeypatch):
    """An empty one, from which can be imported; forgotten afterwards."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield Site(tmp_path)
    for name in set(sys.modules) - before:
        del sys.modules[name]


def environ_of(*providers: str, **own: str) -> dict[str, str]:
    """SMSP with these providers."""
    return {
        "SMSP_API_KEY": KEY,
        "SMSP_POLL_MESSAGE_ADDRESS": "poll@example.org",
        "SMSP_PROVIDERS": ",".join(providers),
    } | {f"SMSP_{name}": text for name, text in own.items()}


def mistakes(environ) -> dict[str, str]:
    """What is wrong with it, with whatever packages are installed."""
    with pytest.raises(SettingsError) as caught:
        load(environ)
    return {mistake.variable: mistake.message for mistake in caught.value.mistakes}


def test_nothing_is_installed_here():
    """Then there are our own kinds, in their order."""
    found = find_kinds(())
    assert list(found.kinds.items()) == list(KINDS.items())
    assert (found.broken, found.clashing) == ((), ())


def test_a_package_brings_a_kind(site):
    """Its class is the adapter; ours stay what they are."""
    site.install("acme-mail", ADAPTER, acme="Acme")
    found = site.find()
    assert found.kinds["acme"].facts.title == "Acme"
    assert list(found.kinds)[: len(KINDS)] == list(KINDS)
    assert (found.broken, found.clashing) == ((), ())


def test_its_settings_are_read_like_any_other_s(site):
    """Its fields are variables, a wrong one is a mistake, and it may have two accounts."""
    site.install("acme-mail", ADAPTER, acme="Acme")
    keys = {"ACME_API_KEY": "acme-secret", "OTHER_KIND": "acme", "OTHER_API_KEY": "secret"}
    acme, other = load(environ_of("acme", "other", **keys)).providers
    assert (acme.kind, acme.own.api_key.get_secret_value()) == ("acme", "acme-secret")
    assert (other.kind, other.own.api_key.get_secret_value()) == ("acme", "secret")
    assert mistakes(environ_of("acme")) == {"SMSP_ACME_API_KEY": "is required"}


async def test_its_control_headers_are_refused_too(site, autojump_clock):
    """As soon as it is used, no caller may steer it."""
    site.install("acme-mail", ADAPTER, acme="Acme")
    settings = load(environ_of("acme", ACME_API_KEY="acme-secret"))
    async with application(settings, Telemetry(FakeLog())) as built:
        headers = built.services.control_headers
    assert "X-Acme-*" in headers
    assert {header for kind in KINDS.values() for header in kind.control_headers} <= set(headers)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("import a_module_that_is_not_there", "ModuleNotFoundError"),
        ("raise RuntimeError('boom')", "RuntimeError"),
        ("def", "SyntaxError"),
        ("", "AttributeError"),
        ("class Acme: pass", "TypeError"),
        ("Acme = 42", "TypeError"),
        (ADAPTER.replace("def probe", "def prod"), "TypeError"),
        (ADAPTER.replace("@dataclass(frozen=True)", ""), "TypeError"),
        (ADAPTER.replace("capabilities", "abilities"), "AttributeError"),
    ],
)
def test_a_broken_package_breaks_nothing_else(site, code, error):
    """It is left out, and told by its own name; other packages and our own kinds are there."""
    site.install("broken-mail", code, broken="Acme")
    site.install("acme-mail", ADAPTER, acme="Acme")
    found = site.find()
    assert set(found.kinds) == {*KINDS, "acme"}
    (broken,) = found.broken
    brings = "broken: broken-mail brings broken_mail:Acme for it"
    assert broken.problem == f"{brings}, which cannot be loaded ({error})"


def test_a_broken_package_that_is_asked_for_is_a_mistake(site):
    """Under the variable that asks for it; to others it is only a warning."""
    site.install("broken-mail", "raise RuntimeError('boom')", broken="Acme")
    said = "broken: broken-mail brings broken_mail:Acme for it, which cannot be loaded"
    problem = f"{said} (RuntimeError)"
    asked = environ_of("broken", "other", OTHER_KIND="broken")
    assert mistakes(asked) == {
        "SMSP_BROKEN_KIND": f"cannot be {problem}",
        "SMSP_OTHER_KIND": f"cannot be {problem}",
    }
    assert f"no provider can be {problem}" in load(MAILGUN).warnings


@pytest.mark.parametrize("word", ["Acme", "a_b", "1st", "a" * 33, "a.b"])
def test_a_word_that_is_no_name(site, word):
    """What cannot be in a variable is no kind."""
    site.install("acme-mail", ADAPTER, **{word: "Acme"})
    (broken,) = site.find().broken
    assert (broken.kind, broken.problem.endswith("(ValueError)")) == (word, True)


def test_our_own_words_are_taken(site):
    """A package that would replace a kind of ours is a mistake, used or not."""
    site.install("acme-mail", ADAPTER, mailgun="Acme")
    assert site.find().kinds["mailgun"] is KINDS["mailgun"]
    said = "mailgun: acme-mail brings acme_mail:Acme for it, but there is such a kind already"
    assert mistakes(MAILGUN) == {"SMSP_PROVIDERS": f"cannot have a second kind {said}"}


def test_so_are_those_of_another_package(site):
    """Which of the two is meant cannot be told, so nothing is started."""
    site.install("acme-mail", ADAPTER, acme="Acme")
    site.install("other-mail", ADAPTER, acme="Acme")
    (clashing,) = site.find().clashing
    assert "other-mail" in clashing.problem
