"""The exchange's pre-audit file: read as rows, or refused with line and field."""

from datetime import date
from decimal import Decimal

import pytest

from parsers.pre_audit import read_pre_audit
from schemas import monthly_tables
from schemas.pre_audit import load_pre_audit
from tests.monthly.pre_audits import audited, line

LAYOUT = load_pre_audit()
MANY = [line(f"S{n}", f"20{n:02d}") for n in range(10, 40)]


@pytest.fixture
def read(partner):
    """What the file of those lines says."""

    def of(*lines, content=None):
        return read_pre_audit(audited(*lines) if content is None else content, LAYOUT, partner)

    return of


def issues_of(found):
    """Rule, line and position of each issue."""
    return [(row["rule"], row["line"], row["position"]) for row in found.issues.to_pylist()]


def test_a_line_is_a_member_in_a_segment(read):
    """Dates, amounts and codes are ours; blank is null."""
    found = read(
        line(),
        line("D1", relationship="4:19", subscriber="N", exchange_subscriber_id="S1", gender="Male",
             aptc="", premium="", responsible="", tobacco="", end="20270630"),
    )  # fmt: skip

    assert found.issues.num_rows == 0
    assert found.rows.schema.equals(monthly_tables.PRE_AUDIT_ROWS)
    told, dependent = found.rows.to_pylist()
    names = ("line", "created_on", "created_at", "is_subscriber", "relationship_code")
    assert [told[name] for name in names] == [1, date(2027, 1, 15), "180000000", True, "18"]
    names = ("gender_code", "tobacco_code", "benefit_begin", "benefit_end", "premium_total")
    assert [told[name] for name in names] == ["F", "N", date(2027, 1, 1), None, Decimal("300.00")]
    assert [dependent[name] for name in names] == [
        "M", None, date(2027, 1, 1), date(2027, 6, 30), None,
    ]  # fmt: skip
    assert (dependent["relationship_code"], dependent["is_subscriber"]) == ("19", False)


def test_a_value_may_stand_in_quotes(read):
    """As CSV puts them around a value that holds one."""
    (row,) = read(line(last_name='"O""HARA"', first_name='"  AVERY "')).rows.to_pylist()
    assert (row["last_name"], row["first_name"]) == ('O"HARA', "AVERY")


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"", "month-empty"),
        (b"\n \n", "month-empty"),
        (audited(line(), line("S2", "1002"))[:-40], "pre-audit-cut"),
        (audited(line(last_name="\xff")).replace(b"\xc3", b""), "month-not-utf-8"),
        (audited(line(hios="99999")), "month-somebody-elses"),
        (audited(line(tenant="")), "month-somebody-elses"),
        (audited(line()[:60], line("S2", "1002")), "pre-audit-many-bad"),
    ],
)
def test_a_file_that_cannot_be_the_whole_one_is_refused_by_name(read, content, rule):
    """Nothing of it is taken."""
    found = read(content=content)
    assert found.is_refused
    assert rule in {name for name, _, _ in issues_of(found)}
    assert (found.rows.num_rows, len(found.not_compared)) == (0, 0)


def test_a_line_of_another_width_is_set_aside(read):
    """It is nobody's, but nothing of what may be its policy is taken."""
    moved = line("S1")
    moved.insert(30, "so much")
    for odd in (line("S1", width=103), moved):
        found = read(*MANY, line("D1", "1001", subscriber="N"), odd)
        assert issues_of(found) == [("pre-audit-width", len(MANY) + 2, None)]
        assert found.rows.num_rows == len(MANY)
        assert "1001" in found.not_compared.to_pylist()
        assert not found.is_refused


@pytest.mark.parametrize(
    ("name", "position", "not_compared"),
    [
        ("exchange_policy_id", 67, []),
        ("exchange_member_id", 20, ["1001"]),
        ("begin", 62, ["1001"]),
    ],
)
def test_a_line_without_a_key_is_set_aside(read, name, position, not_compared):
    """Nobody knows of whom it speaks; of its policy, where it is told, half would remain."""
    found = read(*MANY, line(**{name: ""}))
    assert found.not_compared.to_pylist() == not_compared
    assert issues_of(found) == [("pre-audit-key", len(MANY) + 1, position)]
    assert found.rows.num_rows == len(MANY)


@pytest.mark.parametrize(
    ("name", "value", "position"),
    [
        ("begin", "2027-01-01", 62),
        ("end", "20270231", 63),
        ("end", "99999999", 63),
        ("premium", "300,00", 75),
        ("aptc", "1.234", 69),
        ("subscriber", "1", 17),
        ("birth_date", "840309", 35),
    ],
)
def test_of_a_policy_with_a_value_that_cannot_be_read_nothing_is_taken(read, name, value, position):
    """Half of a policy says wrong things."""
    whole = line("D1", "1001", subscriber="N")
    found = read(*MANY, whole, line("S1", "1001", **{name: value}))
    assert issues_of(found) == [("pre-audit-value", len(MANY) + 2, position)]
    assert "1001" not in found.rows["exchange_policy_id"].to_pylist()
    assert found.not_compared.to_pylist() == ["1001"]


def test_a_segment_that_is_told_twice_says_nothing_of_its_policy(read):
    """Nobody knows which of both holds."""
    found = read(*MANY, line(premium="300.00"), line(premium="400.00"))
    assert issues_of(found) == [("pre-audit-twice", len(MANY) + 2, None)]
    assert found.not_compared.to_pylist() == ["1001"]


def test_the_layout_marks_what_no_source_confirms():
    """Positions that the public code leaves empty, and the cost-sharing slot; none is keyed."""
    unsure = {field.name for field in LAYOUT.fields if not field.confirmed}
    assert "csr" in unsure
    assert LAYOUT.width == len(LAYOUT.fields) == 104
    assert not unsure & {"exchange_policy_id", "exchange_member_id", "benefit_begin"}
