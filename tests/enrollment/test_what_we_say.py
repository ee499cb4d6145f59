"""What we have said to the exchange, told in the book among what the exchange has said."""

from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from enrollment.believed import PolicyKey
from enrollment.retelling import retell
from enrollment.told import told_sets
from schemas.book import decision, event, event_set
from schemas.database import file
from schemas.errors import Terminal
from schemas.tables import ANSWERS

JANUARY, MARCH, APRIL = date(2027, 1, 31), date(2027, 3, 31), date(2027, 4, 30)


@pytest.fixture
def enrolled(carrier, say):
    """A carrier whose book holds P1 of S1 and D1, of whom the binder is paid."""
    carrier.receives(say.at("2026112912000000", say.enrollment("P1", "S1", "D1")))
    carrier.applies()
    return carrier


def decides(carrier, kind, policy="P1", **values):
    """A decision to send something of a policy."""
    first = sa.select(event.c.event_id).join_from(
        event, event_set, sa.and_(event.c.file_id == event_set.c.file_id,
                                  event.c.set_ordinal == event_set.c.set_ordinal)
    )  # fmt: skip
    first = first.where(event_set.c.exchange_policy_id == policy, event.c.is_subscriber)
    first = first.where(event_set.c.transaction.in_(["initial", "renewal"]))
    first = first.order_by(event.c.event_id.desc())
    made = {
        "partner_id": "cedar-valley-tx", "exchange_policy_id": policy, "kind": kind,
        "rule": "requested", "additional_maintenance_reason": "TERM", "evidence": {},
        "run_id": carrier.run_id, "state": "open",
        "event_id": carrier.conn.execute(first.limit(1)).scalar_one(),
    }  # fmt: skip
    carrier.conn.execute(sa.insert(decision).values(made | values))


def next_night(carrier, days=1):
    """The carrier's next run, that many days later."""
    carrier.begins_night(carrier.as_of + timedelta(days=days))


def effectuate(carrier):
    """P1 is paid and confirmed in a night of its own."""
    next_night(carrier)
    carrier.decides([("P1", "200.00")])
    assert carrier.sends_effectuations() == 1


def answer(level, code, number="0001", **more):
    """What the exchange answers about the run's file."""
    said = {"level": level, "code": code, "set_number": number}
    return dict.fromkeys(ANSWERS.names) | said | more


def states(carrier):
    """The states of all decisions, in their order."""
    rows = sa.select(decision.c.state).order_by(decision.c.decision_id)
    return list(carrier.conn.execute(rows).scalars())


def test_an_effectuation_makes_the_policy_effectuated(enrolled):
    """Also where the exchange's next word comes on the same day."""
    effectuate(enrolled)

    assert enrolled.status("P1") == ("effectuated", False)
    assert states(enrolled) == ["sent"]


def test_the_issuers_ids_are_known_from_what_we_said(enrolled):
    """They hold from the first day of coverage on, and come from our own set."""
    ids = {"exchange_policy_id": "P1", "issuer_policy_id": "C-1", "issuer_subscriber_id": "I-1"}
    next_night(enrolled)
    enrolled.decides(
        [("P1", "200.00")], [ids | {"exchange_member_id": "S1", "issuer_member_id": "I-1-1"}]
    )
    enrolled.sends_effectuations()

    known = enrolled.conn.execute(
        sa.text(
            "SELECT i.kind, i.value, i.valid_from, s.transaction FROM book.identifier i"
            " JOIN book.event e USING (event_id) JOIN book.event_set s USING (file_id, set_ordinal)"
            " WHERE i.known_to = 'infinity' AND i.exchange_member_id = 'S1' ORDER BY i.kind"
        )
    ).all()

    begin = date(2027, 1, 1)
    assert [tuple(row) for row in known] == [
        ("issuer_member_id", "I-1-1", begin, "effectuation"),
        ("issuer_policy_id", "C-1", begin, "effectuation"),
        ("issuer_subscriber_id", "I-1", begin, "effectuation"),
    ]


def test_our_cancellation_covers_nobody_any_more(enrolled, say):
    """Nothing is in effect of a policy whose binder was never paid."""
    next_night(enrolled)
    decides(enrolled, "cancellation")
    enrolled.says(say.ours("cancellation", "P1", "S1", enrolled.as_of, date(2027, 1, 1), "CANCEL"))

    assert enrolled.status("P1") == ("cancelled", False)
    assert enrolled.coverage("P1") == []


