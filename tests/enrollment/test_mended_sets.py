"""An enrollment of which our verdict has kept a member out, and the one that brings him."""

from datetime import date, datetime, timedelta

import pytest
import sqlalchemy as sa

from enrollment.believed import PolicyKey
from enrollment.offering import offer
from enrollment.retelling import retell
from enrollment.told import told_sets
from tests.enrollment.conftest import NEW_YEAR, PARTNER, TransactionSet
from tests.enrollment.test_what_we_say import decides, next_night

FIRST, SECOND, THIRD = (f"202611{day}08000000" for day in (10, 11, 12))
APRIL = date(2027, 4, 1)


@pytest.fixture
def partly(carrier, say):
    """A carrier at which P1 of S1, D1 and D2 is enrolled without D1, who was rejected.

    Its set is the second of its file; a change has come since.
    """
    carrier.receives(
        say.at(FIRST, say.enrollment("P9", "S9")),
        say.at(FIRST, say.enrollment("P1", "S1", "D1", "D2")),
        fallen=("D1",),
    )
    carrier.receives(say.at(SECOND, say.change("P1", "S1", amounts=[("APTC AMT", "80.00", APRIL)])))
    carrier.applies()
    assert set(carrier.book()) == {("P1", "S1"), ("P1", "D2"), ("P9", "S9")}
    return carrier


def confirm_in_part(carrier):
    """P1 is confirmed as it is, by a version that did not wait for D1."""
    next_night(carrier)
    carrier.decides([("P1", "200.00")])
    confirms = {"rule": "binder-paid", "additional_maintenance_reason": "CONFIRM"}
    decides(carrier, "effectuation", **confirms)
    carrier.offered = offer(carrier.conn, PARTNER, carrier.exchange, carrier.run_id)
    assert carrier.sends_effectuations() == 1
    carrier.decides([("P1", "200.00")])


def told(carrier):
    """What was changed by which set of P1, and the policy in the end."""
    changes, policy = retell(told_sets(carrier.conn, PolicyKey("P1", PARTNER), None))
    return [(one.what, one.member) for of_set in changes.values() for one in of_set], policy


@pytest.mark.parametrize("clock", [THIRD, FIRST])
@pytest.mark.parametrize("code", ["I834", "I834RT"])
def test_who_was_rejected_comes_with_the_enrollment_that_is_sent_again(partly, say, clock, code):
    """By a later clock, or by the one that it had; what was changed since stays."""
    confirm_in_part(partly)
    mended = say.at(clock, say.enrollment("P1", "S1", "D1", "D2", last_name="MENDED"))
    file_id = partly.receives(mended, function_code=code)
    partly.applies()

    assert partly.dispositions(file_id) == [("accepted", None)] * 3
    assert partly.open_items() == []
    assert partly.status("P1") == ("effectuated", False)
    assert [row[0] for row in partly.coverage("P1")] == ["D1", "D2", "S1"]
    book = partly.book()
    names = {member: row["last_name"] for (policy, member), row in book.items() if policy == "P1"}
    assert names == {"S1": "SAMPLE", "D1": "MENDED", "D2": "MENDED"}  # S1's is the change's
    changes, policy = told(partly)
    assert ("added", "D1") in changes
    assert policy.amounts["S1", "APTC AMT"][-1] == (APRIL, 80)


def test_an_effectuation_waits_for_the_member_who_was_rejected(partly, say):
    """It would leave D1 out, and could not be said again (CMS guide, section 7.2.4, table 16)."""
    next_night(partly)

    assert partly.decides([("P1", "200.00")]).num_rows == 0
    assert partly.open_items() == [("member", "P1", "member-missing")]

    partly.receives(say.at(THIRD, say.enrollment("P1", "S1", "D1", "D2")))
    partly.applies()
    next_night(partly)
    offered = partly.decides([("P1", "200.00")]).to_pylist()
    assert [row["exchange_member_id"] for row in offered] == ["S1", "D1", "D2"]
    assert partly.open_items() == []


def test_an_effectuation_does_not_wait_for_what_is_nobody_s(carrier, say):
    """An INS was rejected that the set does not count itself."""
    twice = say.at(FIRST, say.enrollment("P1", "S1", "D1"))
    counted = TransactionSet(twice.people, twice.header | {"total_count": 1})
    carrier.receives(counted, fallen=("D1",))
    carrier.applies()
    next_night(carrier)

    assert carrier.decides([("P1", "200.00")]).num_rows == 1


def test_our_answer_to_the_part_that_was_accepted_counts(partly, say):
    """Nothing is confirmed a second time: the exchange would reject it (CMS guide, table 16)."""
    confirm_in_part(partly)
    partly.receives(say.at(FIRST, say.enrollment("P1", "S1", "D1", "D2")))
    partly.applies()
    next_night(partly)
    partly.decides([("P1", "200.00")])

    assert partly.offered.num_rows == 0


def test_it_comes_once(partly, say):
    """A copy is a duplicate, and who says something else is no mended one any more."""
    mended = say.at(THIRD, say.enrollment("P1", "S1", "D1", "D2"))
    partly.receives(mended)
    copy = partly.receives(mended)
    partly.receives(say.at(THIRD, say.enrollment("P1", "S1", "D1", "D2", premium="700.00")))
    partly.applies()

    assert partly.dispositions(copy) == [("accepted", "transaction-duplicate")] * 3
    assert partly.open_items() == [("waits", "P1", "policy-exists")]


