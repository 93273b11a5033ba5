"""PURE. Whether a provider can be probed as it was told to be, and at what price.

Owns what an operator hears of a probe before the first one is made. Must not know any kind by name.
"""

from __future__ import annotations

from types import MappingProxyType

from smsp.mail import Mailbox
from smsp.providers.kinds import Connector, Kind
from smsp.providers.probes import ProbeMode, dummy, steps_of
from smsp.sending.eligibility import why_not_carried
from smsp.settings.values import is_reserved

_BILLS = MappingProxyType({"counted": "counts against its plan or quota", "charged": "is billed"})


def never_passes(own: Kind, mode: ProbeMode, address: Mailbox) -> str | None:
    """Why no probe of this mode can ever pass, in words to follow the variable's name."""
    match mode:
        case "auto":
            return None
        case "status":
            has_one = _has_a_status_call(own, address)
            return None if has_one else "cannot be status: this kind of provider has no such call"
        case "message":
            return _why_no_message(own, address)


def price(own: Kind, mode: ProbeMode, address: Mailbox) -> str | None:
    """What each probe costs or harms, for a warning; ``None`` if nothing."""
    match mode:
        case "status":
            return None
        case "message":
            told = "each probe is a real message to SMSP_POLL_MESSAGE_ADDRESS"
            return f"{told}, an address that nobody has" if is_reserved(address.domain) else told
        case "auto":
            return _price_of_auto(own, address)


def _why_no_message(own: Kind, address: Mailbox) -> str | None:
    if own.facts.refuses_reserved and is_reserved(address.domain):
        return (
            "cannot be message: this kind of provider takes no mail for example domains, "
            "such as that of SMSP_POLL_MESSAGE_ADDRESS"
        )
    reason = why_not_carried(dummy(address, own.capabilities).mail, own.capabilities)
    carried = reason is None
    return None if carried else f"cannot be message: its dummy message is not carried ({reason})"


def _price_of_auto(own: Kind, address: Mailbox) -> str | None:
    if own.facts.probe_cost == "none":
        return None
    bill = f"each probe ({own.facts.probe}) {_BILLS[own.facts.probe_cost]}"
    return f"{bill}; status costs nothing" if _has_a_status_call(own, address) else bill


def _has_a_status_call(own: Kind, address: Mailbox) -> bool:
    return not isinstance(own, Connector) and bool(steps_of(own, "status", address))