def test_our_cancellation_is_one_where_a_state_knows_it_by_its_day(carrier_of_a_state, say):
    """It has the codes of a termination there, and ends on the day on which coverage begins."""
    carrier = carrier_of_a_state
    begin = date(2027, 1, 1)
    carrier.receives(say.at("2026112912000000", say.enrollment("P1", "S1")))
    carrier.applies()
    next_night(carrier)
    decides(carrier, "cancellation")
    carrier.says(say.ours("cancellation", "P1", "S1", carrier.as_of, begin, ""))

    assert carrier.status("P1") == ("cancelled", False)
    assert carrier.open_items() == []
    assert carrier.coverage("P1") == []
    next_night(carrier)
    carrier.receives(say.at("2026120212000000", say.termination("P1", "S1", begin, "", "59")))
    carrier.applies()
    assert carrier.open_items() == []


def test_our_termination_ends_coverage_and_a_reinstatement_brings_it_back(enrolled, say):
    """All is as before, as the policy was effectuated before it ended."""
    effectuate(enrolled)
    before = enrolled.coverage("P1")
    next_night(enrolled, 100)
    decides(enrolled, "termination", coverage_end=JANUARY)
    enrolled.says(say.ours("termination", "P1", "S1", enrolled.as_of, JANUARY))

    assert enrolled.status("P1") == ("terminated", False)
    assert {end for *_, end in enrolled.coverage("P1")} == {JANUARY}

    next_night(enrolled)
    decides(enrolled, "reinstatement")
    enrolled.says(say.ours("reinstatement", "P1", "S1", enrolled.as_of))

    assert enrolled.status("P1") == ("effectuated", False)
    assert enrolled.coverage("P1") == before


def test_our_end_is_not_moved_by_a_later_one_of_the_exchange(enrolled, say):
    """Whoever has not paid is not covered by what the exchange says; ours is reinstated first."""
    effectuate(enrolled)
    next_night(enrolled, 100)
    decides(enrolled, "termination", coverage_end=JANUARY)
    enrolled.says(say.ours("termination", "P1", "S1", enrolled.as_of, JANUARY))
    next_night(enrolled)
    later = say.termination("P1", "S1", date(2027, 5, 31))
    enrolled.receives(say.at("2027050108000000", later))
    enrolled.applies()

    assert {end for *_, end in enrolled.coverage("P1")} == {JANUARY}
    assert enrolled.open_items() == [("waits", "P1", "later-end-needs-reinstatement")]

    next_night(enrolled)
    decides(enrolled, "reinstatement")
    enrolled.says(say.ours("reinstatement", "P1", "S1", enrolled.as_of))

    assert {end for *_, end in enrolled.coverage("P1")} == {date(2027, 5, 31)}
    assert enrolled.open_items() == []


def test_our_reinstatement_takes_back_what_we_ended_and_not_what_the_exchange_did(enrolled, say):
    """Both have ended it, ours earlier: who left stays left, however ours came and went."""
    effectuate(enrolled)
    next_night(enrolled, 100)
    enrolled.receives(say.at("2027031008000000", say.termination("P1", "S1", MARCH)))
    enrolled.applies()
    decides(enrolled, "termination", coverage_end=JANUARY)
    enrolled.says(say.ours("termination", "P1", "S1", enrolled.as_of, JANUARY))
    assert {end for *_, end in enrolled.coverage("P1")} == {JANUARY}

    next_night(enrolled)
    decides(enrolled, "reinstatement")
    enrolled.says(say.ours("reinstatement", "P1", "S1", enrolled.as_of))

    assert enrolled.status("P1") == ("terminated", False)
    assert {end for *_, end in enrolled.coverage("P1")} == {MARCH}
    changes, told = retell(told_sets(enrolled.conn, PolicyKey("P1", "cedar-valley-tx"), None))
    assert told.end == MARCH
    assert [(one.what, one.after) for one in list(changes.values())[-1]] == [
        ("reinstates", "2027-03-31")
    ]

    enrolled.receives(say.at("2027031108000000", say.termination("P1", "S1", APRIL)))
    enrolled.applies()
    assert {end for *_, end in enrolled.coverage("P1")} == {APRIL}
    assert enrolled.open_items() == []


