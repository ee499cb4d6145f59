"""How often an element or a loop may stand, and what more than that costs."""

from tests.cases.enrollment import HEADER, enrollment
from tests.cases.examples import BASES, edited

RACE = ":RET:2106-3"


def told(reader, races):
    """Rules that the races of one member break, each with its component and repetition."""
    content = edited(BASES["member"], {"DMG": [f"DMG*D8*19800229*F**{'^'.join(races)}"]})
    verdict = reader.verdict(content)
    return [
        (row["rule"], row["element"], row["component"], row["repetition"])
        for row in verdict.issues.to_pylist()
    ]


def test_what_is_above_the_limit_is_one_fault(reader):
    """IK403 12 for the element, and the faults of the repetitions that may be there."""
    too_many = ("repetitions-too-many", 5, None, None)
    assert told(reader, [RACE] * 10) == []
    assert told(reader, [RACE] * 11) == [too_many]
    assert told(reader, [*[RACE] * 40_000, ":QQQ:1"]) == [too_many]
    wrong = told(reader, [RACE, ":QQQ:2106-3", *[":QQQ:1"] * 40_000])
    assert wrong[0] == too_many
    assert ("element-code-invalid", 5, 2, 2) in wrong
    assert len(wrong) < 30


def test_each_broker_has_one_account_of_its_own(reader):
    """1100C stands once in each 1000C, of which a transaction set may have two."""
    oak, elm = "N1*BO*OAK BROKERS*FI*900000001", "N1*TV*ELM BROKERS*FI*900000002"

    def rules(*brokers):
        return reader.rules(enrollment(header=(*HEADER, *brokers)).text().encode())

    assert rules(oak, "ACT*A1", elm, "ACT*A2") == []
    assert rules(oak, "ACT*A1", "ACT*A2", elm) == ["loop-repeated-too-often"]
    assert rules(oak, elm, "ACT*A1", "ACT*A2") == ["loop-repeated-too-often"]


def test_each_coverage_has_dates_of_its_own(reader):
    """A day contradicts an earlier one of the same loop only."""

    def rules(*segments):
        return reader.rules(edited(BASES["member"], {"DTP*348": segments}))

    begin, later, other = "DTP*348*D8*20260101", "DTP*348*D8*20260201", "HD*021**DEN**IND"
    assert rules(begin, other, later) == []
    assert rules(begin, "DTP*349*D8*20260331", other, later, begin, later) == ["dates-contradict"]
