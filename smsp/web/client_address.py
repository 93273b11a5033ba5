"""PURE. Which address a request really comes from, when proxies stand between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from itertools import islice

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

HOPS_MAX = 32
"""More proxies of ours than that do not stand one behind another."""
_IPV6_PREFIX = 64
"""Whoever has one IPv6 address has all of its network: they count as one."""


def client_of(peer: str | None, forwarded: Sequence[str], proxies: Sequence[Network]) -> str:
    """The peer of the connection; if that is one of our proxies, the last hop that is none.

    ``forwarded`` are the ``X-Forwarded-For`` headers in their order. Each proxy appends whom it
    heard from, so they are read from the end, for as long as the word is a proxy's of ours: what
    stands before it anybody may have written. No more than ``HOPS_MAX`` are read. An IPv6 client is
    its network of 64 bits.
    """
    client = _address(peer or "")
    if client is None:
        return peer or ""
    for hop in islice(_from_the_end(forwarded), HOPS_MAX):
        before = _address(hop) if any(client in network for network in proxies) else None
        if before is None:
            break
        client = before
    return _whole(client)


def _from_the_end(forwarded: Sequence[str]) -> Iterator[str]:
    """Hops, the last one first. What a caller wrote before them may be long, and stays whole."""
    for header in reversed(forwarded):
        yield from (hop.strip() for hop in reversed(header.rsplit(",", HOPS_MAX)))


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