@pytest.mark.parametrize(
    ("level", "code"),
    [
        *(("interchange", "R"), ("group", "R"), ("set", "R"), ("set", "X"), ("business", "R")),
        *(("group", "M"), ("group", "W"), ("group", "X")),  # for its security
    ],
)
def test_what_the_exchange_rejects_was_not_said(enrolled, level, code):
    """The policy is not effectuated again, whoever says so: TA1, 999 or business."""
    effectuate(enrolled)
    run = enrolled.run_id
    numbers = {"interchange_number": f"{run:09d}", "group_number": str(run)}
    next_night(enrolled)

    assert enrolled.hears(answer(level, code, **numbers)) == []

    assert enrolled.status("P1") == ("initial", True)
    assert states(enrolled) == ["rejected"]
    assert enrolled.conn.execute(sa.select(decision.c.rejected_by)).scalar_one() == level
    refused = sa.select(file.c.state).where(file.c.direction == "issuer_to_exchange")
    is_of_all = level in {"interchange", "group"}
    assert (enrolled.conn.execute(refused).scalar_one() == "refused") == is_of_all


@pytest.mark.parametrize(
    ("level", "code"),
    [("group", "P"), ("group", "E"), ("set", "A"), ("set", "E"), ("business", "W")],
)
def test_what_the_exchange_accepts_stays(enrolled, level, code):
    """An answer that accepts, or only warns, changes nothing."""
    effectuate(enrolled)
    group = str(enrolled.run_id)
    next_night(enrolled)
    enrolled.hears(answer(level, code, group_number=group))

    assert enrolled.status("P1") == ("effectuated", False)


def test_a_rejected_termination_leaves_the_coverage_open(enrolled, say):
    """What was cut is whole again; the rejected set stays to be seen."""
    effectuate(enrolled)
    before = enrolled.coverage("P1")
    next_night(enrolled, 100)
    decides(enrolled, "termination", coverage_end=JANUARY)
    enrolled.says(say.ours("termination", "P1", "S1", enrolled.as_of, JANUARY))
    group = str(enrolled.run_id)
    next_night(enrolled)
    enrolled.hears(answer("business", "R", group_number=group, note="E148"))

    assert enrolled.coverage("P1") == before
    assert enrolled.status("P1") == ("effectuated", False)
    assert enrolled.set_states() == {"applied": 2, "refused": 1}


def test_an_answer_before_its_number_is_known_is_matched_later(enrolled):
    """The exchange was quicker than our ledger."""
    next_night(enrolled)
    early = answer("business", "R", group_number=str(enrolled.run_id))
    assert [one.number for one in enrolled.hears(early)] == ["0001"]
    enrolled.decides([("P1", "200.00")])
    enrolled.sends_effectuations()
    assert enrolled.status("P1") == ("effectuated", False)

    next_night(enrolled)
    enrolled.hears()

    assert enrolled.status("P1") == ("initial", True)


def test_an_answer_that_comes_twice_changes_nothing_more(enrolled):
    """Nor does one that contradicts the first: it is kept and told."""
    effectuate(enrolled)
    group = str(enrolled.run_id)
    next_night(enrolled)
    for code in ("A", "A", "R"):
        enrolled.hears(answer("set", code, group_number=group))

    assert enrolled.status("P1") == ("effectuated", False)
    kept = sa.text("SELECT state FROM ledger.answer ORDER BY answer_id")
    assert list(enrolled.conn.execute(kept).scalars()) == ["counts", "repeats", "contradicts"]


def test_the_exchanges_earlier_cancellation_crosses_our_effectuation(enrolled, say):
    """Ours waits for the exchange's answer, and the policy is what the exchange said first."""
    effectuate(enrolled)
    enrolled.receives(say.at("2026113012000000", say.cancellation("P1", "S1")))
    enrolled.applies()

    assert enrolled.status("P1")[0] == "cancelled"
    assert ("waits", "P1", "policy-cancelled") in enrolled.open_items()


def test_an_enrollment_after_its_cancellation_needs_an_effectuation_of_its_own(enrolled, say):
    """What we confirmed was the first one."""
    effectuate(enrolled)
    next_night(enrolled)
    again = say.enrollment("P1", "S1", premium="320.00")
    enrolled.receives(
        say.at("2026120312000000", say.cancellation("P1", "S1")), say.at("2026120313000000", again)
    )
    enrolled.applies()

    assert enrolled.status("P1") == ("initial", True)


def test_what_answers_no_decision_is_not_said(enrolled, say):
    """A set of ours without a decision is a fault of ours, and nothing of it is kept."""
    next_night(enrolled)
    fault = pytest.raises(Terminal, match="1 transaction sets for 0 decisions")
    with fault, enrolled.conn.begin_nested():
        enrolled.says(say.ours("termination", "P1", "S1", enrolled.as_of, JANUARY))
