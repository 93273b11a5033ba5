"""Every word in which a provider is known to refuse, and what it proves.

The golden cases show whole answers, one for each kind. Here are the other words of the same kind,
as an adapter reads them out of an answer: a body that is no JSON is words as it stands.
"""

from __future__ import annotations

import re

import pytest

from smsp.mail.outcome import Blame, NotSent, Reason, Rejected, Unknown
from smsp.providers.protocols import HttpReply
from tests.smsp.providers.adapters.test_adapters import ADAPTERS

RECIPIENT, CONTENT = Rejected(Reason.BAD_RECIPIENT), Rejected(Reason.BAD_CONTENT)
SENDER = NotSent(Reason.SENDER_NOT_ALLOWED, Blame.NOBODY)
KEY = NotSent(Reason.UNAUTHORISED, Blame.ACCOUNT)
CREDITS = NotSent(Reason.NO_CREDITS, Blame.ACCOUNT)
SUSPENDED = NotSent(Reason.SUSPENDED, Blame.ACCOUNT)
MISCONFIGURED = NotSent(Reason.MISCONFIGURED, Blame.ACCOUNT)
THROTTLED = NotSent(Reason.THROTTLED, Blame.THROTTLE)
NOT_UNDERSTOOD = NotSent(Reason.REFUSED_4XX, Blame.NOBODY)
FORBIDDEN = NotSent(Reason.FORBIDDEN, Blame.PROVIDER)

