"""What the exchange answers each month: read as a table, or refused with line and field."""

from decimal import Decimal

import pytest

from parsers.rcno import read_rcno
from reconciliation.monthly import actions_of, balance_of, differences_of
from schemas import monthly_tables, tables
from schemas.monthly_answers import load_rcno
from tests.monthly.answers import answer, record

LAYOUT = load_rcno()
DOLLARS = [one.name for one in LAYOUT.triplets.fields if one.dollars]


@pytest.fixture
def read(partner):
    """The answer of some records, which must be taken."""

    def of(*records, **more):
        answered = read_rcno(answer(*records, **more), LAYOUT, partner)
        assert not answered.is_refused, answered.issues.to_pylist()
        return answered

    return of


@pytest.fixture
def follows(read):
    """What follows of each: (field, rule, action, dollars)."""

    def of(*records):
        answered = read(*records)
        rows = actions_of(answered.records, answered.fields, "rcno", DOLLARS)
        assert rows.schema.equals(monthly_tables.MONTHLY_ACTIONS)
        names = ("field", "rule", "action", "dollars")
        return [tuple(row[name] for name in names) for row in rows.to_pylist()]

    return of


def test_a_record_is_a_row_and_each_compared_field_one(read):
    """Values of both sides and the flag, with the bytes of the record in the file."""
    records = [record(1), record(2, "N", aptc=("120.00", "100.00", "I"))]

    answered = read(*records)

    assert answered.issues.num_rows == 0
    assert answered.records.schema.equals(monthly_tables.RCNO_RECORDS)
    assert answered.records["trace_number"].to_pylist() == ["1", "2"]
    second = answered.records.to_pylist()[1]
    assert (second["flag"], second["fate"], second["report_month"]) == ("N", "differing", "202701")
    assert second["exchange_aptc"] == Decimal("120.00")
    content = answer(*records)
    assert content[second["byte_start"] : second["byte_end"]].decode() == "|".join(records[1])
    told = [row for row in answered.fields.to_pylist() if row["record_ordinal"] == 2]
    assert len(told) == 55
    assert {
        "record_ordinal": 2, "field": "aptc", "position": 100,
        "exchange_value": "120.00", "issuer_value": "100.00", "flag": "I",
    } in told  # fmt: skip


def test_what_comes_in_is_matched_differing_or_unmatched(read):
    """In records and in dollars, on both sides."""
    answered = read(
        record(1),
        record(2, "N", aptc=("120.00", "100.00", "I")),
        record(3, "R", premium_total=("", "300.00", "D"), aptc=("", "100.00", "D")),
        record(None, "G", premium_total=("90.00", "", "D"), aptc=("0.00", "", "D")),
    )

    balance = balance_of(answered.records)

    assert balance.rows == {"matched": 1, "differing": 1, "unmatched": 2}
    assert balance.records == 4
    assert balance.dollars["differing"] == tuple(map(Decimal, ("300", "300", "120", "100")))
    assert balance.dollars["unmatched"] == tuple(map(Decimal, ("90", "300", "0", "100")))
    assert balance.totals == tuple(map(Decimal, ("690", "900", "220", "300")))


FLAGS = {
    "equal": ("M", {}, []),
    "money": (
        "N",
        {"aptc": ("120.00", "100.00", "I")},
        [("aptc", "money-and-coverage", "dispute", 20)],
    ),
    "a person": (
        "N",
        {"last_name": ("A", "B", "I")},
        [("last_name", "take-the-exchanges-value", "correct", 0)],
    ),
    "no id there": (
        "N",
        {"issuer_member_id": ("", "I", "F")},
        [("issuer_member_id", "exchange-takes-ours", "ignore", 0)],
    ),
    "no id here": (
        "N",
        {"issuer_member_id": ("I", "", "K")},
        [("issuer_member_id", "our-id-missing", "correct", 0)],
    ),
    "paid": (
        "N",
        {"paid_status": ("N", "Y", "G")},
        [("paid_status", "exchange-takes-ours", "ignore", 0)],
    ),
    "no segment": ("N", {}, [(None, "segment-not-at-exchange", "dispute", 300)]),
    "not there": ("R", {}, [(None, "not-at-exchange", "dispute", 300)]),
    "not here": ("G", {}, [(None, "not-in-our-file", "correct", 300)]),
    "no key": ("U", {}, [(None, "keys-missing", "correct", 300)]),
    "unknown": ("J", {}, [(None, "record-flag-unknown", "look", 300)]),
    "unknown of a field": (
        "N",
        {"last_name": ("A", "B", "L")},
        [("last_name", "field-flag-unknown", "look", 0)],
    ),
}


@pytest.mark.parametrize("name", FLAGS)
def test_each_flag_becomes_an_action(follows, name):
    """Correct ours, dispute theirs, ignore with a reason; a person looks at what nobody knows."""
    flag, fields, expected = FLAGS[name]
    trace = None if flag == "G" else 1

    assert follows(record(trace, flag, **fields)) == expected


