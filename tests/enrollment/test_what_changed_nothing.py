"""What `edi834 book` says of a set that changed nothing, and which one was in its way."""

from datetime import date

from enrollment.believed import PolicyKey
from pipeline.book_answer import Answer, Question
from pipeline.book_words import effect_of
from tests.enrollment.conftest import PARTNER
from tests.enrollment.test_what_we_say import decides, next_night

JUNE, SEPTEMBER = date(2027, 6, 30), date(2027, 9, 30)


def effects(carrier):
    """What each set of P1 changed, in words, in the order of the fold."""
    question = Question(PolicyKey("P1", PARTNER), date(2027, 1, 1))
    answer = Answer.to(carrier.conn, question)
    return [effect_of(answer, one, "to") for one in answer.told]


def test_what_was_said_before_the_policy_was_enrolled_again(carrier, say):
    """It repeats nothing: it was about the enrollment that was cancelled."""
    said = [
        say.enrollment("P1", "S1"),
        say.cancellation("P1", "S1"),
        say.change("P1", "S1", last_name="OLD"),
        say.enrollment("P1", "S1", premium="310.00"),
    ]
    for day, one in enumerate(said, start=10):
        carrier.receives(say.at(f"202611{day}08000000", one))
    carrier.applies()

    told = effects(carrier)[2]
    assert told.startswith("changed nothing: before-enrollment. The policy was cancelled and")
    assert "Blocked by 4." in told


def test_an_end_of_ours_is_in_the_way_of_a_later_one(carrier, say):
    """Of the exchange, which waits for a reinstatement of what we have ended."""
    carrier.receives(say.at("2026112912000000", say.enrollment("P1", "S1")))
    carrier.applies()
    next_night(carrier)
    decides(carrier, "termination", coverage_end=JUNE)
    carrier.says(say.ours("termination", "P1", "S1", carrier.as_of, JUNE))
    next_night(carrier)
    carrier.receives(say.at("2027010108000000", say.termination("P1", "S1", SEPTEMBER)))
    carrier.applies()

    told = effects(carrier)[2]
    assert told.startswith("changed nothing yet: later-end-needs-reinstatement.")
    assert "Blocked by 2." in told
