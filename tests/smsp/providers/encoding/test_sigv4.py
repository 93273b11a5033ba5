"""Signature Version 4: what botocore would sign, and what AWS's own example says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from smsp.providers.encoding.sigv4 import sign
from smsp.providers.protocols import HttpCall

visible = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)
segments = st.from_regex(r"[A-Za-z0-9_~%:@!$,;+-]{1,12}", fullmatch=True)
hosts = st.sampled_from(["email.eu-west-1.amazonaws.com", "127.0.0.1", "[::1]", "Example.COM"])
ports = st.sampled_from(["", ":443", ":80", ":8443"])
parameters = st.tuples(segments, st.none() | segments).map(
    lambda pair: pair[0] if pair[1] is None else f"{pair[0]}={pair[1]}"
)
urls = st.builds(
    lambda scheme, host, port, path, query: (
        f"{scheme}://{host}{port}/{'/'.join(path)}" + (f"?{'&'.join(query)}" if query else "")
    ),
    st.sampled_from(["https", "http"]),
    hosts,
    ports,
    st.lists(segments, max_size=4),
    st.lists(parameters, max_size=4),
)
header_values = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)
headers = st.dictionaries(
    st.sampled_from(["Content-Type", "Accept", "X-Amz-Meta", "x-other"]), header_values
)
calls = st.builds(
    HttpCall,
    method=st.sampled_from(["GET", "POST"]),
    url=urls,
    headers=headers.map(lambda each: tuple(each.items())),
    body=st.binary(max_size=100),
)
moments = st.integers(0, 2**32).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


def signed_by_botocore(
    call, *, access_key_id, secret_access_key, session_token, region, service, at
):
    """The headers that botocore would send, had it been called at this moment."""
    credentials = Credentials(access_key_id, secret_access_key, session_token)
    auth = SigV4Auth(credentials, service, region)
    request = AWSRequest(call.method, call.url, dict(call.headers), call.body)
    # What add_auth does, but for reading the clock.
    request.context["timestamp"] = at.strftime("%Y%m%dT%H%M%SZ")
    auth._modify_request_before_signing(request)
    to_sign = auth.string_to_sign(request, auth.canonical_request(request))
    auth._inject_signature_to_request(request, auth.signature(to_sign, request))
    return dict(request.headers)


@given(calls, visible, visible, st.none() | visible, segments, segments, moments)
def test_botocore_signs_the_same(call, key_id, secret, token, region, service, at):
    """Any call, with any credentials, at any moment: header for header the same."""
    how = {
        "access_key_id": key_id,
        "secret_access_key": secret,
        "session_token": token,
        "region": region,
        "service": service,
        "at": at,
    }
    assert dict(sign(call, **how).headers) == signed_by_botocore(call, **how)


EXAMPLE = {
    "access_key_id": "AKIDEXAMPLE",
    "secret_access_key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    "session_token": None,
    "region": "us-east-1",
    "service": "service",
    "at": datetime(2015, 8, 30, 12, 36, tzinfo=UTC),
}
"""From AWS's own test suite for this signature, case ``get-vanilla``."""


def test_awss_own_example():
    """``get-vanilla`` of AWS's test suite: a GET without path, query or headers."""
    signed = sign(HttpCall("GET", "https://example.amazonaws.com/"), **EXAMPLE)
    assert signed.headers == (
        ("X-Amz-Date", "20150830T123600Z"),
        (
            "Authorization",
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
            "SignedHeaders=host;x-amz-date, "
            "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
    )


@given(calls)
def test_signing_changes_nothing_else(call):
    """Method, URL, body and the headers that were there stay as they are."""
    signed = sign(call, **EXAMPLE)
    assert (signed.method, signed.url, signed.body) == (call.method, call.url, call.body)
    assert signed.headers[: len(call.headers)] == call.headers


def test_a_moment_is_signed_in_utc():
    """Wherever it is told, the moment is the same."""
    call = HttpCall("GET", "https://example.amazonaws.com/")
    elsewhere = EXAMPLE["at"].astimezone(timezone(timedelta(hours=-7)))
    assert sign(call, **(EXAMPLE | {"at": elsewhere})) == sign(call, **EXAMPLE)
