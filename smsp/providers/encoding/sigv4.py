"""PURE. AWS Signature Version 4, for providers that want each request signed.

The rules   https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html

Owns how a call is signed. The moment is an argument. Must not know where credentials come from,
nor what any request means. The tests hold it against botocore's ``SigV4Auth``.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import SplitResult, quote, urlsplit

from smsp.providers.encoding.body import digest_of
from smsp.providers.kinds import HttpCall

_ALGORITHM = "AWS4-HMAC-SHA256"
_DEFAULT_PORTS = frozenset({("http", 80), ("https", 443)})

Headers = Sequence[tuple[str, str]]


def sign(
    call: HttpCall,
    *,
    access_key_id: str,
    secret_access_key: str,
    session_token: str | None,
    region: str,
    service: str,
    at: datetime,
) -> HttpCall:
    """The call with ``X-Amz-Date``, the session's token if there is one, and ``Authorization``.

    All headers of ``call`` are signed, and the host of its URL, which must be the one that is
    really called; what the client adds by itself is not. The path must be in its shortest form,
    without ``.``, ``..`` and empty segments.
    """
    moment = at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    added = [("X-Amz-Date", moment)]
    if session_token is not None:
        added.append(("X-Amz-Security-Token", session_token))
    url = urlsplit(call.url)
    headers = _canonical((*call.headers, *added, ("Host", _host(url))))
    names = ";".join(name for name, _ in headers)
    scope = f"{moment[:8]}/{region}/{service}/aws4_request"
    to_sign = "\n".join((_ALGORITHM, moment, scope, _digest(_request(call, url, headers, names))))
    signature = hmac.new(_key(secret_access_key, scope), to_sign.encode(), hashlib.sha256)
    authorization = (
        f"{_ALGORITHM} Credential={access_key_id}/{scope}, "
        f"SignedHeaders={names}, Signature={signature.hexdigest()}"
    )
    return replace(call, headers=(*call.headers, *added, ("Authorization", authorization)))


def _host(url: SplitResult) -> str:
    """The ``Host`` that HTTP clients send: without the port, if it is the scheme's own."""
    name = f"[{url.hostname}]" if ":" in (url.hostname or "") else f"{url.hostname}"
    if url.port is None or (url.scheme, url.port) in _DEFAULT_PORTS:
        return name
    return f"{name}:{url.port}"


def _canonical(headers: Headers) -> Headers:
    """Names in lower case and in order, each once; values without needless spaces."""
    values: dict[str, list[str]] = {}
    for name, value in headers:
        values.setdefault(name.lower(), []).append(" ".join(value.split()))
    return sorted((name, ",".join(each)) for name, each in values.items())


def _request(call: HttpCall, url: SplitResult, headers: Headers, names: str) -> bytes:
    lines = (
        call.method,
        quote(url.path or "/", safe="/~"),
        _query(url.query),
        *(f"{name}:{value}" for name, value in headers),
        "",
        names,
        digest_of(call.body),
    )
    return "\n".join(lines).encode()


def _query(query: str) -> str:
    """Its parameters in order of their names, then values."""
    pairs = (parameter.partition("=") for parameter in query.split("&") if query)
    return "&".join(f"{name}={value}" for name, value in sorted((n, v) for n, _, v in pairs))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _key(secret: str, scope: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key
