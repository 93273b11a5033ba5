"""A provider takes a message for some of its recipients: the caller and the operator are told."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from uuid import uuid4

import pytest

from functional_tests.kit.commands import smsp_command
from functional_tests.kit.polling import eventually
from functional_tests.kit.smsp import KEY

BOB, CAROL = "bob@example.org", "Carol@example.net"
INACTIVE = "Message OK, but will not deliver to these inactive addresses: "
PROJECT = "5c1f2a3b-0d4e-4f60-8a7b-9c0d1e2f3a4b"
SECRETS = {
    "POSTMARK_SERVER_TOKEN": "pm-token",
    "MAILERSEND_API_TOKEN": "mlsn.token",
    "SCALEWAY_SECRET_KEY": "scw-secret",
    "SPARKPOST_API_KEY": "sp-key",
    "MAILTRAP_API_TOKEN": "mt-token",
}


def entry(number: int, to: str, status: str) -> dict:
    """One recipient's entry in an answer of Scaleway's."""
    return {"id": f"scw-{number}", "mail_rcpt": to, "status": status, "status_details": "blocked"}


def suppressed(*addresses: str) -> dict:
    """A warning of MailerSend's."""
    recipients = [{"email": each, "reasons": ["hard_bounced"]} for each in addresses]
    return {"warnings": [{"type": "SOME_SUPPRESSED", "recipients": recipients}]}


TO_SOME: Mapping[str, tuple[str, int, object]] = {
    "postmark": (
        "/email",
        200,
        {"MessageID": "pm-1", "ErrorCode": 0, "Message": f"{INACTIVE}{CAROL.lower()}."},
    ),
    "mailersend": ("/v1/email", 202, suppressed(CAROL)),
    "scaleway": (
        "/transactional-email/v1alpha1/regions/fr-par/emails",
        200,
        {"emails": [entry(1, CAROL, "failed"), entry(2, BOB, "sending")]},
    ),
    "sparkpost": (
        "/api/v1/transmissions",
        200,
        {"results": {"total_accepted_recipients": 1, "total_rejected_recipients": 1, "id": "sp"}},
    ),
    "mailtrap": ("/api/send", 200, {"success": True, "message_ids": ["mt-1"]}),
}
"""The path of each provider's API, and its answer to a message for Bob and Carol."""

TO_NOBODY: Mapping[str, object] = {
    "postmark": TO_SOME["postmark"][2] | {"Message": f"{INACTIVE}{CAROL.lower()}, {BOB}."},
    "mailersend": suppressed(CAROL, BOB),
    "scaleway": {"emails": [entry(1, CAROL, "failed"), entry(2, BOB, "canceled")]},
    "sparkpost": {"results": {"total_accepted_recipients": 0, "total_rejected_recipients": 2}},
}
"""When neither gets it."""

TOLD = {
    "postmark": {"refusedrecipients": [{"address": CAROL, "reason": "suppressed"}]},
    "mailersend": {
        "refusedrecipients": [{"address": CAROL, "reason": "suppressed", "detail": "hard_bounced"}]
    },
    "scaleway": {
        "refusedrecipients": [{"address": CAROL, "reason": "message_refused", "detail": "blocked"}]
    },
    "sparkpost": {"refusedrecipients": None, "refusedrecipientscount": 1},
    "mailtrap": {"refusedrecipients": None, "refusedrecipientscount": 1},
}


class Api(BaseHTTPRequestHandler):
    """All of these providers: each path has its answer."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Take a message."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked += 1
        status, answer = self.server.answers[self.path]
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("X-Message-Id", "ms-1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@contextmanager
def running_api() -> Iterator[ThreadingHTTPServer]:
    """It on a free port; ``asked`` counts the messages."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        server.daemon_threads = True
        server.block_on_close = False
        server.answers = {path: (status, body) for path, status, body in TO_SOME.values()}
        server.asked = 0
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def api() -> Iterator[ThreadingHTTPServer]:
    """The providers."""
    with running_api() as server:
        yield server


@pytest.fixture
def smsp(start_alone, api):
    """An SMSP in front of them."""
    url = f"http://127.0.0.1:{api.server_port}"
    settings = {f"SMSP_{name.upper()}_BASE_URL": url for name in TO_SOME}
    settings |= {f"SMSP_{name}": value for name, value in SECRETS.items()}
    return start_alone(
        settings
        | {
            "SMSP_PROVIDERS": ",".join(TO_SOME),
            "SMSP_SCALEWAY_PROJECT_ID": PROJECT,
            "SMSP_POLL_MESSAGE_ADDRESS": "poll@example.com",
        }
    )


def message(provider: str) -> dict:
    """What this provider carries, to Bob and Carol."""
    return {
        "toaddress": BOB,
        "bccaddress": CAROL,
        "subject": "To the two of you",
        "htmlbody": "<p>Long enough.</p>",
        "plaintextbody": "Long enough.",
        "provider": provider,
    }


def told_of(body: Mapping) -> dict:
    """What an answer says of those who were refused."""
    return {name: value for name, value in body.items() if name.startswith("refused")}


def lines_of(smsp, message: str) -> dict[str, dict]:
    """The events of a message, by their names."""
    return {one["event"]: one for one in smsp.process.events if one.get("id") == message}


@pytest.mark.parametrize("provider", TO_SOME)
def test_sent_to_some(smsp, api, provider):
    """At once, in a replay, by id, in the log without the address, and counted."""
    key = {"Idempotency-Key": str(uuid4())}
    answer = smsp.send(headers=key, **message(provider))
    assert (answer.status, answer.attempts) == (200, [(provider, "sent", "accepted")])
    assert told_of(answer.body) == TOLD[provider]
    again = smsp.send(headers=key, **message(provider))
    assert (again.headers["Idempotency-Replayed"], again.body) == ("true", answer.body)
    assert told_of(smsp.became_of(answer.id)) == TOLD[provider]
    assert api.asked == 1

    logged = eventually(
        lambda: lines_of(smsp, answer.id).get("email.partly_refused"), "it is logged"
    )
    named = TOLD[provider]["refusedrecipients"]
    assert logged["recipients"] == (["C***@example.net"] if named else [])
    assert (logged["provider"], logged["refused"]) == (provider, 1)
    (reason,) = logged["reasons"]
    counted = f'smsp_recipients_refused_total{{provider="{provider}",reason="{reason}"}} 1.0'
    assert counted in smsp.http.get("/metrics").text.splitlines()


@pytest.mark.parametrize("provider", TO_NOBODY)
def test_sent_to_nobody(smsp, api, provider):
    """It is rejected, and no other provider is asked."""
    path, status, _ = TO_SOME[provider]
    api.answers[path] = (status, TO_NOBODY[provider])
    answer = smsp.send(**message(provider))
    assert (answer.status, answer.outcome) == (422, "rejected")
    assert told_of(answer.body) == {}
    assert api.asked == 1


def test_smsp_send(smsp):
    """The command prints the answer, and says beside it who will not get the message."""
    environ = {"SMSP_API_KEY": KEY}
    whole = {"fromaddress": "alice@mail.example.com", **message("postmark")}
    done = smsp_command(
        "send", "--url", smsp.url, "--json", "-", environ=environ, given=json.dumps(whole)
    )
    assert done.returncode == 0, done.stderr
    assert told_of(json.loads(done.stdout)) == TOLD["postmark"]
    assert done.stderr == f"recipients refused: 1: {CAROL} (suppressed)\n"
