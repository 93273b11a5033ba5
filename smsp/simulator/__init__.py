"""Simulated e-mail providers over real HTTP on loopback, for ``smsp demo`` and black-box tests.

They speak the providers' own wire, check what the real ones check, and misbehave on demand: by
the recipient (``accept-then-drop@example.org``), by chance, and by a switch per provider. The
outbox knows what they really took, which is the truth to compare SMSP's answers with; a journal
keeps it when a process is killed.

Everything here stands apart from SMSP itself: it imports nothing of it, so that no mistake
can be made in the same way on both sides of the wire.
"""

from smsp.simulator.faults import (
    FAULTS,
    Delivery,
    SimulatedFault,
    fault_for,
    fault_named,
    fault_table,
)
from smsp.simulator.journal import Entry, Journal
from smsp.simulator.mailgun_wire import MailgunWire
from smsp.simulator.mix import FaultMix
from smsp.simulator.outbox import Outbox, Tally
from smsp.simulator.postmark_wire import INACTIVE, PostmarkWire
from smsp.simulator.sendgrid_wire import SendGridWire
from smsp.simulator.server import SimulatedProvider
from smsp.simulator.simulation import (
    API_KEY,
    DOMAIN,
    Simulation,
    every_wire,
    mailgun_and_sendgrid,
    run_simulators,
)
from smsp.simulator.switch import Position
from smsp.simulator.wire import ProviderApi, Request, SimulatedAnswer, Submission, Verdict

__all__ = [
    "API_KEY",
    "DOMAIN",
    "FAULTS",
    "INACTIVE",
    "Delivery",
    "Entry",
    "FaultMix",
    "Journal",
    "MailgunWire",
    "Outbox",
    "Position",
    "PostmarkWire",
    "ProviderApi",
    "Request",
    "SendGridWire",
    "SimulatedAnswer",
    "SimulatedFault",
    "SimulatedProvider",
    "Simulation",
    "Submission",
    "Tally",
    "Verdict",
    "every_wire",
    "fault_for",
    "fault_named",
    "fault_table",
    "mailgun_and_sendgrid",
    "run_simulators",
]
