"""Tokens: a schedule on one line."""

import pytest

from actors.testing.decisions import Decision, Kind, Token


def test_a_token_lists_the_deviations() -> None:
    """Answers that keep the plain order are not written down."""
    assert str(Token(timer_races=1, answers=(0, 0, 2, 0, 1))) == "s1:2=2,4=1"


def test_the_plain_order_has_a_token_too() -> None:
    """No deviation at all is a schedule as well."""
    assert str(Token(timer_races=0, answers=())) == "s0:"


def test_a_token_is_read_back() -> None:
    """What was written is what is read."""
    token = Token(timer_races=3, answers=(1, 0, 0, 7))
    assert Token.parse(str(token)) == token


def test_a_token_needs_no_quoting() -> None:
    """It can be pasted into a shell, inside or outside of quotes."""
    assert not set(str(Token(2, (0, 1, 2)))) & set(" \t'\"\\$`!*?[](){}<>|&;#~")


@pytest.mark.parametrize(
    "text", ["", "s", "s0", "b0:1=1", "s0:1", "s0:1=", "s0:1=1,", "s0:1=1 ", "s-1:", "s0:1=-1"]
)
def test_anything_else_is_refused(text: str) -> None:
    """A mistyped token is an error, not another schedule."""
    with pytest.raises(ValueError, match="is not a schedule token"):
        Token.parse(text)


@pytest.mark.parametrize(
    ("kind", "delays"),
    [(Kind.TASK, 2), (Kind.CLOCK, 2), (Kind.CANCEL, 2), (Kind.CHOICE, 0), (Kind.SEED, 0)],
)
def test_choices_delay_nobody(kind: Kind, delays: int) -> None:
    """Passing over, jumping and cancelling cost delays; choosing a value is free."""
    assert Decision(kind, options=3, answer=2).delays == delays
