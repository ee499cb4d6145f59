"""The HIX 820 is read into one row for each payment, by the same parser as an 834."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from schemas.limits import load_limits
from tests.cases.enrollment import changed
from tests.cases.payments import HEADER, POLICY, payments
from tests.cases.reading import Reader
from validators.check import Terms

SAMPLES = sorted((Path(__file__).resolve().parents[3] / "shared" / "samples").glob("*.820"))


@pytest.fixture
def reader(tmp_path):
    """Reads contents in a folder of the test."""
    return Reader(tmp_path)


def paid(reader, content, **limits):
    """The rows of payments of a content."""
    terms = Terms(limits=replace(load_limits(), **limits))
    return reader.check(content, terms)[1]["premium_payments"].to_pylist()


def test_a_payment_in_all_its_columns(reader):
    """Ids as sent, the amount in cents, the month, and the bytes of RMR and what follows it."""
    entity = changed(POLICY, "REF*0F", "REF*0F*SUB123", "REF*1L*GROUP1", "REF*TV*OWN-PLAN")
    entity = changed(entity, "RMR*ZZ*CSR", "RMR*ZZ*CSR**99.5*100", "REF*ZZ*INFORPT")
    content = payments(
        entity, header=changed(HEADER, "BPR*I", "BPR*I*459.5*C*NON************20260130")
    )
    row = paid(reader, content)[1]
    start, end = row.pop("byte_start"), row.pop("byte_end")
    shown = content.text().encode()[start:end].decode()
    assert shown == "RMR*ZZ*CSR**99.5*100~REF*ZZ*INFORPT~DTM*582****RD8*20260101-20260131"
    assert row == {
        "interchange_control_number": "000000001",
        "group_control_number": "1",
        "transaction_set_control_number": "0001",
        "set_ordinal": 1,
        "entity_ordinal": 1,
        "payment_ordinal": 2,
        "assigned_number": "1",
        "last_name": "ALDER",
        "first_name": "ROBIN",
        "exchange_subscriber_id": "0000777222",
        "exchange_policy_id": "4567001",
        "plan_id": "12345TX0010001",
        "issuer_policy_id": "ISSUER4567",
        "issuer_subscriber_id": "SUB123",
        "employer_group_id": "GROUP1",
        "issuer_plan_id": "OWN-PLAN",
        "reference_qualifier": "ZZ",
        "payment_type": "CSR",
        "amount": Decimal("99.50"),
        "billed_amount": Decimal(100),
        "report_type": "INFORPT",
        "period_begin": date(2026, 1, 1),
        "period_end": date(2026, 1, 31),
        "adjustment_reason": None,
        "adjustment_amount": None,
    }


def test_adjustments_of_a_payment_are_added_up(reader):
    """The first reason stands for all; payments without an ADX have none."""
    entity = changed(POLICY, "RMR*ZZ*CSR", "RMR*ZZ*CSR**100")
    place = entity.index("RMR*ZZ*UF**-40")
    entity = (*entity[:place], "ADX*-10*52", "ADX*-5.25*53", *entity[place:])
    rows = paid(reader, payments(entity))
    assert [(row["adjustment_amount"], row["adjustment_reason"]) for row in rows] == [
        (None, None),
        (Decimal("-15.25"), "52"),
        (None, None),
    ]


def test_a_payment_of_no_policy_has_no_ids(reader):
    """A BAL row stands in a loop 2000 without NM1, and takes nothing from the policy before it."""
    program = ("ENT*2", "RMR*ZZ*BAL**-5", "DTM*582****RD8*20260101-20260131")
    row = paid(reader, payments(POLICY, program))[3]
    assert (row["payment_type"], row["entity_ordinal"], row["assigned_number"]) == ("BAL", 2, "2")
    assert row["exchange_policy_id"] is row["exchange_subscriber_id"] is None


def test_ids_of_other_qualifiers_are_no_others(reader):
    """Policies that differ only in the qualifier of a REF are not read by one exemplar."""
    one = changed(POLICY, "REF*0F", "REF*1L*GROUP1")
    other = changed(POLICY, "REF*0F", "REF*TV*GROUP1")
    rows = paid(reader, payments(one, other))
    assert [(row["employer_group_id"], row["issuer_plan_id"]) for row in rows] == [
        *[("GROUP1", None)] * 3,
        *[(None, "GROUP1")] * 3,
    ]


def test_nothing_depends_on_where_a_file_is_cut(reader):
    """Stretches of a few hundred bytes give the same rows, and the same total."""
    content = payments(*[changed(POLICY, "ENT", f"ENT*{number}") for number in range(1, 30)])
    whole = paid(reader, content)
    assert len(whole) == 87
    assert paid(reader, content, stretch_bytes=300) == whole
    limits = replace(load_limits(), stretch_bytes=300)
    assert reader.rules(content, Terms(limits=limits)) == ["payment-total-differs"]


@pytest.mark.skipif(not SAMPLES, reason="no samples beside the project")
@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_what_others_publish_is_read_without_a_refusal(reader, path):
    """All of it has its place in the guide, and it balances."""
    checked, tables = reader.check(path.read_bytes())
    assert checked.verdict.file_verdict == "accepted"
    assert tables["segments"]["loop_id"].null_count == 0
    total = tables["remittances"]["total_amount"].to_pylist()
    assert total == [sum(row["amount"] for row in tables["premium_payments"].to_pylist())]
