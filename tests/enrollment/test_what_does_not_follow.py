"""What cannot follow what was said before waits, or counts as unsaid, and is told with its rule."""

from datetime import date

import pytest
import sqlalchemy as sa

from schemas.tables import ANSWERS
from tests.enrollment.conftest import NEW_YEAR
from tests.enrollment.deciding import Desk

END_OF_MAY, END_OF_JUNE = date(2027, 5, 31), date(2027, 6, 30)
SEPTEMBER, OCTOBER = date(2027, 9, 1), date(2027, 10, 1)


@pytest.fixture
def enrolled(carrier, say):
    """A carrier whose book holds P1 of S1, enrolled on 29 November."""
    carrier.receives(say.at("2026112912000000", say.enrollment("P1", "S1")))
    carrier.applies()
    return carrier


def effectuated(carrier):
    """The desk of the carrier, which has confirmed P1 at noon of 9 December."""
    desk = Desk(carrier)
    desk.paid("P1", "200.00", on="2026-12-08")
    assert [row["transaction"] for row in desk.sends("2026-12-09")] == ["effectuation"]
    return desk


def became(carrier, transaction):
    """State and reason of each set of that transaction."""
    rows = sa.text("SELECT state, reason FROM book.event_set WHERE transaction = :transaction")
    return [tuple(row) for row in carrier.conn.execute(rows, {"transaction": transaction})]


def test_a_policy_that_has_not_ended_is_not_reinstated(carrier_of_a_state, say):
    """The reinstatement waits for the end that it takes back, and is open so long."""
    carrier = carrier_of_a_state
    carrier.receives(say.at("2026112901000000", say.enrollment("P1", "S1")))
    carrier.receives(say.at("2026121001000000", say.reinstatement("P1", "S1")))
    carrier.applies()

    assert became(carrier, "reinstatement") == [("pending", "nothing-to-reinstate")]
    assert carrier.open_items() == [("waits", "P1", "nothing-to-reinstate")]

    end = say.termination("P1", "S1", date(2027, 3, 31), "", "59")
    carrier.receives(say.at("2026120901000000", end))
    carrier.applies()

    assert became(carrier, "reinstatement") == [("applied", None)]


def test_what_confirms_an_enrollment_confirms_no_later_one(enrolled, say):
    """The exchange had cancelled and enrolled anew before we confirmed: ours waits for its word."""
    effectuated(enrolled)
    again = say.enrollment("P1", "S1", premium="320.00")
    enrolled.receives(
        say.at("2026120312000000", say.cancellation("P1", "S1")), say.at("2026120313000000", again)
    )
    enrolled.applies()

    assert became(enrolled, "effectuation") == [("pending", "other-enrollment")]
    assert enrolled.status("P1") == ("initial", True)
    assert ("waits", "P1", "other-enrollment") in enrolled.open_items()


def test_what_the_exchange_rejects_is_kept_as_refused(enrolled):
    """Its set stays in the book with the reason, and the policy is to be confirmed again."""
    desk = effectuated(enrolled)
    rejection = {"level": "set", "code": "R", "set_number": "0001"}
    group = {"group_number": str(enrolled.run_id)}
    enrolled.hears(dict.fromkeys(ANSWERS.names) | rejection | group)

    assert became(enrolled, "effectuation") == [("refused", "exchange-refused")]
    assert enrolled.status("P1") == ("initial", True)
    assert [state for _, state in desk.decisions()] == ["rejected"]


def test_what_the_exchange_s_table_does_not_foresee_waits(enrolled, say):
    """A pair of status and transaction that has no row changes nothing."""
    follows = dict(enrolled.exchange.follows)
    del follows["active-cancellation"]
    enrolled.exchange = enrolled.exchange.model_copy(update={"follows": follows})
    enrolled.receives(say.at("2026121012000000", say.cancellation("P1", "S1")))
    enrolled.applies()

    assert became(enrolled, "cancellation") == [("pending", "not-foreseen")]
    assert enrolled.status("P1") == ("initial", True)
    assert enrolled.open_items() == [("waits", "P1", "not-foreseen")]


def test_a_member_whose_end_or_begin_is_told_later_than_before_is_told(carrier, say):
    """Nothing says that he is covered in between, nor that he was not: the book stays."""
    carrier.receives(say.enrollment("P1", "S1", "D1"))
    changes = [
        (say.removed("P1", "S1", "D1", END_OF_MAY), []),
        (say.removed("P1", "S1", "D1", END_OF_JUNE), [("later-end", "P1", "D1")]),
        (say.added("P1", "S1", "D1", SEPTEMBER), []),
        (say.added("P1", "S1", "D1", OCTOBER), [("other-begin", "P1", "D1")]),
    ]
    for hour, (changed, told) in enumerate(changes, start=10):
        carrier.receives(say.change("P1", "S1", changed, submitted=f"20261130{hour}000000"))
        carrier.applies()
        assert carrier.open_items() == told

    mine = [row[2:] for row in carrier.coverage("P1") if row[0] == "D1"]
    assert mine == [(NEW_YEAR, END_OF_MAY), (SEPTEMBER, None)]
