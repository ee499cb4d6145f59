"""The exchange's pre-audit file: all segments of a coverage year as it has them, told unasked.

Positions and codes are those of Maine's exchange in public code (ideacrew/edi_gateway 34592491):
104 fields between pipes, no header, no total, amounts of the policy on the subscriber's lines.
"""

import csv
import io
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from simulator.monthly import Segment

_WIDTH = 104
_PLACES = {
    "exchange_subscriber_id": 19, "exchange_member_id": 20, "issuer_member_id": 21,
    "issuer_subscriber_id": 22, "last_name": 23, "first_name": 24, "middle_name": 25,
    "street": 27, "street_2": 28, "city": 29, "state": 30, "zip": 31, "county": 32, "phone": 33,
    "ssn": 34, "birth_date": 35, "email": 42, "mail_street": 43, "mail_street_2": 44,
    "mail_city": 45, "mail_state": 46, "mail_zip": 47, "begin": 62, "end": 63,
    "issuer_policy_id": 64, "plan": 65, "exchange_policy_id": 67, "individual": 78, "line": 94,
}  # fmt: skip
_RELATIONSHIPS = {"18": "1:18", "01": "2:01", "15": "32:15", "19": "4:19", "53": "8:53"}


def write_pre_audit(
    segments: Iterable[Segment], head: tuple[str, str, str], created: datetime
) -> bytes:
    """The file for the carrier of that trading partner, tenant and HIOS id."""
    text = io.StringIO()
    lines = csv.writer(text, delimiter="|", lineterminator="\n")
    lines.writerows(_cells(segment, head, created) for segment in segments)
    return text.getvalue().encode("ascii")


def _cells(segment: Segment, head: tuple[str, str, str], created: datetime) -> list[str]:
    values = segment.values
    _, tenant, issuer = head
    cells = [""] * _WIDTH
    for name, place in _PLACES.items():
        cells[place] = values.get(name, "")
    clock = f"{created:%H%M%S}000"
    made = [f"{created:%Y%m%d}", clock]
    cells[:9] = [issuer, "", tenant, issuer, values["plan"][:10], *made, *made]
    cells[9] = values["exchange_subscriber_id"]
    cells[10] = "3" if segment.cancelled else "1"
    relationship = values["relationship"]
    cells[16] = _RELATIONSHIPS.get(relationship, f":{relationship}")
    cells[17] = values["subscriber"]
    cells[36] = "Male" if values.get("gender") == "M" else "Female"
    cells[37] = values.get("tobacco", "2")
    cells[66] = values.get("paid", "N").replace("C", "N")
    ids = ("exchange_subscriber_id", "exchange_policy_id", "begin")
    cells[68] = "-".join(values[name] for name in ids)
    if values["subscriber"] == "Y":
        premium, aptc = (Decimal(values.get(name) or 0) for name in ("premium", "aptc"))
        cells[69] = f"{aptc:.2f}" if aptc else ""
        cells[75] = f"{premium:.2f}"
        cells[81] = values.get("responsible", f"{premium - aptc:.2f}")
        for place in (70, 73, 76, 82):
            cells[place : place + 2] = [values["begin"], values["end"]]
    cells[79:81] = [values["begin"], values["end"]]
    if segment.ended_for_nonpayment:
        cells[87] = cells[89] = "6"
    return cells
