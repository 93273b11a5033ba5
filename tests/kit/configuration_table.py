"""Every setting in a table, as the README shows it: read off the declarations.

Owns the words of a row that no declaration has.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic.fields import FieldInfo

from smsp.providers import KINDS, UNNAMED
from smsp.settings.accounts import KIND, OLDER, PROVIDERS, prefix_of
from smsp.settings.environment import PREFIX
from smsp.settings.kinds import Kinds, own_settings, own_timeout_s
from smsp.settings.model import OWN
from smsp.settings.provider_settings import INHERITED, SHARED
from smsp.settings.table import NOT_SET, shown
from smsp.settings.values import Parsed, spelled

REQUIRED = "(required)"

_ANY_NAME = f"{PREFIX}<NAME>_"
_UNPARSED = Parsed(str)


@dataclass(frozen=True, slots=True)
class Variable:
    """One row. ``default`` is what an operator would write, or, in words, why there is none."""

    name: str
    default: str
    unit: str
    meaning: str


def variables(kinds: Kinds = KINDS) -> tuple[Variable, ...]:
    """Every variable that this version honours: SMSP's own, every provider's, each kind's."""
    words = " or ".join(f"`{kind}`" for kind in kinds)
    return (
        *(_variable(name, field) for name, field in OWN.items()),
        Variable(
            PROVIDERS,
            f"({', then '.join(UNNAMED)}: those whose credentials are set)",
            "",
            "names of the providers, in order; each is a kind, or has a `_KIND`. In variables a "
            "name is in capitals, with `_` for `-`",
        ),
        Variable(_ANY_NAME + KIND, "(its name)", "", f"kind of the provider: {words}"),
        *_shared(),
        *(variable for kind in kinds for variable in _of_kind(kind, kinds)),
    )


def configuration_table(kinds: Kinds = KINDS) -> str:
    """:func:`variables` in Markdown, ending with a line's end."""
    rows = ("| variable | default | meaning |", "|---|---|---|", *map(_row, variables(kinds)))
    return "".join(f"{row}\n" for row in rows)


def _variable(name: str, field: FieldInfo, default: str | None = None) -> Variable:
    if default is None:
        default = REQUIRED if field.is_required() else shown(field.default)
    parsed = next((part for part in field.metadata if isinstance(part, Parsed)), _UNPARSED)
    meaning = f"{field.description} ({parsed.span})" if parsed.span else f"{field.description}"
    return Variable(name, default, parsed.unit, meaning)


def _shared() -> Iterator[Variable]:
    for name, field in SHARED.items():
        yield _variable(_ANY_NAME + name, field, INHERITED.get(name))


def _of_kind(kind: str, kinds: Kinds) -> Iterator[Variable]:
    for own in own_settings(kinds[kind]):
        name = prefix_of(kind) + own.setting
        older = f"; also `{OLDER[name]}`" if name in OLDER else ""
        default = REQUIRED if own.default is None else own.default or NOT_SET
        yield Variable(name, default, "", f"{own.meaning}{older}")
    timeout_s = own_timeout_s(kinds[kind])
    if timeout_s is not None:
        meaning = f"the same, if neither this nor `{INHERITED['TIMEOUT']}` is set"
        yield Variable(f"{prefix_of(kind)}TIMEOUT", spelled(timeout_s), "s", meaning)


def _row(variable: Variable) -> str:
    if variable.default.startswith("("):
        default = variable.default.strip("()")
    elif variable.default.startswith(PREFIX):
        default = f"`{variable.default}`"
    else:
        default = f"`{variable.default}` {variable.unit}".rstrip()
    return f"| `{variable.name}` | {default} | {variable.meaning} |"
