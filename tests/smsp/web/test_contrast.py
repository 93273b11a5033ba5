"""Whatever stands on the pages can be read, by day and by night: 4.5:1 at least (WCAG 2.2, 1.4.3).

What browsers make of the pages is looked at by the black-box tests; here are the colours alone.
"""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from smsp.web.assets import STATIC
from tests.kit.contrast import LEGIBLE, contrast, mixed, tokens

PAGE = "".join(path.read_text("utf-8") for path in sorted((STATIC / "dashboard").glob("*.css")))
DOCS = (STATIC / "docs.css").read_text("utf-8")
STATES = ("closed", "open", "held", "quarantined")
WHITE = "#ffffff"
ROUTES = {
    "light": [mixed(tint, 0.1, WHITE) for tint in ("#61affe", "#49cc90", "#fca130")],
    "dark": ["#182536", "#112929", "#27201e"],
}
"""The grounds of the routes on ``/docs``, by their method: Swagger UI's, as the next are."""
HEADS = {"light": [WHITE], "dark": ["#1c3043", "#14392c"]}
GROUNDS = {"light": ["#efefef", WHITE], "dark": ["#1c2022"]}
EXAMPLES = {"light": "#333333", "dark": "#2a2e30"}


def page(theme: str) -> dict[str, str]:
    """The dashboard's colours by name."""
    day, night = tokens(PAGE, ":root")
    return {**day, **(night if theme == "dark" else {})}


def docs(theme: str) -> dict[str, str]:
    """The colours by name that we give to ``/docs``."""
    (day,), (night,) = tokens(DOCS, ":root"), tokens(DOCS, "html.dark-mode")
    return {**day, **(night if theme == "dark" else {})}


def faint(pairs):
    """Those of the pairs of text and ground that cannot be read."""
    return [(*pair, round(contrast(*pair), 2)) for pair in pairs if contrast(*pair) < LEGIBLE]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("#000000", WHITE, 21.0),
        (WHITE, WHITE, 1.0),
        ("#777777", WHITE, 4.48),
        ("#767676", WHITE, 4.54),
        ("#3b4151", "#112929", 1.50),
    ],
)
def test_contrast(one, other, expected):
    """As others reckon it, whichever of the two is the text."""
    assert contrast(one, other) == contrast(other, one) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_dashboard(theme):
    """Plain and quiet text, links, what is pressed, and the states' colours on their tints."""
    of = page(theme)
    tints = re.findall(
        r"background: color-mix\(in srgb, var\(--tone\) (\d+)%, var\(--paper\)", PAGE
    )
    assert len(tints) == 3
    plain = [
        (of[text], of[on]) for text in ("ink", "muted", "accent") for on in ("paper", "ground")
    ]
    states = [(of[state], of["paper"]) for state in STATES]
    tinted = [
        (of[tone], mixed(of[tone], int(percent) / 100, of["paper"]))
        for tone in (*STATES, "muted")
        for percent in tints
    ]
    assert faint([*plain, *states, *tinted, (of["on-accent"], of["accent"])]) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_documentation(theme):
    """What we give a colour to, on the grounds that Swagger UI puts it on."""
    of = docs(theme)
    anywhere = ROUTES[theme] + GROUNDS[theme]
    pairs = [(of["number"], EXAMPLES[theme])]
    pairs += [(of["stop"], ground) for ground in anywhere + HEADS[theme]]
    if theme == "light":
        pairs += [(WHITE, of[name]) for name in ("get", "post", "put", "link", "quiet", "string")]
        pairs += [(of["quiet"], ground) for ground in anywhere]
        pairs += [(of["link"], ground) for ground in (*ROUTES[theme], WHITE)]
        pairs += [(of["post"], WHITE)]
    else:
        pairs += [(of["text"], ground) for ground in (*anywhere, of["put-head"])]
        pairs += [(of["stop"], of["put-head"])]
    assert faint(pairs) == []


def test_the_grounds_are_those_of_swagger_ui():
    """Of the version that is installed; another may have others."""
    spec = find_spec("flask_swagger_ui")
    assert spec is not None
    assert spec.origin is not None
    css = Path(spec.origin).with_name("dist").joinpath("swagger-ui.css").read_text("utf-8")
    for tint in ("97,175,254", "73,204,144", "252,161,48"):
        assert f"background:rgba({tint},.1)" in css
    for ground in (*ROUTES["dark"], *HEADS["dark"], *GROUNDS["dark"], *EXAMPLES.values()):
        short = "#333" if ground == "#333333" else ground
        assert f"background:{short}" in css or f"background-color:{short}" in css, ground


def test_every_colour_of_ours_is_used():
    """A name in a style sheet that nothing refers to is a colour that nobody sees."""
    for css in (PAGE, DOCS):
        named = set(re.findall(r"^ *--([\w-]+): #", css, re.MULTILINE))
        assert named - set(re.findall(r"var\(--([\w-]+)", css)) == set()
