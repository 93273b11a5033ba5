"""PURE. Which address a request really comes from, when proxies stand between."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_IPV6_PREFIX = 64
"""Whoever has one IPv6 address has all of its network: they count as one."""


def client_of(peer: str | None, forwarded: Sequence[str], proxies: Sequence[Network]) -> str:
    """The peer of the connection; if that is one of our proxies, the last hop that is none.

    ``forwarded`` are the ``X-Forwarded-For`` headers in their order. Each proxy appends whom it
    heard from, so they are read from the end, for as long as the word is a proxy's of ours: what
    stands before it anybody may have written. An IPv6 client is its network of 64 bits.
    """
    client = _address(peer or "")
    hops = [hop.strip() for header in forwarded for hop in header.split(",")]
    while client is not None and hops and any(client in network for network in proxies):
        hop = _address(hops.pop())
        if hop is None:
            break
        client = hop
    return (peer or "") if client is None else _whole(client)


def _address(text: str) -> Address | None:
    """An address, also with a port, as some proxies write it."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _whole(client: Address) -> str:
    if isinstance(client, IPv4Address):
        return str(client)
    return str(IPv6Network((int(client), _IPV6_PREFIX), strict=False))
