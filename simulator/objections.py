"""Why the exchange rejects a transaction of the carrier: an element in error, codes and words.

The exchange's code list is not public: E046 and the four of a one-day termination stand in the
guide (7.2, table 25), the others are this exchange's own.
"""

from dataclasses import dataclass

BEGIN_DIFFERS = "E046"
ONE_DAY = ("E148", "E158", "E160", "E161")
UNKNOWN_POLICY = "B101"
STATE = "B102"  # table 16
COMBINATION = "B103"  # table 29
DIFFERS = "B104"  # not what the exchange sent
MISSING = "B105"
NOT_ALLOWED_HERE = "B106"  # a segment that this transaction must not have
END_DATE = "B107"
WINDOW = "B108"  # the days on which an end on 31 December may be sent (section 6.10)
NOT_REINSTATED = "B109"  # section 7.2.7
ID_PAIR = "B110"  # table 22
OVERTAKEN = "B111"  # the exchange has changed the policy since this was said
FORCED = "B900"  # nothing is wrong: the scenario wants a rejection


@dataclass(frozen=True, slots=True)
class Objection:
    """One reason. `element` is the segment and qualifier in error, empty where there is none."""

    text: str
    element: str = ""
    codes: tuple[str, ...] = (DIFFERS,)
    is_warning: bool = False


def differs(element: str, text: str) -> Objection:
    """The element is not what the exchange sent."""
    return Objection(text, element, (DIFFERS,))


def missing(element: str, text: str) -> Objection:
    """The element is required."""
    return Objection(text, element, (MISSING,))


def in_state(text: str) -> Objection:
    """The policy's status does not accept the transaction (CMS guide 7.2, table 16)."""
    return Objection(text, "", (STATE,))
