"""Messages that a provider can carry, by what it says of itself."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from smsp.mail import Attachment, Mail, Submission
from smsp.providers.protocols import Capabilities
from smsp.sending.eligibility import why_not_carried
from tests.kit.mails import sends


def carried_by(limits: Capabilities) -> st.SearchStrategy[Submission]:
    """Any message that may be put to a provider with these limits."""
    fitted = sends.map(lambda send: replace(send, mail=_fitted(send.mail, limits)))
    return fitted.filter(lambda send: why_not_carried(send.mail, limits) is None)


def _fitted(mail: Mail, limits: Capabilities) -> Mail:
    """The message without what the limits exclude, so that few are thrown away."""
    needs_html = limits.needs_html and not mail.html
    texts = {"subject": mail.subject, "text": mail.text, "html": mail.html}
    if limits.text_min is not None:
        texts = {name: (text or "").ljust(limits.text_min, ".") for name, text in texts.items()}
    headers = [
        (name, value)
        for name, value in mail.headers.items()
        if value.isascii() or not limits.ascii_headers
    ]
    return replace(
        mail,
        reply_to=mail.reply_to[: limits.reply_to_max],
        **(texts | ({"html": "<p>Hi"} if needs_html else {})),
        headers=dict(headers[: limits.headers_max]),
        attachments=tuple(
            _fitted_file(each, limits)
            for each in mail.attachments
            if each.content or limits.empty_files
        ),
    )


def _fitted_file(file: Attachment, limits: Capabilities) -> Attachment:
    name = file.filename
    if limits.file_extensions is not None:
        name = f"{name}.{min(limits.file_extensions)}"
    if limits.ascii_filenames and not name.isascii():
        name = "file"
    return replace(file, filename=name, content_id=file.content_id if limits.inline else None)
