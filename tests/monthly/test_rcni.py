"""What we tell the exchange each month, field by field, and that nothing of it is lost."""

from datetime import date, datetime

import pyarrow as pa
import pytest

from enrollment.monthly_rows import rcni_rows
from pipeline.rcni_proof import prove_rcni
from replies.rcni import RcniHead, write_rcni
from schemas import monthly_tables
from schemas.errors import Terminal
from tests.enrollment.conftest import NEW_YEAR, PARTNER

EXTRACTED = datetime.fromisoformat("2027-01-15T18:00:00-05:00")
JUNE = date(2027, 6, 1)


@pytest.fixture
def written(carrier, partner, layout):
    """The rows, and the lines of the RCNI of 2027 as lists of fields, once all is applied."""

    def of():
        carrier.applies()
        rows = rcni_rows(carrier.conn, PARTNER, 2027, carrier.as_of, carrier.as_of.date())
        assert rows.schema.equals(monthly_tables.RCNI_ROWS)
        content = write_rcni(rows, RcniHead(partner, 2027, EXTRACTED), layout)
        prove_rcni(content, rows, layout)
        return rows, [line.split("|") for line in content.decode("ascii").splitlines()]

    return of


def test_a_record_holds_each_field_where_the_exchange_reads_it(carrier, say, written):
    """Sixty-three fields, by the positions of the source of the layout."""
    ids = {"issuer_subscriber_id": "IS1", "issuer_member_id": "IM1", "ssn": "900100001"}
    more = {"tobacco_code": "N", "state": "TX", "postal_code": "787010000", "county_code": "48453"}
    carrier.receives(say.enrollment("1001", "S1", "D1", phone="5125550101", **ids, **more))

    _, lines = written()

    assert [len(line) for line in lines] == [63, 63, 13]
    subscriber, dependent, _ = lines
    assert subscriber[:8] == [
        "01", "001234567T", " " * 10, "TX0", "91001", "91001TX001", "20270115", "180000",
    ]  # fmt: skip
    assert subscriber[8:16] == ["PERSON S1", "", "SAMPLE", "19900517", "F", "900100001", "Y", "18"]
    assert subscriber[16:22] == ["S1", "S1", "IS1", "IM1", "1001", ""]
    assert subscriber[22:27] == ["1 SAMPLE STREET", "APT 5", "AUSTIN", "TX", "787010000"]
    assert subscriber[27:32] == [""] * 5
    assert subscriber[32:39] == [
        "48453", "", "5125550101", "2", "91001TX001000101", "20270101", "",
    ]  # fmt: skip
    assert subscriber[39:42] == ["100.00", "20270101", ""]
    assert subscriber[42:45] == ["", "", ""]
    assert subscriber[45:51] == ["300.00", "20270101", "", "300.00", "20270101", ""]
    assert subscriber[51:55] == ["N", "1", "2027", ""]
    assert subscriber[55:] == [""] * 8
    assert (dependent[14], dependent[15], dependent[17]) == ("N", "19", "D1")
    assert dependent[39:48] == [""] * 9, "amounts of the policy stand on the subscriber's record"


def test_the_total_tells_the_records_and_their_dollars(carrier, say, written):
    """Counts and sums of the records before it."""
    carrier.receives(say.enrollment("1001", "S1", "D1"))
    carrier.receives(say.enrollment("1002", "S2", premium="250.50", aptc="0.00"))

    _, lines = written()

    assert lines[-1][0] == "02"
    assert lines[-1][8:] == ["3", "2", "1", "550.50", "100.00"]


def test_each_segment_of_the_year_is_a_record_of_its_own(carrier, say, written):
    """The exchange finds a segment by the day on which it begins."""
    carrier.receives(say.enrollment("1001", "S1"))
    carrier.receives(say.change("1001", "S1", amounts=[("APTC AMT", "150.00", JUNE)]))
    carrier.receives(say.enrollment("1002", "S2", begin=date(2026, 12, 1)))

    rows, lines = written()

    assert rows["exchange_policy_id"].to_pylist() == ["1001", "1001"]
    assert [line[37:41] for line in lines[:2]] == [
        ["20270101", "20270531", "100.00", "20270101"],
        ["20270601", "", "150.00", "20270601"],
    ]
    assert [line[52] for line in lines[:2]] == ["1", "2"]


