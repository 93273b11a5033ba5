"""Whom a request comes from: nobody can write an address that is believed."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsp.web.client_address import HOPS_MAX, client_of

PROXIES = (ip_network("10.0.0.0/8"), ip_network("2001:db8:1::/48"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", ["198.51.100.7"], "192.0.2.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["203.0.113.9, 198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["203.0.113.9", "198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["203.0.113.9, 198.51.100.7, 10.2.3.4"], "198.51.100.7"),
        ("10.0.0.1", ["10.1.1.1, 10.2.3.4"], "10.1.1.1"),
        ("10.0.0.1", ["198.51.100.7:4711"], "198.51.100.7"),
        ("10.0.0.1", ["unknown"], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("::ffff:10.0.0.1", ["::ffff:198.51.100.7"], "198.51.100.7"),
        ("2001:db8:1::1", ["[2001:db8:2:3::7]:443"], "2001:db8:2:3::/64"),
        ("2001:db8:2:3:4:5:6:7", [], "2001:db8:2:3::/64"),
        ("::1", [], "::/64"),
        ("<local>", ["198.51.100.7"], "<local>"),
        (None, [], ""),
    ],
)
def test_the_client(peer, forwarded, client):
    """The peer, or the last hop that is no proxy of ours; an IPv6 network counts as one."""
    assert client_of(peer, forwarded, PROXIES) == client


@given(st.lists(st.text(max_size=20), max_size=4))
def test_a_stranger_s_word_counts_for_nothing(forwarded):
    """Whatever a peer that is no proxy of ours puts into the header."""
    assert client_of("192.0.2.1", forwarded, PROXIES) == "192.0.2.1"


@given(st.lists(st.text(max_size=20), max_size=4))
def test_what_a_client_writes_stands_before_what_our_proxy_adds(forwarded):
    """A client that makes up hops is still known by the address that our proxy has seen."""
    assert client_of("10.0.0.1", [*forwarded, "198.51.100.7"], PROXIES) == "198.51.100.7"


def test_hops_without_number():
    """Not more of them are read than there can be proxies, and nobody becomes another by more."""
    proxy, client = "10.0.0.1", "198.51.100.7"
    for more, found in ((HOPS_MAX - 1, client), (HOPS_MAX, proxy), (20_000, proxy)):
        for forwarded in ([", ".join([client, *[proxy] * more])], [client, *[proxy] * more]):
            assert client_of(proxy, forwarded, PROXIES) == found
