"""How one logs in to an SMTP server, held against what the standard library says there."""

from __future__ import annotations

import smtplib
from base64 import b64encode

import pytest

from smsp.providers.smtp.auth import login_by, spoken

USER, PASSWORD = "app", "correct horse"
NONCE = b64encode(b"<1896.697170952@postoffice.example.net>").decode()


def said_by_smtplib(mechanism: str, challenges: list[str]) -> list[str]:
    """What it says, with these challenges."""
    said: list[str] = []

    class Peer(smtplib.SMTP):
        def putcmd(self, cmd, args=""):
            said.append(f"{cmd} {args}".strip())

        def getreply(self):
            left = challenges[len(said) - 1 :]
            return (334, left[0].encode()) if left else (235, b"ok")

    peer = Peer(local_hostname="x")
    peer.user, peer.password = USER, PASSWORD
    peer.auth(mechanism, getattr(peer, f"auth_{mechanism.lower().replace('-', '_')}"))
    return said


@pytest.mark.parametrize(
    ("mechanism", "challenges"),
    [
        ("PLAIN", []),
        ("PLAIN", [""]),
        ("LOGIN", ["UGFzc3dvcmQ6"]),
        ("CRAM-MD5", [NONCE]),
    ],
)
def test_what_is_said(mechanism, challenges):
    """The same, word for word."""
    login = login_by([mechanism], USER, PASSWORD)
    said = [login.command, *map(login.respond, challenges)]
    assert said == said_by_smtplib(mechanism, challenges)


@pytest.mark.parametrize(
    ("offered", "begins"),
    [
        (["LOGIN", "PLAIN", "CRAM-MD5"], "AUTH PLAIN "),
        (["CRAM-MD5", "LOGIN"], "AUTH LOGIN "),
        (["XOAUTH2", "CRAM-MD5"], "AUTH CRAM-MD5"),
    ],
)
def test_one_mechanism_is_chosen(offered, begins):
    """The first of ours that the server has."""
    assert login_by(offered, USER, PASSWORD).command.startswith(begins)


@pytest.mark.parametrize("offered", [[], ["XOAUTH2", "NTLM", "plain"]])
def test_no_mechanism(offered):
    """There may be none."""
    assert login_by(offered, USER, PASSWORD) is None


@pytest.mark.parametrize("challenge", ["!!!", "a", "<1896@x>", "ü"])
def test_a_challenge_that_is_not_base64(challenge):
    """It cannot be answered."""
    with pytest.raises(ValueError):  # noqa: PT011 - whichever kind of it base64 chooses
        login_by(["CRAM-MD5"], USER, PASSWORD).respond(challenge)


def test_a_login_is_shown_to_nobody():
    """It is a secret in the form in which it is said."""
    login = login_by(["PLAIN"], USER, PASSWORD)
    assert not any(secret in repr(login) for secret in spoken(USER, PASSWORD))


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_every_form_in_which_a_password_is_said_is_known(mechanism):
    """A server that repeats one of them is not repeated."""
    login = login_by([mechanism], USER, PASSWORD)
    said = f"{login.command} {login.respond('')}"
    assert any(secret in said for secret in spoken(USER, PASSWORD))