# kind, status, what the provider says, what that is. ``(a|b)`` stands for each of both.
SAID = (
    ("mailgun", 400, "(to|cc|bcc) parameter is not a valid address", RECIPIENT),
    ("mailgun", 400, "'(to|cc|bcc)' parameter is not a valid address", RECIPIENT),
    ("mailgun", 400, "from parameter is not a valid address", SENDER),
    ("mailgun", 400, "'from' parameter is not a valid address", SENDER),
    ("mailgun", 400, "o:tag parameter is not a valid tag", NOT_UNDERSTOOD),
    ("sendgrid", 400, "(subject|content|attachments|headers|reply_to): is invalid", CONTENT),
    ("sendgrid", 400, "(reply_to_list|categories|custom_args): is invalid", CONTENT),
    ("sendgrid", 400, "from: is invalid; (subject|content): is invalid", SENDER),
    ("sendgrid", 400, "mail_settings: is invalid", NOT_UNDERSTOOD),
    ("sendgrid", 403, "access forbidden", NotSent(Reason.FORBIDDEN, Blame.ACCOUNT)),
    ("sendgrid", 403, "access forbidden for a while", FORBIDDEN),
    ("brevo", 400, "(invalid|missing)_parameter: email is not valid in (to|cc|bcc)", RECIPIENT),
    ("brevo", 400, "(invalid|missing)_parameter: sender is not valid", SENDER),
    ("brevo", 400, "missing_parameter: (attachment|subject|htmlContent) is missing", CONTENT),
    ("brevo", 400, "invalid_parameter: (textContent|headers|replyTo) is not valid", CONTENT),
    ("brevo", 400, "invalid_parameter: batchId is not valid", NOT_UNDERSTOOD),
    ("brevo", 400, "duplicate_(parameter|request)", Unknown(Reason.BAD_ANSWER, Blame.NOBODY)),
    ("brevo", 400, "account_under_validation: wait", SUSPENDED),
    ("brevo", 402, "account_under_validation: wait", SUSPENDED),
    ("brevo", 403, "account_under_validation: wait", SUSPENDED),
    ("resend", 422, "(invalid_attachment|invalid_parameter|missing_required_field): no", CONTENT),
    ("resend", 422, "invalid_region: no", NOT_UNDERSTOOD),
    ("resend", 429, "(daily|monthly)_quota_exceeded: no more", CREDITS),
    ("resend", 429, "rate_limit_exceeded: slower", THROTTLED),
    ("scaleway", 400, "invalid_arguments: no; (to|cc|bcc): format", RECIPIENT),
    ("scaleway", 400, "invalid_arguments: no; from: format", SENDER),
    ("scaleway", 400, "invalid_arguments: no; (subject|text|html|attachments): long", CONTENT),
    ("scaleway", 400, "invalid_arguments: no; additional_headers: long", CONTENT),
    ("scaleway", 400, "invalid_arguments: no; project_id: format", NOT_UNDERSTOOD),
    ("ses", 400, "MessageRejected: Sending (suspended|paused) for this account", SUSPENDED),
    ("ses", 400, "MessageRejected: no", CONTENT),
    ("ses", 400, "(Throttling|ThrottlingException|LimitExceededException): slower", THROTTLED),
    ("ses", 400, "Throttling: Daily message quota exceeded", CREDITS),
    ("ses", 400, "ThrottlingException: Daily message quota exceeded", CREDITS),
    ("ses", 403, "(UnrecognizedClient|InvalidClientTokenId|InvalidSignature)Exception: no", KEY),
    ("ses", 403, "(SignatureDoesNotMatch|IncompleteSignature|ExpiredToken)Exception: no", KEY),
    ("ses", 403, "(MissingAuthenticationToken|RequestExpired|OptInRequired)Exception: no", KEY),
    ("ses", 403, "SomethingElseException: no", FORBIDDEN),
    ("mailersend", 422, "You have reached a limit. #MS42225", CREDITS),
    ("mailersend", 422, "to: not for a trial account", CREDITS),
    ("mailersend", 422, "(to|cc|bcc).0.email: is no address", RECIPIENT),
    ("mailersend", 422, "from.name: is long; (to|cc|bcc).0.email: is no address", RECIPIENT),
    ("mailersend", 422, "from.email: is no address", SENDER),
    ("mailersend", 422, "(subject|text|html|attachments|reply_to|tags): is long", CONTENT),
    ("mailersend", 422, "(domain|settings): is long", NOT_UNDERSTOOD),
    ("mailjet", 400, "send-000(6|7|8) From: no", SENDER),
    ("mailjet", 403, "send-000(6|7|8) From: no", SENDER),
    ("mailjet", 400, "mj-0013 From.Email: no", SENDER),
    ("mailjet", 400, "mj-0013 (To|Cc|Bcc): no", RECIPIENT),
    ("mailjet", 400, "mj-0013 ReplyTo: no", CONTENT),
    ("mailjet", 400, "(mj-0007|mj-0008) (To|Cc|Bcc): many", RECIPIENT),
    ("mailjet", 400, "(send-0003|mj-0006|mj-0008|mj-0012): no", CONTENT),
    ("mailjet", 400, "mj-0007: many", NOT_UNDERSTOOD),
    ("mailtrap", 400, "'(to|cc|bcc)' address is invalid", RECIPIENT),
    ("mailtrap", 400, "'from' is required", SENDER),
    ("mailtrap", 400, "'(subject|text|html|reply_to|category)' is invalid", CONTENT),
    ("mailtrap", 400, "'(headers|attachments|custom_variables)' is invalid", CONTENT),
    ("mailtrap", 400, "must specify either text or html body", CONTENT),
    ("mailtrap", 400, "'template_uuid' is invalid", NOT_UNDERSTOOD),
    ("mailtrap", 403, "Sending from domain example.com is not allowed", SENDER),
    ("postal", 200, "error: (AccessDenied|InvalidServerAPIKey)", KEY),
    ("postal", 200, "error: (UnauthenticatedFromAddress|FromAddressMissing)", SENDER),
    ("postal", 200, "error: (NoRecipients|TooManyToAddresses|TooManyBCCAddresses)", RECIPIENT),
    ("postal", 200, "error: (NoContent|AttachmentMissingName|AttachmentMissingData)", CONTENT),
    ("postmark", 422, "300: Invalid '(To|Cc|Bcc)' address: 'bob'.", RECIPIENT),
    ("postmark", 422, "300: Error parsing '(To|Cc|Bcc)': no", RECIPIENT),
    ("postmark", 422, "300: (Invalid|Error parsing) 'From': no", SENDER),
    ("postmark", 422, "300: Error parsing 'Reply-To': no", CONTENT),
    ("postmark", 422, "300: Too many recipients", RECIPIENT),
    ("postmark", 422, "40(0|1): no", SENDER),
    ("postmark", 422, "41(2|3): no", SUSPENDED),
    ("postmark", 422, "(1226|1235|1236): no such stream", MISCONFIGURED),
    ("postmark", 422, "(402|403|100000): no", NOT_UNDERSTOOD),
    ("sparkpost", 400, "(7000|7001|2008): no", SENDER),
    ("sparkpost", 400, "1902: suppressed", Rejected(Reason.SUPPRESSED)),
    ("sparkpost", 400, "1902: no", Rejected(Reason.MESSAGE_REFUSED)),
    ("sparkpost", 403, "(1100|1601): no", NotSent(Reason.FORBIDDEN, Blame.ACCOUNT)),
    ("sparkpost", 422, "(3000|3099): no", CONTENT),
    ("sparkpost", 422, "(1300|30001): no", NOT_UNDERSTOOD),
)


def spelt(words: str) -> list[str]:
    """The words with each alternative in turn; two groups give all pairs."""
    group = re.search(r"\((\S+?\|[^)]*)\)", words)
    if group is None:
        return [words]
    each = (words.replace(group[0], word, 1) for word in group[1].split("|"))
    return [text for one in each for text in spelt(one)]


@pytest.mark.parametrize(
    ("kind", "status", "words", "outcome"),
    [(*said[:2], words, said[3]) for said in SAID for words in spelt(said[2])],
)
def test_each_word_means_what_is_known_of_it(kind, status, words, outcome):
    """The whole outcome, with the words for its detail."""
    decoded = ADAPTERS[kind].decode(HttpReply(status, {}, words.encode()))
    assert (type(decoded), decoded.reason) == (type(outcome), outcome.reason)
    assert getattr(decoded, "blame", None) is getattr(outcome, "blame", None)
    assert decoded.detail == words


@pytest.mark.parametrize("kind", ADAPTERS)
def test_words_are_read_whatever_their_letter_case(kind):
    """Providers have changed it before."""
    for said in SAID:
        if said[0] == kind:
            words = spelt(said[2])[0]
            plain, loud = (
                ADAPTERS[kind].decode(HttpReply(said[1], {}, text.encode()))
                for text in (words, words.upper())
            )
            assert (type(loud), loud.reason) == (type(plain), plain.reason)
