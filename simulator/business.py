"""Business acknowledgements (BAA): XML that names what was rejected. Silence is acceptance.

The guide (7.2, section 8) says what one holds; its schema is not public. The names of the elements
are those that both sides of this simulation agree on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from simulator.objections import Objection

FUNCTION_CODE = "BAA"


@dataclass(frozen=True)
class Rejected:
    """A transaction set of the carrier and what the exchange has against it."""

    interchange: str  # ISA13
    group: str  # GS06
    transaction_set: str  # ST02
    subscriber_id: str
    member_id: str
    policy_id: str
    objections: Sequence[Objection]


def write_acknowledgement(trading_partner_id: str, rejected: Sequence[Rejected]) -> bytes:
    """A file that names these sets."""
    root = Element("BusinessApplicationAcknowledgment")
    SubElement(root, "TradingPartnerId").text = trading_partner_id
    for one in rejected:
        transaction = SubElement(root, "Transaction")
        for name, value in (
            ("InterchangeControlNumber", _integer(one.interchange)),
            ("GroupControlNumber", _integer(one.group)),
            ("TransactionSetControlNumber", _integer(one.transaction_set)),
            ("ExchangeAssignedSubscriberId", one.subscriber_id),
            ("ExchangeAssignedMemberId", one.member_id),
            ("ExchangeAssignedPolicyId", one.policy_id),
        ):
            SubElement(transaction, name).text = value
        for objection in one.objections:
            _errors(transaction, objection)
    indent(root)
    content: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return content


def _integer(number: str) -> str:
    """A control number as a program writes it that keeps it as a number: without leading zeros."""
    return str(int(number)) if number.isdecimal() else number


def _errors(transaction: Element, objection: Objection) -> None:
    """One Error for each code: some rejections have several (table 25)."""
    for code in objection.codes:
        error = SubElement(transaction, "Error")
        SubElement(error, "Severity").text = "W" if objection.is_warning else "R"
        SubElement(error, "Element").text = objection.element
        SubElement(error, "Code").text = code
        SubElement(error, "Text").text = objection.text
