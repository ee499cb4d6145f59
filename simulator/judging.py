"""Whether the exchange accepts a transaction of the carrier: what it is, and whether it may come.

CMS guide 7.2: table 29 says what a transaction is, table 16 which status of the policy accepts it.
"""

from collections.abc import Callable, Iterator

from schemas.partners import Partner
from simulator import confirming, ending, maintaining
from simulator.objections import COMBINATION, UNKNOWN_POLICY, Objection, in_state
from simulator.people import Policy
from simulator.reading import at
from simulator.received import ReceivedTransaction
from simulator.standing import Kind, Standing

# INS03, INS04 and ADDL MAINT REASON of the subscriber (table 29).
_COMBINATIONS: dict[tuple[str, str, str], Kind] = {
    ("021", "28", "CONFIRM"): "effectuation",
    ("024", "59", "CANCEL"): "cancellation",
    ("024", "14", "CANCEL-FLC"): "cancellation",
    ("024", "07", "CANCEL-FRD"): "cancellation",
    ("024", "07", "CANCEL-RESCIND"): "cancellation",
    ("024", "", "CANCEL-OTH"): "cancellation",
    ("024", "26", "CANCEL-HICS"): "cancellation",
    ("024", "", "CANCEL-ANTIDUPLICATION"): "cancellation",
    ("024", "", "CANCEL-OUT-OF-AREA"): "cancellation",
    ("024", "59", "TERM"): "termination",
    ("024", "", "TERM-OTH"): "termination",
    ("024", "26", "TERM-HICS"): "termination",
    ("024", "", "TERM-ANTIDUPLICATION"): "termination",
    ("001", "25", "ISSUER MAINT"): "maintenance",
    ("001", "", "NO CHANGE"): "maintenance",
    ("025", "", "ISSUER - REINSTATEMENT"): "reinstatement",
}
_BY_TYPE: dict[str, Kind] = {"021": "effectuation", "001": "maintenance", "025": "reinstatement"}

# The statuses that accept it; what is said of the others (table 16).
_ACCEPTED_IN: dict[Kind, frozenset[str]] = {
    "effectuation": frozenset({"initial", "terminated initial"}),
    "cancellation": frozenset(
        {"initial", "effectuated", "terminated initial", "terminated effectuated"}
    ),
    "termination": frozenset(
        {"initial", "effectuated", "terminated initial", "terminated effectuated"}
    ),
    "maintenance": frozenset({"effectuated", "terminated effectuated"}),
    "reinstatement": frozenset({"terminated initial", "terminated effectuated", "cancelled"}),
}

_Rules = Callable[[ReceivedTransaction, Standing, Partner], Iterator[Objection]]
_RULES: dict[Kind, _Rules] = {
    "effectuation": confirming.effectuation,
    "cancellation": ending.cancellation,
    "termination": ending.termination,
    "maintenance": maintaining.maintenance,
    "reinstatement": confirming.reinstatement,
}


def kind_of(received: ReceivedTransaction) -> Kind | None:
    """Which transaction it is; by INS03 alone where the combination is none of table 29."""
    subscriber = received.subscriber
    if subscriber is None:
        return None
    maintenance_type = at(subscriber.level, 3)
    meant = _COMBINATIONS.get((maintenance_type, at(subscriber.level, 4), subscriber.reason))
    if meant or maintenance_type != "024":
        return meant or _BY_TYPE.get(maintenance_type)
    return "termination" if subscriber.reason.startswith("TERM") else "cancellation"


def objections(
    received: ReceivedTransaction, kind: Kind | None, standing: Standing | None, partner: Partner
) -> Iterator[Objection]:
    """Every reason to reject the transaction. None when it is accepted."""
    if standing is None:
        text = "the policy is not known, or its enrollment was never accepted"
        yield Objection(text, "REF*1L", (UNKNOWN_POLICY,))
        return
    subscriber = received.subscriber
    if kind is None or subscriber is None:
        yield Objection("the transaction is none of table 29", "INS", (COMBINATION,))
        return
    yield from by_status(kind, standing.policy)
    means = at(subscriber.level, 3), at(subscriber.level, 4), subscriber.reason
    if means not in _COMBINATIONS and kind != "effectuation":  # its own rules say what is wrong
        text = "INS03, INS04 and ADDL MAINT REASON are no combination of table 29"
        yield Objection(text, "INS", (COMBINATION,))
    yield from _RULES[kind](received, standing, partner)


def by_status(kind: Kind, policy: Policy) -> Iterator[Objection]:
    """What table 16 has against the transaction, by the policy's status."""
    status = _status(policy)
    if status in _ACCEPTED_IN[kind]:
        return
    if status == "cancelled":
        yield in_state("the policy is cancelled")
    elif kind == "effectuation":
        yield in_state("the policy is effectuated already")
    elif kind == "maintenance":
        yield in_state("the policy is not effectuated")
    else:
        yield in_state("the policy has not ended")


def _status(policy: Policy) -> str:
    """The columns of table 16."""
    if policy.state == "cancelled":
        return "cancelled"
    confirmed = "effectuated" if policy.effectuated else "initial"
    return f"terminated {confirmed}" if policy.state == "terminated" else confirmed
