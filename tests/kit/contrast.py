"""How well text can be read on its ground, as WCAG 2.2 reckons; the colours of a style sheet."""

from __future__ import annotations

import re
from collections.abc import Mapping

Colour = tuple[float, float, float]
LEGIBLE = 4.5
"""WCAG 2.2, success criterion 1.4.3, of text of any size."""


def colour(text: str) -> Colour:
    """Red, green and blue, 0 to 255 each, of ``#rrggbb``."""
    red, green, blue = (int(text[at : at + 2], 16) for at in (1, 3, 5))
    return red, green, blue


def mixed(one: str, share: float, other: str) -> str:
    """What ``color-mix(in srgb, one share, other)`` is."""
    parts = zip(colour(one), colour(other), strict=True)
    return "#" + "".join(f"{round(a * share + b * (1 - share)):02x}" for a, b in parts)


def contrast(one: str, other: str) -> float:
    """From 1, the same colour, to 21, black on white (WCAG 2.2, *contrast ratio*)."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def tokens(css: str, selector: str) -> list[Mapping[str, str]]:
    """The colours that each of the rules for this selector gives names to, in their order."""
    bodies = re.findall(rf"^ *{re.escape(selector)} \{{([^}}]*)\}}", css, re.MULTILINE)
    return [dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", body)) for body in bodies]


def _luminance(text: str) -> float:
    red, green, blue = (_linear(part / 255) for part in colour(text))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
