"""The fault table: which recipients make a simulated provider misbehave, and how."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsp.simulator import FAULTS, Delivery, Verdict, fault_for, fault_named, fault_table

TAKEN = {"slow", "cut", "accept-then-error", "accept-then-hang", "accept-then-drop"}


def test_an_ordinary_recipient_gets_no_fault():
    """A message to nobody in particular is taken, and the provider says so at once."""
    fault = fault_for(["bob@example.org"])
    assert (fault.accepts, fault.says, fault.delivery) == (True, Verdict.ACCEPTED, Delivery.WHOLE)
    assert fault.delay_s == 0


def test_the_domain_says_nothing():
    """Only the local part of an address can name a fault."""
    assert fault_for(["bob@error.example", "bob@drop"]).says is Verdict.ACCEPTED


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_taken(name):
    """A fault takes the message exactly if its name says so: the table is what audits rely on."""
    assert FAULTS[name].accepts == (name in TAKEN)


def test_the_first_recipient_that_names_a_fault_decides():
    """Several recipients do not mix their faults."""
    assert fault_for(["bob@x.example", "drop@x.example", "error@x.example"]) is FAULTS["drop"]


@pytest.mark.parametrize("address", ["Reject@x.example", "reject+42@x.example", "REJECT+@x"])
def test_case_and_sub_address_do_not_matter(address):
    """So that many different recipients can share one fault."""
    assert fault_for([address]) is FAULTS["reject"]


@pytest.mark.parametrize(
    ("address", "delay_s"), [("slow@x", 1.0), ("slow-2500ms@x", 2.5), ("slow-0ms+1@x", 0.0)]
)
def test_slow_recipients_choose_their_delay(address, delay_s):
    """``slow@`` is one second; ``slow-…ms@`` is any number of milliseconds."""
    fault = fault_for([address])
    assert (fault.accepts, fault.says, fault.delay_s) == (True, Verdict.ACCEPTED, delay_s)


def test_a_fault_by_its_name():
    """Those of the table and those with a delay; other names are none."""
    assert fault_named("drop") is FAULTS["drop"]
    assert fault_named("slow-40ms").delay_s == 0.04
    assert fault_named("bob") is None


def test_a_delay_has_a_bound():
    """A number of more than six digits is just a name."""
    assert fault_for(["slow-1000000ms@x"]).delay_s == 0


def test_the_table_names_every_fault():
    """What people read in the demo is made from the table itself."""
    lines = fault_table().splitlines()
    assert len(lines) == len(FAULTS) + 1
    assert all(fault.meaning in fault_table() for fault in FAULTS.values())


@given(st.lists(st.text()))
def test_any_recipients_have_some_fate(recipients):
    """Whatever a recipient looks like, looking it up never fails."""
    assert fault_for(recipients).meaning