def test_of_a_record_that_was_not_found_no_field_counts(follows):
    """One action, and not one for each field that could not be compared."""
    told = record(1, "R", last_name=("", "B", "I"), aptc=("", "100.00", "I"))

    assert follows(told) == [(None, "not-at-exchange", "dispute", 300)]


def test_a_flag_that_nobody_knows_is_loud(read):
    """It is taken, a warning says where, and its record is not matched."""
    answered = read(record(1, "J", last_name=("A", "B", "L")))

    assert [(row["rule"], row["line"], row["position"]) for row in answered.issues.to_pylist()] == [
        ("month-field-flag", 1, 15),
        ("month-record-flag", 1, 139),
    ]
    assert answered.records["fate"].to_pylist() == ["differing"]


def test_differences_have_the_shape_of_every_other_reconciliation(read):
    """Ours is the book's value; of two segments it is the last one, and what is ignored is none."""
    answered = read(
        record(1, "N", aptc=("110.00", "100.00", "I")),
        record(2, "N", aptc=("120.00", "100.00", "I"), issuer_policy_id=("A", "B", "G")),
        record(3, "R"),
        record(None, "G"),
    )
    rows = actions_of(answered.records, answered.fields, "rcno", DOLLARS)

    found = differences_of(rows, 2027)

    assert found.schema.equals(tables.FOUND_DIFFERENCES)
    names = ("kind", "field", "book_value", "carrier_value")
    told = [tuple(row[name] for name in names) for row in found.to_pylist()]
    assert told == [
        ("differs", "aptc", "100.00", "120.00"),
        ("missing_at_carrier", None, None, None),
        ("missing_in_book", None, None, None),
    ]
    assert found["rule"].to_pylist() == ["money-and-coverage", "not-at-exchange", "not-in-our-file"]
    assert set(found["period"].to_pylist()) == {"2027"}
    assert found["aptc_difference"].to_pylist() == [Decimal("20.00"), None, None]
    assert found["premium_difference"].to_pylist() == [None, Decimal(-300), Decimal(300)]


def test_fields_that_no_source_confirms_may_be_missing(read):
    """The file is taken, and says that they are."""
    answered = read(record(1, width=148))

    assert answered.issues["rule"].to_pylist() == ["month-shorter"]
    assert answered.records["segment_id"].to_pylist() == [None]


DAMAGED = {
    "nothing in it": (lambda c: b"\n \n", "month-empty", None, None),
    "cut off": (lambda c: c[: c.rindex(b"02|")], "month-no-total", 2, None),
    "two joined": (lambda c: c + c, "month-no-total", 6, None),
    "a record missing": (lambda c: c[c.index(b"\n") + 1 :], "month-count", 2, 7),
    "a delimiter in a name": (lambda c: c.replace(b"|KIM|", b"|K|M|", 1), "month-width", 2, None),
    "another code page": (lambda c: c.replace(b"|KIM|", b"|K\xccM|"), "month-not-utf-8", 2, 13),
    "no code": (lambda c: c.replace(b"01|", b"03|", 1), "month-record-code", 1, 0),
    "somebody else's": (
        lambda c: c.replace(b"|91001|", b"|91009|", 1),
        "month-somebody-elses",
        1,
        4,
    ),
    "an amount that is none": (
        lambda c: c.replace(b"|120.00|", b"|12O.00|"),
        "month-amount",
        2,
        100,
    ),
    "a date that is none": (lambda c: c.replace(b"|19900517|", b"|19901517|"), "month-date", 2, 16),
    "a doubled record": (lambda c: c.replace(b"|2|2027|", b"|1|2027|"), "month-twice", 2, None),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_is_refused_with_line_and_field(partner, name):
    """Nothing of it is taken."""
    damage, rule, line, position = DAMAGED[name]
    told = {"last_name": ("KIM", "LEE", "I"), "birth_date": ("19900517", "19900517", "M")}
    content = answer(record(1), record(2, "N", aptc=("120.00", "100.00", "I"), **told))

    answered = read_rcno(damage(content), LAYOUT, partner)

    found = [(row["rule"], row["line"], row["position"]) for row in answered.issues.to_pylist()]
    assert (rule, line, position) in found
    assert answered.is_refused
    assert (answered.records.num_rows, answered.fields.num_rows) == (0, 0)


def test_line_breaks_of_another_system_and_a_mark_at_the_begin_are_nothing(partner):
    """CR LF and a byte order mark part no fields."""
    content = answer(record(1))

    answered = read_rcno(b"\xef\xbb\xbf" + content.replace(b"\n", b"\r\n"), LAYOUT, partner)

    assert answered.issues.num_rows == 0
    assert answered.records["trace_number"].to_pylist() == ["1"]


def test_dollars_of_the_total_that_nobody_confirms_are_a_warning(read):
    """Of what the exchange sums there, no source says."""
    answered = read(record(1), premium="299.00")

    assert [(row["rule"], row["severity"]) for row in answered.issues.to_pylist()] == [
        ("month-dollars", "warning")
    ]
