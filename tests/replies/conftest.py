"""Builders of verdicts and of what we tell an exchange, and pyx12 as the second opinion."""

from datetime import UTC, date, datetime

import pyarrow as pa
import pytest

from replies.x12_writer import Envelope
from schemas import tables
from schemas.partners import load_exchange, load_partner
from schemas.verdict import Verdict
from tests.cases.answers import complaints_about_999

NIGHT = datetime(2026, 1, 2, 4, 30, 15, 250_000, tzinfo=UTC)  # 23:30:15.25 on 1 January in New York


def _table(schema, rows):
    columns = {name: [row.get(name) for row in rows] for name in schema.names}
    return pa.table(columns, schema=schema)


def _envelope(number=1, partner="cedar-valley-tx", created_at=NIGHT):
    chosen = load_partner(partner)
    return Envelope(chosen, load_exchange(chosen.exchange), number, created_at)


def _verdict(groups, *, issues=(), ta1=("A", "000"), **changes):
    """A verdict about one interchange, given as {group number: {set number: (ack, codes)}}."""
    group_rows, set_rows = [], []
    for group_ordinal, (number, sets) in enumerate(groups.items(), 1):
        acks = [ack for ack, _ in sets.values()]
        accepted = sum(ack in "AE" for ack in acks)
        group_rows.append(
            {
                "interchange_ordinal": 1,
                "group_ordinal": group_ordinal,
                "control_number": number,
                "functional_identifier": "BE",
                "sender_code": "TX0",
                "receiver_code": "91001TX0010001",
                "version": "005010X220A1",
                "ack": "R" if not accepted else "A" if accepted == len(acks) else "P",
                "codes": [] if acks else ["5"],
                "set_count_included": len(acks),
                "set_count_received": len(acks),
                "set_count_accepted": accepted,
            }
        )
        for control_number, (ack, codes) in sets.items():
            set_rows.append(
                {
                    "interchange_ordinal": 1,
                    "group_ordinal": group_ordinal,
                    "set_ordinal": len(set_rows) + 1,
                    "control_number": control_number,
                    "identifier": "834",
                    "convention": "005010X220A1",
                    "ack": ack,
                    "codes": codes,
                }
            )
    interchange = {
        "interchange_ordinal": 1,
        "control_number": "000000905",
        "date": "260101",
        "time": "1800",
        "ta1_code": ta1[0],
        "ta1_note": ta1[1],
    }
    parts = {
        "sha256": "0" * 64,
        "size_bytes": 1,
        "file_verdict": "accepted",
        "interchanges": _table(tables.INTERCHANGES, [interchange]),
        "functional_groups": _table(tables.FUNCTIONAL_GROUPS, group_rows),
        "transaction_sets": _table(tables.TRANSACTION_SETS, set_rows),
        "interchange_verdicts": _table(tables.INTERCHANGE_VERDICTS, [interchange]),
        "group_verdicts": _table(tables.GROUP_VERDICTS, group_rows),
        "set_verdicts": _table(tables.SET_VERDICTS, set_rows),
        "issues": _table(tables.ISSUES, list(issues)),
        "dispositions": _table(tables.DISPOSITIONS, []),
    }
    return Verdict(**{**parts, **changes})


def _member(policy, member, **changes):
    """A row of an effectuation: the subscriber of a policy unless it says otherwise."""
    row = {
        "decision_id": int(member),
        "transaction": "effectuation",
        "maintenance_type": "021",
        "maintenance_reason": "28",
        "additional_maintenance_reason": "CONFIRM",
        "exchange_policy_id": policy,
        "issuer_policy_id": f"CV{policy}",
        "plan_id": "91001TX001000101",
        "insurance_line": "HLT",
        "reference": "10001",
        "total_count": 1,
        "sponsor_name": "AVERY LOCKHART",
        "sponsor_qualifier": "94",
        "sponsor_id": "0001000001",
        "payer_name": "CEDAR VALLEY HEALTH PLAN",
        "payer_id": "001234567",
        "last_premium_paid": date(2026, 1, 31),
        "is_subscriber": True,
        "relationship_code": "18",
        "exchange_subscriber_id": "0001000001",
        "exchange_member_id": member,
        "issuer_subscriber_id": "S77",
        "issuer_member_id": f"M{member}",
        "eligibility_begin": date(2026, 1, 1),
        "benefit_begin": date(2026, 1, 1),
        "last_name": "LOCKHART",
        "first_name": "AVERY",
        "birth_date": date(1984, 3, 9),
        "gender_code": "F",
    }
    return {**row, **changes}


@pytest.fixture
def table():
    return _table


@pytest.fixture
def envelope():
    return _envelope


@pytest.fixture
def verdict():
    return _verdict


@pytest.fixture
def member():
    return _member


@pytest.fixture
def transactions():
    return lambda *rows: _table(tables.ISSUER_TRANSACTIONS, list(rows))


@pytest.fixture
def complaints_of_pyx12():
    return complaints_about_999


@pytest.fixture
def segments():
    """The segments of an interchange, without their terminators."""
    return lambda content: content.decode("ascii").split("~")[:-1]
