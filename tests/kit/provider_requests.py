"""The plainest message each simulated provider takes, as the HTTP request it comes in."""

from __future__ import annotations

from base64 import b64encode
from urllib.parse import urlencode

import orjson

from smsp.simulator import MailgunWire, PostmarkWire, Request, SendGridWire

API_KEY = "key-for-tests"
DOMAIN = "mail.example.com"
MAILGUN = MailgunWire(api_key=API_KEY, domain=DOMAIN)
SENDGRID = SendGridWire(api_key=API_KEY)
POSTMARK = PostmarkWire(api_key=API_KEY)
BASIC = "Basic " + b64encode(f"api:{API_KEY}".encode()).decode()
FORM = "application/x-www-form-urlencoded"


def mailgun_request(to="bob@example.org", /, **changes):
    """A message for Mailgun; a change replaces a field, ``None`` leaves it out.

    In the names of fields ``__`` stands for ``:``, and ``_`` for ``-``.
    """
    fields = {"from": "app@example.com", "to": to, "subject": "hi", "text": "hello"}
    fields |= {name.replace("__", ":").replace("_", "-"): to for name, to in changes.items()}
    body = urlencode({name: value for name, value in fields.items() if value is not None}, True)
    headers = {"authorization": BASIC, "content-type": FORM}
    return Request("POST", f"/v3/{DOMAIN}/messages", headers, body.encode())


def sendgrid_request(*to, **changes):
    """A message for SendGrid; a change replaces a member, ``None`` leaves it out."""
    recipients = [{"email": address} for address in to or ("bob@example.org",)]
    mail = {
        "personalizations": [{"to": recipients}],
        "from": {"email": "app@example.com"},
        "subject": "hi",
        "content": [{"type": "text/plain", "value": "hello"}],
    } | changes
    body = orjson.dumps({name: value for name, value in mail.items() if value is not None})
    headers = {"authorization": f"Bearer {API_KEY}", "content-type": "application/json"}
    return Request("POST", "/v3/mail/send", headers, body)


def postmark_request(to="bob@example.org", /, *, token=API_KEY, **changes):
    """A message for Postmark; a change replaces a member, ``None`` leaves it out."""
    mail = {"From": "app@example.com", "To": to, "Subject": "hi", "TextBody": "hello"} | changes
    body = orjson.dumps({name: value for name, value in mail.items() if value is not None})
    headers = {"x-postmark-server-token": token, "content-type": "application/json"}
    return Request("POST", "/email", headers, body)


def on_the_wire(request: Request) -> bytes:
    """The request as the bytes of an HTTP/1.1 client."""
    headers = {"host": "provider.example", **request.headers, "content-length": len(request.body)}
    lines = [f"{request.method} {request.path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + request.body