@pytest.mark.parametrize(
    ("after", "status"),
    [((), "N"), (("effectuates",), "Y"), (("cancels",), "C"), (("ends",), "N")],
)
def test_a_record_says_whether_the_first_premium_was_paid(carrier, say, written, after, status):
    """Paid is what was effectuated; a cancelled policy says so, whatever was before."""
    carrier.receives(say.enrollment("1001", "S1"))
    carrier.applies()
    if "effectuates" in after:
        carrier.decides([("1001", "200.00")])
        carrier.sends_effectuations()
    if "cancels" in after:
        carrier.receives(say.cancellation("1001", "S1"))
    if "ends" in after:
        carrier.receives(say.termination("1001", "S1", date(2027, 3, 31)))

    _, lines = written()

    assert lines[0][51] == status
    assert lines[0][54] == ("20270131" if status == "Y" else "")
    assert lines[0][38] == {"C": "20270101", "N": "20270331" if after else ""}.get(status, "")


def test_what_would_part_fields_or_lines_becomes_a_blank(carrier, say, written):
    """As in an 834: nobody's name moves another field, and all is ASCII."""
    carrier.receives(
        say.enrollment("1001", "S1", last_name="O|NEIL\nPEÑA", city="MU\u00dfTOWN", begin=NEW_YEAR)
    )

    _, lines = written()

    assert lines[0][10] == "O NEIL PENA"
    assert lines[0][24] == "MUssTOWN"


def test_an_empty_book_is_a_total_of_nothing(written):
    """A month without anybody is told, too."""
    _, lines = written()

    assert [line[0] for line in lines] == ["02"]
    assert lines[0][8:] == ["0", "0", "0", "0.00", "0.00"]


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (lambda c: c.replace(b"|300.00|", b"|300.01|", 1), "premium_total"),
        (lambda c: c.replace(b"|19900517|", b"|19900518|", 1), "birth_date"),
        (lambda c: c.replace(b"|SAMPLE|", b"|SIMPLE|", 1), "last_name"),
        (lambda c: c.split(b"\n", 1)[1], "records"),
        (lambda c: c.replace(b"|100.00\n", b"|99.00\n"), "aptc_total"),
        (lambda c: c.rsplit(b"02|", 1)[0], "end with its one total"),
        (lambda c: c.replace(b"|SAMPLE|", b"|SAM|PLE|", 1), "fields"),
    ],
)
def test_a_file_that_says_anything_else_than_the_book_is_not_sent(
    carrier, say, partner, layout, damage, found
):
    """Each value, each row and each dollar is read back before the file may leave."""
    carrier.receives(say.enrollment("1001", "S1", "D1"))
    carrier.applies()
    rows = rcni_rows(carrier.conn, PARTNER, 2027, carrier.as_of, carrier.as_of.date())
    content = write_rcni(rows, RcniHead(partner, 2027, EXTRACTED), layout)

    with pytest.raises(Terminal, match=found):
        prove_rcni(damage(content), rows, layout)


def test_two_records_of_one_key_are_not_sent(carrier, say, partner, layout):
    """The exchange could find its own record of neither."""
    carrier.receives(say.enrollment("1001", "S1"))
    carrier.applies()
    rows = rcni_rows(carrier.conn, PARTNER, 2027, carrier.as_of, carrier.as_of.date())
    doubled = pa.concat_tables([rows, rows])

    with pytest.raises(Terminal, match="have the key of another"):
        prove_rcni(write_rcni(doubled, RcniHead(partner, 2027, EXTRACTED), layout), doubled, layout)


def test_the_name_is_the_exchanges_pattern_with_the_last_digit_of_the_year(partner, month):
    """Files of two coverage years come side by side."""
    made_at = datetime.fromisoformat("2027-01-15T23:00:00.125+00:00")

    name = month.name_for(partner, 2027, made_at)

    assert name == "001234567T.DSH.RCNI7.D270115.T180000125.P"
