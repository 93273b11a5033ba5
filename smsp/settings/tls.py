"""The certificate that SMSP shows to its callers.

Owns what ``ssl`` is told, and the finding of mistakes before anything is started or changed. A
mistake never holds what is in the files.
"""

from __future__ import annotations

import ssl


class TlsFault(Exception):
    """One of the two files is not what it should be; says which, and what is wrong with it."""

    def __init__(self, variable: str, message: str) -> None:
        super().__init__(f"{variable} {message}")
        self.variable = variable
        self.message = message


class ServerCertificate:
    """What new callers are met with. The files may be changed, and are read again when somebody
    asks for it; connections that there are keep what they were met with.

    Raises :class:`TlsFault`.
    """

    def __init__(self, cert: str, key: str) -> None:
        self._files = cert, key
        self.context = server_tls(cert, key)

    def read_again(self) -> None:
        """Use what is in the files now. Raises :class:`TlsFault`, and then nothing has changed."""
        self.context = server_tls(*self._files)


def server_tls(cert: str, key: str) -> ssl.SSLContext:
    """What callers are met with: TLS 1.2 or newer, HTTP/1.1, this certificate.

    Raises :class:`TlsFault`.
    """
    for variable, path in (("SMSP_TLS_CERT", cert), ("SMSP_TLS_KEY", key)):
        _see_that_it_can_be_read(variable, path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=cert)
    except (ssl.SSLError, ValueError):
        raise TlsFault("SMSP_TLS_CERT", "names a file that holds no certificate in PEM") from None
    try:
        # Without a passphrase of ours, OpenSSL would ask for one at the terminal.
        context.load_cert_chain(cert, key, password="")
    except (ssl.SSLError, ValueError):
        raise TlsFault(
            "SMSP_TLS_KEY",
            "names a file that holds no unencrypted private key of that certificate, in PEM",
        ) from None
    return context


def _see_that_it_can_be_read(variable: str, path: str) -> None:
    try:
        with open(path, "rb") as file:
            file.read(1)
    except OSError as error:
        reason = error.strerror or "no reason given"
        raise TlsFault(variable, f"names a file that cannot be read: {reason}") from None