@pytest.mark.parametrize(
    ("members", "more"),
    [
        (("S1", "D1"), {}),
        (("S1", "D1", "D2"), {"begin": APRIL}),
        (("S1", "D1", "D2"), {"plan": "91001TX002000101"}),
        (("D2", "D1", "S1"), {}),
        (("S1", "D2"), {"premium": "700.00"}),
    ],
)
def test_an_enrollment_that_says_something_else_waits(partly, say, members, more):
    """Without one who is enrolled, with other days, plan or subscriber, or with nobody new."""
    partly.receives(say.at(THIRD, say.enrollment("P1", *members, **more)))
    partly.applies()

    assert partly.open_items() == [("waits", "P1", "policy-exists")]


def test_where_nobody_fell_a_second_enrollment_waits(carrier, say):
    """It may be another household's."""
    carrier.receives(say.at(FIRST, say.enrollment("P1", "S1")))
    carrier.receives(say.at(SECOND, say.enrollment("P1", "S1", "D1")))
    carrier.applies()

    assert carrier.open_items() == [("waits", "P1", "policy-exists")]


def test_what_speaks_of_the_rejected_member_waits_for_him(partly, say):
    """A change of his is applied when he has come, in its order."""
    later = say.change("P1", "S1", say.unchanged("P1", "S1", "D1", phone="5125550100"))
    partly.receives(say.at(SECOND, later))
    partly.applies()
    assert partly.open_items() == [("waits", "P1", "unknown-member")]

    partly.receives(say.at(THIRD, say.enrollment("P1", "S1", "D1", "D2", phone="5125550199")))
    partly.applies()

    assert partly.open_items() == []
    assert partly.book()["P1", "D1"]["phone"] == "5125550100"


def test_a_terminated_policy_stays_terminated(partly, say):
    """Who comes late is covered as long as the others."""
    end = date(2027, 6, 30)
    partly.receives(say.at(SECOND, say.termination("P1", "S1", end)))
    partly.receives(say.at(THIRD, say.enrollment("P1", "S1", "D1", "D2")))
    partly.applies()

    assert partly.status("P1")[0] == "terminated"
    assert ("D1", "01", NEW_YEAR, end) in partly.coverage("P1")


def test_what_came_in_one_night_is_what_comes_in_two(partly, say):
    """Part and whole in one night end in the same book."""
    partly.begins_night(partly.as_of + timedelta(days=1))
    partly.receives(say.at(THIRD, say.enrollment("P1", "S1", "D1", "D2")))
    partly.receives(say.at(FIRST, say.enrollment("P2", "S1", "D1", "D2")), fallen=("D1",))
    change = say.change("P2", "S1", amounts=[("APTC AMT", "80.00", APRIL)])
    partly.receives(say.at(SECOND, change))
    partly.receives(say.at(THIRD, say.enrollment("P2", "S1", "D1", "D2")))
    partly.applies()

    assert partly.coverage("P1") == partly.coverage("P2")


@pytest.mark.parametrize("names", [("A", "B", "C"), ("C", "B", "A"), ("B", "A", "C")])
def test_a_correction_stands_behind_what_it_corrects(carrier, say, names):
    """Of a change of which a member fell the rest is said twice, and the correction is mended."""
    carrier.conn.exec_driver_sql(
        "ALTER TABLE ledger.correction DROP CONSTRAINT fk_correction_case_id"
    )
    carrier.receives(say.at(FIRST, say.enrollment("P1", "S1", "D1")))
    former = None
    for last_name, fallen in zip(names, (("D1",), ("D1",), ()), strict=True):
        change = say.change("P1", "S1", say.unchanged("P1", "S1", "D1"), last_name=last_name)
        came = carrier.receives(
            say.at(SECOND, change), named_at=datetime(2026, 11, 12), fallen=fallen
        )
        if former is not None:
            corrects(carrier, came, former)
        former = came
    carrier.applies()

    assert carrier.book()["P1", "S1"]["last_name"] == names[-1]


def corrects(carrier, file_id, parent_id):
    """The one file is what persons have made of the only set of the other one."""
    conn = carrier.conn
    of_person = sa.text("UPDATE ledger.file SET kind = 'correction' WHERE file_id = :file_id")
    conn.execute(of_person, {"file_id": file_id})
    taken_in = sa.text(
        "INSERT INTO ledger.correction (case_id, partner_id, parent_file_id, set_ordinal,"
        " byte_start, byte_end, edits, name, sha256, size_bytes, storage_key, verdict,"
        " needs_second, state, drafted_by, account, reason, file_id)"
        " SELECT 1, partner_id, :parent_id, 1, 0, 1, '[]', name, sha256, size_bytes, storage_key,"
        " 'accepted', false, 'received', 'Ada', 'ada', 'By phone.', file_id"
        " FROM ledger.file WHERE file_id = :file_id"
    )
    conn.execute(taken_in, {"file_id": file_id, "parent_id": parent_id})
