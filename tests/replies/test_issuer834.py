"""Effectuation 834s, to the letter of CMS guide 7.2, table 18."""

from datetime import date

import pytest

from replies.issuer834 import count_groups, count_sets, write_issuer_transactions
from replies.x12_writer import ControlNumbers
from schemas import tables
from schemas.errors import Terminal

ISA = "ISA*00*          *00*          *ZZ*001234567T     *ZZ*CMSFFM         *260101*2330*^*00501*"


def written(rows, envelope):
    numbers = ControlNumbers(range(21, 21 + count_groups(rows)), range(501, 501 + count_sets(rows)))
    return write_issuer_transactions(rows, envelope, numbers)


def child(member, policy, number, **changes):
    changes = {"is_subscriber": False, "relationship_code": "19", "first_name": "ROWAN", **changes}
    return member(policy, number, last_premium_paid=None, **changes)


def test_a_family_is_effectuated_to_the_letter(
    member, transactions, envelope, segments, complaints_of_pyx12
):
    """Every segment of table 18 stands in the guide's order with the values to be echoed."""
    counts = {"total_count": 2, "dependent_count": 1}
    rows = transactions(
        member("8801", "0001000001", **counts), child(member, "8801", "0001000002", **counts)
    )
    content = written(rows, envelope(7))
    assert segments(content) == [
        ISA + "000000007*1*P*:",
        "GS*BE*91001TX0010001*TX0*20260101*2330*21*X*005010X220A1",
        "ST*834*000000501*005010X220A1",
        "BGN*00*10001*20260101*233015****2",
        "QTY*TO*2",
        "QTY*DT*1",
        "N1*P5*AVERY LOCKHART*94*0001000001",
        "N1*IN*CEDAR VALLEY HEALTH PLAN*FI*001234567",
        "INS*Y*18*021*28*A***AC",
        "REF*0F*0001000001",
        "REF*17*0001000001",
        "REF*23*M0001000001",
        "REF*ZZ*S77",
        "DTP*356*D8*20260101",
        "NM1*IL*1*LOCKHART*AVERY",
        "DMG*D8*19840309*F",
        "HD*021**HLT",
        "DTP*348*D8*20260101",
        "DTP*543*D8*20260131",
        "REF*CE*91001TX001000101",
        "REF*1L*8801",
        "REF*X9*CV8801",
        "LS*2700",
        "LX*1",
        "N1*75*REQUEST SUBMIT TIMESTAMP",
        "REF*17*2026010123301525",
        "LX*2",
        "N1*75*ADDL MAINT REASON",
        "REF*17*CONFIRM",
        "LE*2700",
        "INS*N*19*021*28*A",
        "REF*0F*0001000001",
        "REF*17*0001000002",
        "REF*23*M0001000002",
        "REF*ZZ*S77",
        "DTP*356*D8*20260101",
        "NM1*IL*1*LOCKHART*ROWAN",
        "DMG*D8*19840309*F",
        "HD*021**HLT",
        "DTP*348*D8*20260101",
        "REF*CE*91001TX001000101",
        "REF*1L*8801",
        "REF*X9*CV8801",
        "LS*2700",
        "LX*1",
        "N1*75*REQUEST SUBMIT TIMESTAMP",
        "REF*17*2026010123301525",
        "LX*2",
        "N1*75*ADDL MAINT REASON",
        "REF*17*CONFIRM",
        "LE*2700",
        "SE*50*000000501",
        "GE*1*21",
        "IEA*1*000000007",
    ]
    assert complaints_of_pyx12(content) == ""


def test_policies_of_one_plan_share_a_functional_group(
    member, transactions, envelope, segments, complaints_of_pyx12
):
    """Groups follow the first appearance of their plan and keep the policies' order."""
    silver, bronze = "91001TX001000104", "91001TX001000201"
    rows = transactions(
        member("1", "11", plan_id=silver),
        member("2", "21", plan_id=bronze, total_count=2, dependent_count=1),
        child(member, "2", "22", plan_id=bronze),
        member("3", "31", plan_id="91001TX001000101"),
    )
    assert (count_groups(rows), count_sets(rows)) == (2, 3)
    content = written(rows, envelope())
    kept = [s for s in segments(content) if s[:3] in ("GS*", "ST*", "SE*", "GE*") or "*1L*" in s]
    assert kept == [
        "GS*BE*91001TX0010001*TX0*20260101*2330*21*X*005010X220A1",
        "ST*834*000000501*005010X220A1",
        "REF*1L*1",
        "SE*28*000000501",
        "ST*834*000000502*005010X220A1",
        "REF*1L*3",
        "SE*28*000000502",
        "GE*2*21",
        "GS*BE*91001TX0010002*TX0*20260101*2330*22*X*005010X220A1",
        "ST*834*000000503*005010X220A1",
        "REF*1L*2",
        "REF*1L*2",
        "SE*50*000000503",
        "GE*1*22",
    ]
    assert complaints_of_pyx12(content) == ""


