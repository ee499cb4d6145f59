"""An element with more repetitions than it may have costs no more than what it may have."""

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
