"""One reading of one environment: what was asked for, and what was wrong with it.

Owns the rules that hold for every ``SMSP_`` variable whatever it means: its text may be in the
file that ``NAME_FILE`` names, it is set once, a name nobody asks for is a mistake, and what
containers inject is left alone. Must not know what any one variable is for, nor :mod:`os`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

PREFIX = "SMSP_"
FILE_BYTES_MAX = 64 * 1024

ReadFile = Callable[[str], bytes]
"""A file's first bytes, up to :data:`FILE_BYTES_MAX` + 1 of them; may raise :class:`OSError`."""

T = TypeVar("T")

_FILE = "_FILE"
_NAME_CHARACTERS_MAX = 100
# A text as short as "us" or "https://" is in many a message by chance.
_COINCIDENCE_CHARACTERS = 8
# A Service "smsp", or "smsp-NAME", and Docker's links to a container "smsp".
_INJECTED = re.compile(
    r"SMSP_(SERVICE_.*|ENV_.*|PORT_[0-9]+_.*"
    r"|.+_SERVICE_(HOST|PORT(_.*)?)|.+_PORT_[0-9]+_(TCP|UDP|SCTP)(_.*)?)",
    re.DOTALL,
)
_INJECTED_PORT = re.compile(r"SMSP_(.+_)?PORT", re.DOTALL)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong with one variable. The message never holds a variable's value."""

    variable: str
    message: str

    def __str__(self) -> str:
        return f"{self.variable} {self.message}"


def read_file(path: str) -> bytes:
    """The file's first bytes, just enough to tell a secret from something too large for one."""
    with open(path, "rb") as file:
        return file.read(FILE_BYTES_MAX + 1)


def is_injected(name: str, text: str = "") -> bool:
    """Whether Kubernetes or a Docker link has set this variable, rather than an operator."""
    return bool(
        _INJECTED.fullmatch(name)
        or (_INJECTED_PORT.fullmatch(name) and text.startswith(("tcp://", "udp://", "sctp://")))
        or (name == "SMSP_NAME" and text.startswith("/"))
    )


