"""Georgia's discrepancy file: whatever can be read in one way only is read, nothing is lost."""

import gzip
import lzma

import pytest

from parsers.discrepancies import read_discrepancies
from pipeline.month_answers import unpacked
from reconciliation.monthly import actions_of, balance_of
from schemas import monthly_tables
from schemas.monthly_answers import load_discrepancy

LAYOUT = load_discrepancy()
HEADER = ",".join(name.upper() for name in LAYOUT.names)
TOLD = {
    "exchange_policy_id": "700001", "plan_id": "91004GA0010001", "member_last_name": "SAMPLE",
    "member_first_name": "ANN", "exchange_member_id": "1000000001", "issuer_member_id": "M1",
    "subscriber_last_name": "SAMPLE", "subscriber_first_name": "ANN",
    "exchange_subscriber_id": "1000000001", "issuer_subscriber_id": "S1",
    "reason_code": "2100C_AA", "reason": "Mailing address differs",
    "exchange_value": "1 SAMPLE STREET", "issuer_value": "2 SAMPLE STREET",
    "found_on": "2027-01-20", "recon_file": "from_91004_INDV_MONTHLYRECON_2027_20270115.IN",
    "autofixed": "N", "assignee": "ISSUER", "enrollment_status": "CONFIRM",
}  # fmt: skip


def line(**changes):
    """A line of the file."""
    return ",".join((TOLD | changes).values())


def read(*lines, header=HEADER):
    """The answer that the lines are."""
    return read_discrepancies("\n".join([header, *lines, ""]).encode(), LAYOUT)


def rules(answered):
    """Rule and line of each issue."""
    return [(row["rule"], row["line"]) for row in answered.issues.to_pylist()]


def values(answered):
    """What the fields say."""
    names = ("field", "exchange_value", "issuer_value", "flag")
    return [tuple(row[name] for name in names) for row in answered.fields.to_pylist()]


def test_each_line_is_a_record_of_one_field():
    """In the same tables as an RCNO."""
    answered = read(line(), line(exchange_policy_id="700002", autofixed="Y"))

    assert rules(answered) == []
    assert answered.records.schema.equals(monthly_tables.RCNO_RECORDS)
    assert answered.fields.schema.equals(monthly_tables.RCNO_FIELDS)
    assert answered.records["exchange_policy_id"].to_pylist() == ["700001", "700002"]
    assert values(answered) == [
        ("mailing_address", "1 SAMPLE STREET", "2 SAMPLE STREET", "differs"),
        ("mailing_address", "1 SAMPLE STREET", "2 SAMPLE STREET", "autofixed"),
    ]
    first = answered.records.to_pylist()[0]
    content = f"{HEADER}\n{line()}\n".encode()
    assert content[first["byte_start"] : first["byte_end"]].decode() == line()


HOSTILE = {
    "a quoted comma": (line(reason='"Mailing address, differs"'), None),
    "a comma in a text between codes": (line(assignee="DOE, JOE"), "month-line-mended"),
    "a quote that is not closed": (line(assignee='"ISSUER'), "month-line-mended"),
    "a quote inside a text": (line(member_last_name='SAM"PLE'), None),
    "a field over two lines": (line(assignee='"ISS\nUER"'), None),
    "a text over two lines without quotes": (line(assignee="ISS\nUER"), "month-line-mended"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_can_be_cut_in_one_way_only_is_read(name):
    """Quotes that are true are CSV; others are mended, and that is told."""
    text, rule = HOSTILE[name]

    answered = read(line(exchange_policy_id="1"), text, line(exchange_policy_id="3"))

    assert answered.records["fate"].to_pylist() == ["differing"] * 3
    assert answered.records["exchange_policy_id"].to_pylist() == ["1", "700001", "3"]
    assert rules(answered) == ([(rule, 3)] if rule else [])
    assert {told[:3] for told in values(answered)} == {
        ("mailing_address", "1 SAMPLE STREET", "2 SAMPLE STREET")
    }


SET_ASIDE = {
    "a comma between two names": line(member_last_name="SAMPLE, JR"),
    "a comma between values": line(exchange_value="1 SAMPLE STREET, APT 5"),
    "a column too few": line().replace(",CONFIRM", ""),
    "a column too many": line() + ",more,and more",
    "columns that have moved": line(exchange_member_id="SAMPLE", member_first_name="1000000001"),
}


@pytest.mark.parametrize("name", SET_ASIDE)
def test_what_could_be_cut_in_two_ways_or_none_is_set_aside(name):
    """It stays a record, so that what came in is what is accounted for; a person looks at it."""
    answered = read(line(exchange_policy_id="1"), SET_ASIDE[name], line(exchange_policy_id="3"))

    assert ("month-line-unreadable", 3) in rules(answered)
    assert answered.records["flag"].to_pylist() == ["differs", "unreadable", "differs"]
    balance = balance_of(answered.records)
    assert balance.rows == {"matched": 0, "differing": 2, "unmatched": 1}
    actions = actions_of(answered.records, answered.fields, LAYOUT.id, [])
    assert actions["action"].to_pylist() == ["correct", "look", "correct"]
    assert actions["line"].to_pylist() == [2, 3, 4]


def test_a_line_that_says_the_same_again_counts_once():
    """The same discrepancy twice is one."""
    answered = read(line(), line(exchange_policy_id="2"), line())

    assert answered.records.num_rows == 2
    assert rules(answered) == [("month-same-again", 4)]


def test_a_reason_that_nobody_knows_is_looked_at():
    """Its code stands for the field."""
    answered = read(line(reason_code="2300_DTP_348"))

    assert rules(answered) == [("month-unknown-reason", 2)]
    actions = actions_of(answered.records, answered.fields, LAYOUT.id, [])
    assert actions.select(["field", "rule", "action"]).to_pylist() == [
        {"field": "2300_DTP_348", "rule": "reason-unknown", "action": "look"}
    ]


def test_what_the_exchange_has_fixed_is_ignored_with_its_reason():
    """Nobody has to do anything."""
    answered = read(line(autofixed="Yes"))

    actions = actions_of(answered.records, answered.fields, LAYOUT.id, [])

    assert actions.select(["rule", "action"]).to_pylist() == [
        {"rule": "exchange-fixed-it", "action": "ignore"}
    ]


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"", "month-empty"),
        (line().encode(), "month-no-header"),
        (b"a,b,c\n" + line().encode(), "month-no-header"),
        (f"{HEADER}\n{line(member_first_name='ANN')}".encode().replace(b"ANN", b"\xc0NN"),
         "month-not-utf-8"),
    ],
)  # fmt: skip
def test_what_is_no_discrepancy_file_is_refused(content, rule):
    """With the line where that is seen."""
    answered = read_discrepancies(content, LAYOUT)

    assert answered.is_refused
    assert [found for found, _ in rules(answered)] == [rule]
    assert answered.records.num_rows == 0


def test_a_packed_copy_is_the_same_file():
    """Copies come plain, as gzip and as xz; one that is damaged or too large is none."""
    content = f"{HEADER}\n{line()}\n".encode()

    assert unpacked(content, 10_000) == content
    assert unpacked(gzip.compress(content), 10_000) == content
    assert unpacked(lzma.compress(content), 10_000) == content
    for packed in (gzip.compress(content)[:-9], gzip.compress(b"0" * 20_000), b"\x1f\x8bnothing"):
        assert unpacked(packed, 10_000) is None