def test_what_is_not_known_is_left_out(
    member, transactions, envelope, segments, complaints_of_pyx12
):
    """Optional ids, middle name, birth date and gender leave no empty segment behind."""
    unknown = (
        "issuer_policy_id", "issuer_member_id", "issuer_subscriber_id", "birth_date", "gender_code",
    )  # fmt: skip
    rows = transactions(member("1", "11", name_suffix="JR", **dict.fromkeys(unknown)))
    content = written(rows, envelope())
    found = segments(content)
    assert "NM1*IL*1*LOCKHART*AVERY***JR" in found
    assert not [s for s in found if s.startswith(("REF*23", "REF*ZZ", "REF*X9", "DMG", "QTY*DT"))]
    assert complaints_of_pyx12(content) == ""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("exchange_policy_id", None),
        ("reference", " "),
        ("benefit_begin", None),
        ("last_premium_paid", None),
        ("sponsor_id", ""),
        ("plan_id", "91001TX001"),
    ],
)
def test_an_incomplete_effectuation_is_refused_by_row_and_column(
    member, transactions, envelope, name, value
):
    """A row without a value that table 18 requires stops the file and is named."""
    rows = transactions(member("1", "11"), member("2", "21", **{name: value}))
    with pytest.raises(Terminal, match=rf"Row 2 \(policy .*\) has no {name}"):
        write_issuer_transactions(rows, envelope(), ControlNumbers([1], [1, 2]))


def test_rows_out_of_order_are_refused(member, transactions):
    """A policy in two places, or led by a dependent, would become two sets or a wrong one."""
    apart = transactions(member("1", "11"), member("2", "21"), child(member, "1", "12"))
    with pytest.raises(Terminal, match="not adjacent"):
        count_sets(apart)
    led_by_child = transactions(child(member, "1", "12"), member("1", "11"))
    with pytest.raises(Terminal, match="begin with its subscriber"):
        count_sets(led_by_child)


def test_control_numbers_must_match_the_counts(member, transactions, envelope):
    """Too few or too many control numbers are refused."""
    with pytest.raises(Terminal, match="1 group and 1 set control numbers are needed"):
        write_issuer_transactions(
            transactions(member("1", "11")), envelope(), ControlNumbers([1], [])
        )


def test_nothing_to_effectuate_is_no_file(transactions, envelope):
    """Without rows there are no groups, no sets and no bytes."""
    rows = transactions()
    assert (count_groups(rows), count_sets(rows)) == (0, 0)
    assert write_issuer_transactions(rows, envelope(), ControlNumbers([], [])) == b""


def test_names_cannot_break_the_file(member, transactions, envelope, complaints_of_pyx12):
    """Delimiters, control characters and foreign letters in a name leave a valid ASCII file."""
    rows = transactions(
        member("1", "11", last_name="O'BRIEN~SE*1", first_name="JOSÉ^\n", middle_name="Łukasz:")
    )
    content = written(rows, envelope())
    assert b"NM1*IL*1*O'BRIEN SE 1*JOSE*Lukasz~" in content
    assert complaints_of_pyx12(content) == ""


def test_a_thousand_policies_are_numbered_without_gaps(member, transactions, envelope, segments):
    """Every set has its own control number and its own trailer."""
    plans = ["91001TX001000101", "91001TX001000201", "91001TX090000101"]
    rows = transactions(*(member(str(i), f"{i}1", plan_id=plans[i % 3]) for i in range(1000)))
    found = segments(written(rows, envelope()))
    opened = [s.split("*")[2] for s in found if s.startswith("ST*")]
    closed = [s.split("*")[2] for s in found if s.startswith("SE*")]
    assert opened == closed == [f"{n:09d}" for n in range(501, 1501)]
    assert [s for s in found if s.startswith("GE*")] == ["GE*334*21", "GE*333*22", "GE*333*23"]


@pytest.mark.fault("F18")
def test_creation_follows_the_exchange_clock(member, transactions, envelope):
    """The last premium paid date is a fact of the payment, the header's date of the clock."""
    rows = transactions(member("1", "11", last_premium_paid=date(2025, 12, 31)))
    content = written(rows, envelope())
    assert b"DTP*543*D8*20251231~" in content
    assert b"*20260101*2330*" in content


def test_the_columns_are_those_declared(transactions, member):
    """The builder of this test uses the table that the pipeline fills."""
    assert transactions(member("1", "11")).schema.equals(tables.ISSUER_TRANSACTIONS)
