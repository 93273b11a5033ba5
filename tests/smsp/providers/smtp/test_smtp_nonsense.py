"""Any bytes from an SMTP server: never a fault, and *sent* only by 250 to a whole message."""

from __future__ import annotations

import re
import ssl
from datetime import UTC, datetime

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from smsp.mail.outcome import NOBODY_REFUSED, Outcome, Sent, Unknown
from smsp.providers.smtp.provider import SmtpProvider
from smsp.providers.smtp.session import Terms
from tests.kit.examples import many
from tests.kit.mails import mailbox, send
from tests.kit.smtp_talk import ScriptedServer

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
DOT = b".\r\n"
TAKEN = re.compile(rb"(?:250-[^\n]{0,8000}\n){0,99}250(?: [^\n]{0,8000})?\r?\n")
"""At most a hundred lines, none without an end."""

GOOD = (
    *(
        b"220 mail ready\r\n",
        b"250-mail\r\n250-SIZE 1000\r\n250 AUTH PLAIN LOGIN\r\n",
        b"235 ok\r\n",
    ),
    *(b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n", b"250 2.0.0 Ok: queued as 4RkX1v0\r\n"),
)
"""What a server says when all goes well, word for word."""

ODD = (
    *(
        b"",
        b"\r\n",
        b"250",
        b"250 ok",
        b"250 ok\n",
        b"250-ok\r\n",
        b"251-ok\r\n250 ok\r\n",
        b"2500 ok\r\n",
    ),
    *(
        b"25 ok\r\n",
        b" 250 ok\r\n",
        b"\xb250 ok\r\n",
        b"250\tok\r\n",
        b"250 ok\r\n250 ok\r\n",
        b"\0\r\n",
    ),
    *(
        b"354 go\r\n",
        b"421 bye\r\n",
        b"450 4.7.1 later\r\n",
        b"554 no\r\n",
        b"334 \r\n",
        b"334 a\r\n",
    ),
    *(
        b"250-a\r\n" * 101 + b"250 a\r\n",
        b"250 " + b"a" * 9000 + b"\r\n",
        b"999 ok\r\n",
        b"251 ok\r\n",
        b"200 ok\r\n",
    ),
    *(b"250 \xff\xfe\r\n", b"250 queued as \0\r\n", b"HTTP/1.1 250 OK\r\n\r\n"),
)
"""What else it may say, some of it nearly right."""


@st.composite
def scripts(draw: st.DrawFn) -> list[bytes]:
    """A good conversation, of which some answers are others."""
    says = list(GOOD)
    for _ in range(draw(st.integers(0, 2))):
        place = draw(st.integers(0, len(says) - 1))
        says[place] = draw(st.sampled_from(ODD) | st.binary(max_size=20))
    return says[: draw(st.sampled_from([len(says), len(says), len(says), 1, 4, 6]))]


def provider(server: ScriptedServer, *, login: bool = True) -> SmtpProvider:
    """Without encryption, which this is not about."""
    account = ("user", "word") if login else None
    terms = Terms("mail.example.com", 25, "none", TLS, 1.0, account)
    return SmtpProvider(terms, mailbox("poll@example.com"), lambda: NOW, server.dial)


class Progress:
    """Whoever waits for a message, and perhaps leaves before the dot."""

    stage = ""
    committed = False

    def __init__(self, scope: trio.CancelScope) -> None:
        self.scope = scope

    def commit(self) -> None:
        """The dot follows."""
        assert not self.scope.cancel_called
        self.committed = True


def sent_to(server: ScriptedServer, *, cancelled: bool = False) -> Outcome | None:
    """What becomes of a message; none if whoever waits has left."""

    async def main() -> Outcome | None:
        with trio.CancelScope() as scope:
            if cancelled:
                scope.cancel()
            return await provider(server).send(send(), Progress(scope))
        return None

    return trio.run(main)


def test_the_good_conversation_ends_well():
    """What the others are changed from is one in which a message is taken."""
    server = ScriptedServer(*GOOD)
    assert sent_to(server) == Sent("4RkX1v0", NOBODY_REFUSED)
    assert DOT in server.said_after


@pytest.mark.parametrize("place", range(len(GOOD)))
def test_one_odd_answer(place):
    """Each answer in turn by each odd one: only to the dot may one of them mean *sent*."""
    for odd in ODD:
        server = ScriptedServer(*GOOD[:place], odd, *GOOD[place + 1 :])
        check(sent_to(server), server)


@many
@given(says=scripts())
def test_only_250_to_the_dot_is_sent(says):
    """Nothing else a server says makes it so; before the dot nothing is even unknown."""
    server = ScriptedServer(*says)
    check(sent_to(server), server)


@many
@given(says=scripts())
def test_a_dialogue_that_is_cancelled_never_comes_to_the_dot(says):
    """However fast a server answers: what nobody waits for any more is not sent."""
    server = ScriptedServer(*says)
    assert not isinstance(sent_to(server, cancelled=True), Sent | Unknown)
    assert DOT not in server.heard


@many
@given(says=scripts(), login=st.booleans())
def test_a_rehearsal_sends_nothing(says, login):
    """Whatever is answered, no message is begun."""
    server = ScriptedServer(*says)
    trio.run(provider(server, login=login).probe)
    assert b"DATA\r\n" not in server.heard


def check(outcome: Outcome, server: ScriptedServer) -> None:
    """Before the dot nothing is even unknown. To it only 250, alone and whole, is sent."""
    answer = server.said_after.get(DOT)
    if answer is None:
        assert not isinstance(outcome, Sent | Unknown)
    else:
        assert isinstance(outcome, Sent) == (TAKEN.match(answer) is not None)