class Reading:
    """Every variable asked for becomes a known one; the rest are mistakes in the end.

    An empty text counts as not set: compose files and charts write one for "no value".
    Of several mistakes in one variable the first is kept.
    """

    def __init__(self, environ: Mapping[str, str], read_file: ReadFile) -> None:
        ours = {name: text for name, text in environ.items() if name.startswith(PREFIX)}
        injected = sorted(name for name, text in ours.items() if is_injected(name, text))
        self._texts = {name: text for name, text in ours.items() if name not in injected}
        self._read_file = read_file
        self._known: set[str] = set()
        self._older_in_use: dict[str, str] = {}
        self._lost: set[str] = set()
        self._mistakes: dict[str, str] = {}
        self._warnings: list[str] = []
        if injected:
            self.warn(f"ignored, set by Kubernetes or a Docker link: {', '.join(injected)}")

    @property
    def known(self) -> frozenset[str]:
        """The variables asked for so far."""
        return frozenset(self._known)

    @property
    def mistakes(self) -> tuple[Mistake, ...]:
        """All mistakes found so far, in order of their variables."""
        return tuple(Mistake(*found) for found in sorted(self._mistakes.items()))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is no mistake, but should be read by somebody."""
        return tuple(self._warnings)

    def warn(self, message: str) -> None:
        """Tell, and go on."""
        self._warnings.append(message)

    def refuse(self, variable: str, message: str) -> None:
        """A mistake in ``variable``, told under the spelling the operator has used."""
        if variable not in self._lost:
            self._mistakes.setdefault(self._older_in_use.get(variable, variable), message)

    def is_refused(self, variable: str) -> bool:
        """Whether a mistake in ``variable`` is known."""
        return variable in self._mistakes

    def excuse(self, variable: str, other: str) -> None:
        """That ``variable`` is missing is no second mistake when ``other``, which would do as well,
        was given and could not be had."""
        if other in self._lost:
            self._lost.add(variable)

    def stand_in(self, variable: str, foreign: str, text: str) -> None:
        """``variable`` is not set: it has the text of one that is not SMSP's own. It is told."""
        self._texts[variable] = text
        self.warn(f"{variable} is taken from {foreign}")

    def know(self, variables: Iterable[str]) -> None:
        """These names are right, though nobody reads them here."""
        self._known.update(variables)

    def know_all_under(self, prefix: str) -> None:
        """Whatever begins with ``prefix`` has been judged elsewhere."""
        self._known.update(
            name.removesuffix(_FILE) for name in self._texts if name.startswith(prefix)
        )

    def has_any_under(self, prefix: str) -> bool:
        """Whether any variable that begins with ``prefix`` is there."""
        return any(name.startswith(prefix) for name in self._texts)

    def is_set(self, variable: str) -> bool:
        """Whether the variable has a text, by itself or in a file."""
        return bool(self._texts.get(variable) or self._texts.get(variable + _FILE))

    def take(self, variable: str, *, older: str | None = None) -> str | None:
        """The variable's text, or that of its ``older`` name; ``None`` when there is none."""
        text = self._take_one(variable)
        if older is None:
            return text
        older_text = self._take_one(older)
        if text is not None and older_text is not None and text != older_text:
            self.refuse(variable, f"differs from {older}, an older name for the same: keep one")
        if older in self._lost:
            self._lost.add(variable)
        if text is None and older_text is not None:
            self._older_in_use[variable] = older
        return older_text if text is None else text

    def take_path(self, variable: str) -> str | None:
        """The path of a file that is not read here. What the variable means is in a file anyway,
        so with ``_FILE`` it is no other file that holds the path of the first."""
        in_file = variable + _FILE
        self._known.add(variable)
        if self._texts.get(variable) and self._texts.get(in_file):
            self._lose(variable, variable, f"is set twice, also by {in_file}: keep one")
            return None
        spelling = variable if self._texts.get(variable) else in_file
        return self._checked(variable, spelling, self._texts.get(spelling))

    def build(
        self, target: TypeAdapter[T], given: Mapping[str, object], name: Callable[[str], str]
    ) -> T | None:
        """``target`` made from ``given``; ``None`` after refusing each variable that is wrong.

        ``name`` gives the variable for the name by which ``target`` knows it.
        """
        try:
            return target.validate_python(dict(given))
        except ValidationError as error:
            found = error.errors(include_url=False)
        for detail in found:
            self.refuse(name(str(detail["loc"][0])), _in_words(detail))
        return None

    def refuse_unknown(self) -> None:
        """Every name that nobody has asked for is a mistake: a typing error must not go unseen."""
        known = sorted(self._known)
        for name in self._texts:
            if name not in self._known and name.removesuffix(_FILE) not in self._known:
                self.refuse(
                    name, f"is not a variable of SMSP; the nearest is {_nearest(name, known)}"
                )

    def _take_one(self, variable: str) -> str | None:
        self._known.add(variable)
        in_file = variable + _FILE
        if self._texts.get(variable) and self._texts.get(in_file):
            self._lose(variable, variable, f"is set twice, also by {in_file}: keep one")
            return None
        if path := self._texts.get(in_file):
            return self._checked(variable, in_file, self._text_of_file(variable, path))
        return self._checked(variable, variable, self._texts.get(variable))

    def _text_of_file(self, variable: str, path: str) -> str | None:
        try:
            held = self._read_file(path)
            if len(held) <= FILE_BYTES_MAX:
                return held.decode().rstrip("\r\n")
            problem = f"names a file of more than {FILE_BYTES_MAX // 1024} KiB"
        except OSError as error:
            problem = f"names a file that cannot be read: {error.strerror or 'no reason given'}"
        except ValueError:  # not UTF-8, or a path no file can have
            problem = "names a file that holds no UTF-8 text"
        self._lose(variable, variable + _FILE, problem)
        return None

    def _checked(self, variable: str, spelling: str, text: str | None) -> str | None:
        if not text:
            return None
        if _UNPRINTABLE.search(text):
            self._lose(variable, spelling, "must be UTF-8 text without control characters")
        elif text != text.strip():
            self._lose(variable, spelling, "must not begin or end with a space")
        else:
            return text
        return None

    def _lose(self, variable: str, spelling: str, message: str) -> None:
        """The text cannot be had; that it is then missing is no second mistake."""
        self.refuse(spelling, message)
        self._lost.add(variable)


def _in_words(detail: ErrorDetails) -> str:
    """What pydantic found, to follow a variable's name; never with the text that was refused."""
    match detail:
        case {"type": "missing"}:
            return "is required"
        case {"type": "value_error", "ctx": {"error": ValueError() as error}}:
            message = str(error)
        case _:
            message = detail["msg"].replace("Input should be", "must be")
    text = detail["input"]
    quoted = isinstance(text, str) and len(text) > _COINCIDENCE_CHARACTERS and text in message
    return "is not valid" if quoted else message


def _nearest(name: str, known: Iterable[str]) -> str:
    # The prefix that all names share would make every name look like every other.
    short = name.removeprefix(PREFIX).removesuffix(_FILE)[:_NAME_CHARACTERS_MAX]
    names = [variable.removeprefix(PREFIX) for variable in known]
    near = difflib.get_close_matches(short, names, n=1, cutoff=0.0)[0]
    return f"{PREFIX}{near}{_FILE if name.endswith(_FILE) else ''}"
