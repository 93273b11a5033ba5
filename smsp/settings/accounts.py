"""Which accounts at which kinds of provider there are, and whose variable is whose.

Owns the names that ``SMSP_PROVIDERS`` gives, and what may be a name. Must not know what the
settings of any kind mean: it is told their names only. An entry that is nothing known is never
repeated in a message: it may be a secret in the wrong place.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from smsp.settings.environment import PREFIX, Reading, is_injected

PROVIDERS = "SMSP_PROVIDERS"
KIND = "KIND"

OLDER: Mapping[str, str] = MappingProxyType(
    {
        "SMSP_MAILGUN_API_KEY": "SMSP_MG_API_KEY",
        "SMSP_MAILGUN_DOMAIN": "SMSP_MG_DOMAIN",
        "SMSP_SENDGRID_API_KEY": "SMSP_SG_API_KEY",
    }
)
"""The names that the first SMSP gave, each by the name it has now. Both are read."""

SettingsByKind = Mapping[str, tuple[str, ...]]
"""For each kind, what may follow ``SMSP_<NAME>_``."""

_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
_NAME_CHARACTERS = "1 to 32 lower-case letters, digits and hyphens, a letter first"
_ALIKE = 0.7
"""How much of a name must be a kind's for it to be what was meant (difflib's ratio)."""


@dataclass(frozen=True, slots=True)
class Account:
    """One provider as the operator names it, and what kind of provider it is."""

    name: str
    kind: str


def prefix_of(name: str) -> str:
    """What the variables of the provider ``name`` begin with."""
    return f"{PREFIX}{name.upper().replace('-', '_')}_"


def owner_of(variable: str, names: Iterable[str]) -> str | None:
    """The provider a variable belongs to: the longest of ``names`` it could belong to."""
    could = [name for name in names if variable.startswith(prefix_of(name))]
    return max(could, key=len, default=None)


def read_accounts(
    reading: Reading,
    settings: SettingsByKind,
    own_variables: Iterable[str],
    unnamed: Collection[str],
) -> tuple[Account, ...]:
    """The accounts in their order: those named, else each of ``unnamed`` that has a variable set.

    ``own_variables`` are SMSP's own, which no provider's name may capture.
    """
    text = reading.take(PROVIDERS)
    if text is None:
        names = tuple(kind for kind in unnamed if _is_begun(reading, kind, settings))
    else:
        names = tuple(part.strip() for part in text.split(","))
    faults = tuple(_faults(names, frozenset(own_variables)))
    if faults:
        reading.refuse(PROVIDERS, "; ".join(faults))
        for name in names:
            reading.know_all_under(prefix_of(name))
        return ()
    found = (_account(reading, name, names, settings) for name in names)
    return tuple(account for account in found if account is not None)


def variables_of(account: Account, settings: SettingsByKind) -> tuple[str, ...]:
    """Every variable that this account could have, but for older names."""
    prefix = prefix_of(account.name)
    return tuple(prefix + setting for setting in (*settings.get(account.kind, ()), KIND))


def _is_begun(reading: Reading, kind: str, settings: SettingsByKind) -> bool:
    variables = variables_of(Account(kind, kind), settings)
    return any(
        reading.is_set(variable) or (variable in OLDER and reading.is_set(OLDER[variable]))
        for variable in variables
    )


def _faults(names: tuple[str, ...], own_variables: frozenset[str]) -> Iterator[str]:
    for number, name in enumerate(names, start=1):
        if not _NAME.fullmatch(name):
            yield f"has in entry {number} no name: {_NAME_CHARACTERS}"
        elif name == "events":
            yield "cannot have 'events', the path of the event stream"
        elif name in names[: number - 1]:
            yield f"has in entry {number} a name that it has before"
        elif captured := _captured(name, own_variables):
            yield f"cannot have {name!r}: it would capture {captured}, a variable of SMSP's own"
        elif is_injected(prefix_of(name)) or is_injected(f"{prefix_of(name)}HOST"):
            yield f"cannot have {name!r}: its variables look like those of a container link"


def _captured(name: str, own_variables: frozenset[str]) -> str | None:
    prefix = prefix_of(name)
    every = own_variables | {PROVIDERS, *OLDER.values()}
    # With _FILE at the end, as each of them may be written.
    captured = (own for own in every if f"{own}_FILE".startswith(prefix))
    return min(captured, default=None)


def _account(
    reading: Reading, name: str, names: tuple[str, ...], settings: SettingsByKind
) -> Account | None:
    variable = prefix_of(name) + KIND
    kind = reading.take(variable) if owner_of(variable, names) == name else None
    if name in settings and kind in {None, name}:
        return Account(name, name)
    if name in settings:
        reading.refuse(variable, f"must be {name}, or left out: the name is that of a kind")
    elif kind is not None and kind in settings:
        return Account(name, kind)
    elif kind is None:
        _refuse_without_kind(reading, name, names, settings)
    else:
        reading.refuse(variable, f"must be one of: {_list(settings)}")
    # What this account's variables mean cannot be told, so none of them is a mistake yet.
    reading.know_all_under(prefix_of(name))
    return None


def _refuse_without_kind(
    reading: Reading, name: str, names: tuple[str, ...], settings: SettingsByKind
) -> None:
    prefix = prefix_of(name)
    variable = f"{prefix}{KIND}"
    if reading.has_any_under(prefix) or reading.is_refused(variable):
        reading.refuse(variable, f"is required: one of {_list(settings)}")
        return
    meant = difflib.get_close_matches(name, list(settings), n=1, cutoff=_ALIKE)
    hint = f"did you mean {meant[0]}?" if meant else f"kinds are {_list(settings)}"
    reading.refuse(
        PROVIDERS,
        f"has in entry {names.index(name) + 1} neither a kind nor a name with a {PREFIX}<NAME>_"
        f"{KIND}: {hint}",
    )


def _list(kinds: Iterable[str]) -> str:
    return ", ".join(kinds)
