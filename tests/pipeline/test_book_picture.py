"""The picture and the report of policies that are large, long, far away or not in the book yet."""

import re
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from enrollment.believed import PolicyKey
from pipeline.book_answer import Answer, Question
from pipeline.book_picture import BLOCKS, picture
from pipeline.book_report import Report
from tests.enrollment.conftest import PARTNER, Carrier, Say

FIRST_NIGHT = datetime.fromisoformat("2026-12-01T06:00:00+00:00")
TODAY = date(2027, 4, 10)


@pytest.fixture
def carrier(conn):
    """A carrier with an empty book, of the federal exchange."""
    return Carrier(conn, FIRST_NIGHT)


def of(carrier, policy="P1"):
    return Answer.to(carrier.conn, Question(PolicyKey(policy, PARTNER), TODAY))


def test_a_family_of_twelve_has_twelve_bars(carrier):
    """Each member has one for the coverage and one for the own premium; who was removed, too."""
    children = [f"D{number:02d}" for number in range(11)]
    carrier.receives(Say.enrollment("P1", "S1", *children))
    carrier.receives(Say.change("P1", "S1", Say.removed("P1", "S1", "D10", date(2027, 3, 31))))
    carrier.applies()

    lines = picture(of(carrier), 80, BLOCKS)

    covered = [line for line in lines if line.split(" ")[-1].startswith("█")]
    assert len([line for line in lines if "dependent" in line or "subscriber" in line]) == 12
    assert len([line for line in lines if line.startswith("PRE AMT 1 D")]) == 11
    assert len(covered) == 12 + 1  # and what was believed of the policy
    assert max(map(len, lines)) <= 80
    (removed,) = [line for line in lines if line.startswith("D10 dependent")]
    assert removed.endswith("█" * 15)
    assert "►" not in removed


def test_a_policy_with_sixty_sets_is_told_whole(carrier):
    """All sets are there, in the order of their clocks; the last twelve beliefs are drawn."""
    carrier.receives(Say.at("2026110100000000", Say.enrollment("P1", "S1")))
    for night in range(15):
        changes = [
            Say.change(
                "P1",
                "S1",
                amounts=[("APTC AMT", f"{night}.{number}0", date(2027, 1, 1))],
                submitted=f"202611{night + 2:02d}{number:02d}000000",
            )
            for number in range(1, 5)
        ]
        carrier.receives(*changes[: 3 if night == 14 else 4])
        carrier.applies()
        carrier.begins_night(FIRST_NIGHT + timedelta(days=night + 1))

    lines = list(Report(of(carrier), Path("landing"), 80, BLOCKS).lines())

    numbers = [line[:5] for line in lines if re.match(r" [ \d]\d  \w", line)]
    assert numbers == [f"{number:>3}  " for number in range(1, 61)]
    assert "     APTC AMT 3.20 → 3.30 from 2027-01-01" in lines
    assert sum(line.startswith("2026-12-") for line in lines) == 12
    legend = "3 earlier beliefs are not drawn; --known-at shows each of them."
    assert any(legend in line for line in lines)


@pytest.mark.parametrize(
    ("end", "asked_about", "expected"),
    [
        (date(2027, 1, 31), date(2031, 1, 1), "asked about, 2031-01-01, lies after the picture"),
        (date(2039, 12, 31), None, "2027    2029    2031"),
    ],
)
def test_days_that_are_far_away(carrier, end, asked_about, expected):
    """A day far outside is named instead of drawn; many years are drawn several months a cell."""
    carrier.receives(Say.enrollment("P1", "S1"), Say.termination("P1", "S1", end))
    carrier.applies()
    question = Question(PolicyKey("P1", PARTNER), TODAY, asked_about)

    lines = picture(Answer.to(carrier.conn, question), 80, BLOCKS)

    assert any(expected in line for line in lines)
    assert max(map(len, lines)) <= 80


def test_what_is_not_at_the_gate_yet_is_told_as_waiting(carrier):
    """A set that is staged is not in the book, and the answer says what it waits for."""
    carrier.receives(Say.enrollment("P1", "S1"))

    lines = list(Report(of(carrier), Path("landing"), 80, BLOCKS).lines())

    told = " ".join(line.strip() for line in lines)
    assert "WAITS before the book since run" in told
    assert "the run has not come to the gate" in told
    assert not any(line.startswith("What is believed") for line in lines)
