"""PURE. Records of TLS that no library would send: key updates, tickets, wishes to start anew.

Made from the secrets that a server's log of keys tells. ``AES_256_GCM_SHA384`` is the cipher.
"""

from __future__ import annotations

import hmac
from itertools import count

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

CIPHER_1_2 = "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384"
ALERT, HANDSHAKE, DATA = 21, 22, 23

CLOSE_NOTIFY = b"\1\0"
HELLO_REQUEST = b"\0\0\0\0"
"""Of TLS 1.2: the server asks for a new handshake."""
SESSION_TICKET = bytes.fromhex("04 00001e 00001c20 01020304 0100 0010") + bytes(16) + b"\0\0"


def key_update(*, asks_back: bool) -> bytes:
    """The peer has a new key; ``asks_back``: it wants one of us, too."""
    return bytes.fromhex("18 000001") + bytes([asks_back])


class Records13:
    """What a server sends in TLS 1.3 (RFC 8446, sections 5.2 and 7)."""

    def __init__(self, secret: bytes) -> None:
        self._adopt(secret)

    def record(self, content_type: int, content: bytes, padding_bytes: int = 0) -> bytes:
        """The next record."""
        inner = content + bytes([content_type]) + bytes(padding_bytes)
        header = b"\x17\3\3" + (len(inner) + 16).to_bytes(2, "big")
        number = next(self._numbers).to_bytes(12, "big")
        nonce = bytes(a ^ b for a, b in zip(self._iv, number, strict=True))
        return header + self._key.encrypt(nonce, inner, header)

    def data(self, content: bytes) -> bytes:
        """What HTTP says."""
        return self.record(DATA, content)

    def key_update(self, *, asks_back: bool = False) -> bytes:
        """The last record with this key; what follows has the next one."""
        record = self.record(HANDSHAKE, key_update(asks_back=asks_back))
        self._adopt(_expand(self._secret, b"traffic upd", 48))
        return record

    def _adopt(self, secret: bytes) -> None:
        self._secret = secret
        self._key, self._iv = AESGCM(_expand(secret, b"key", 32)), _expand(secret, b"iv", 12)
        self._numbers = count()


class Records12:
    """What a server sends in TLS 1.2 after its Finished (RFC 5246, section 6; RFC 5288)."""

    def __init__(self, master: bytes, client_random: bytes, server_random: bytes) -> None:
        seed = b"key expansion" + server_random + client_random
        block = _prf(master, seed, 2 * 32 + 2 * 4)
        self._key, self._salt = AESGCM(block[32:64]), block[68:72]
        self._numbers = count(1)

    def record(self, content_type: int, content: bytes) -> bytes:
        """The next record."""
        number = next(self._numbers).to_bytes(8, "big")
        about = number + bytes([content_type, 3, 3]) + len(content).to_bytes(2, "big")
        sealed = number + self._key.encrypt(self._salt + number, content, about)
        return bytes([content_type, 3, 3]) + len(sealed).to_bytes(2, "big") + sealed

    def data(self, content: bytes) -> bytes:
        """What HTTP says."""
        return self.record(DATA, content)


def _expand(secret: bytes, label: bytes, length: int) -> bytes:
    """HKDF-Expand-Label without a context (RFC 8446, section 7.1); one block is enough here."""
    label = b"tls13 " + label
    info = length.to_bytes(2, "big") + bytes([len(label)]) + label + b"\0\1"
    return hmac.digest(secret, info, "sha384")[:length]


def _prf(secret: bytes, seed: bytes, length: int) -> bytes:
    """RFC 5246, section 5."""
    block, result = seed, b""
    while len(result) < length:
        block = hmac.digest(secret, block, "sha384")
        result += hmac.digest(secret, block + seed, "sha384")
    return result[:length]
