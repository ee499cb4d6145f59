"""An enrollment of which our verdict has kept a member out, and the one that brings him."""

from datetime import date, datetime, timedelta

import pytest
import sqlalchemy as sa

from enrollment.believed import PolicyKey
from enrollment.offering import offer
from enrollment.retelling import retell
from enrollment.told import told_sets
from ledger.cases import Looking, meet_book
from tests.enrollment.conftest import NEW_YEAR, PARTNER, TransactionSet
from tests.enrollment.test_what_we_say import decides, next_night

FIRST, SECOND, THIRD, FOURTH = (f"202611{day}08000000" for day in (10, 11, 12, 13))
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


def test_another_person_who_joins_is_not_the_one_who_fell(partly, say):
    """A newborn is added by a change: D1 has not come by that (CMS guide, section 7.2.4)."""
    born = say.change("P1", "S1", say.added("P1", "S1", "D9", APRIL))
    partly.receives(say.at(THIRD, born))
    partly.applies()
    next_night(partly)

    assert ("P1", "D9") in partly.book()
    assert partly.decides([("P1", "200.00")]).num_rows == 0
    assert partly.open_items() == [("member", "P1", "member-missing")]


def test_he_comes_by_a_change_that_adds_him(partly, say):
    """By whatever words: he is in the book, and is confirmed with the others."""
    partly.receives(say.at(THIRD, say.change("P1", "S1", say.added("P1", "S1", "D1", APRIL))))
    partly.applies()
    next_night(partly)

    confirmed = partly.decides([("P1", "200.00")]).column("exchange_member_id").to_pylist()
    assert confirmed == ["S1", "D1", "D2"]


@pytest.mark.parametrize("premium", ["500.00", "700.00"])
def test_whom_the_exchange_does_not_tell_of_any_more_is_not_waited_for(partly, say, premium):
    """The enrollment is sent again without D1: as a duplicate of what is left, or as it waits."""
    mended = say.enrollment("P1", "S1", "D2", premium=premium)
    partly.receives(say.at(THIRD, mended))
    partly.applies()
    next_night(partly)

    confirmed = partly.decides([("P1", "200.00")]).column("exchange_member_id").to_pylist()
    assert confirmed == ["S1", "D2"]


def test_who_falls_again_is_waited_for_and_so_is_who_comes_in_a_set_that_waits(partly, say):
    """The newest version of the enrollment says who belongs to it, and not that he has come."""
    partly.receives(say.at(THIRD, say.enrollment("P1", "S1", "D1", "D2")), fallen=("D1",))
    partly.applies()
    next_night(partly)
    assert partly.decides([("P1", "200.00")]).num_rows == 0

    partly.receives(say.at(FOURTH, say.enrollment("P1", "S1", "D1")))
    partly.applies()
    next_night(partly)
    assert partly.decides([("P1", "200.00")]).num_rows == 0


@pytest.mark.parametrize(("end", "confirmed"), [(NEW_YEAR, 2), (date(2027, 3, 31), 0)])
def test_whom_the_exchange_takes_off_from_the_first_day_on_is_not_waited_for(
    partly, say, end, confirmed
):
    """Who is covered until a later day belongs to what is confirmed; his removal waits for him."""
    partly.receives(say.at(THIRD, say.change("P1", "S1", say.removed("P1", "S1", "D1", end))))
    partly.applies()
    next_night(partly)

    assert partly.decides([("P1", "200.00")]).num_rows == confirmed


def rejected(carrier, rule, state="new"):
    """A case of a member of P1 whom our verdict has kept out."""
    carrier.conn.execute(
        sa.text(
            "INSERT INTO ledger.case (partner_id, kind, subject, rule, severity,"
            " exchange_policy_id, maintenance_type, file_id, state, due_at, first_seen, last_seen,"
            " run_id, last_run_id, times_seen, times_reopened) VALUES (:partner, 'rejected',"
            " 'policy P1', :rule, 'error', 'P1', '021', (SELECT min(file_id)"
            " FROM ledger.file), :state, now(), now(),"
            " now(), :run, :run, 1, 0) ON CONFLICT (subject, rule, segment_id, element, kind,"
            " partner_id) DO UPDATE SET state = :state"
        ),
        {"partner": PARTNER, "rule": rule, "state": state, "run": carrier.run_id},
    )


def test_persons_may_say_that_he_does_not_come(partly):
    """By a waiver of each case that there is; the decision says that somebody is left out."""
    next_night(partly)
    rejected(partly, "dates-order", "waived")
    rejected(partly, "member-twice")
    assert partly.decides([("P1", "200.00")]).num_rows == 0

    rejected(partly, "member-twice", "waived")
    confirmed = partly.decides([("P1", "200.00")]).column("exchange_member_id").to_pylist()
    assert confirmed == ["S1", "D2"]
    evidence = partly.conn.execute(sa.text("SELECT evidence FROM book.decision")).scalar_one()
    assert evidence["without_members"] == 1


CHANGE = "what concerns nobody but the others"
COMES = "the enrollment with him"
JOINS = "a change that adds him"
LEFT_OUT = "the enrollment without him"
TAKEN_OFF = "his removal from the first day on"
LEAVES = "his removal from a later day on"
CANCELLED = "a cancellation of the policy"


@pytest.mark.parametrize(
    ("told", "state"),
    [
        (CHANGE, "waived"),
        (COMES, "resolved"),
        (JOINS, "resolved"),
        (LEFT_OUT, "resolved"),
        (TAKEN_OFF, "resolved"),
        (LEAVES, "waived"),
        (CANCELLED, "resolved"),
    ],
)
def test_the_case_of_a_fallen_member_is_over_when_he_is_not_awaited_any_more(
    partly, say, told, state
):
    """What else is said of the policy mends nothing of him, and what persons have said holds."""
    rejected(partly, "dates-order", "waived")
    of_member = (
        "UPDATE ledger.case SET set_ordinal = 2, members = 1, exchange_member_id = 'D1',"
        " submitted_at = '2026111008000000'"
    )
    partly.conn.execute(sa.text(of_member))
    later = {
        CHANGE: say.change("P1", "S1", phone="5125550100"),
        COMES: say.enrollment("P1", "S1", "D1", "D2"),
        JOINS: say.change("P1", "S1", say.added("P1", "S1", "D1", APRIL)),
        LEFT_OUT: say.enrollment("P1", "S1", "D2"),
        TAKEN_OFF: say.change("P1", "S1", say.removed("P1", "S1", "D1", NEW_YEAR)),
        LEAVES: say.change("P1", "S1", say.removed("P1", "S1", "D1", date(2027, 3, 31))),
        CANCELLED: say.cancellation("P1", "S1"),
    }
    came = partly.receives(say.at(THIRD, later[told]))
    partly.applies()
    looking = Looking(partly.run_id, PARTNER, partly.as_of)
    meet_book(partly.conn, looking, partly.as_of.date(), partly.exchange.time_zone)

    found = sa.text("SELECT state, resolved_file_id FROM ledger.case WHERE kind = 'rejected'")
    became, proof = partly.conn.execute(found).one()
    assert became == state
    if told in (COMES, JOINS):
        assert proof == came


@pytest.mark.parametrize(("is_subscriber", "state"), [(True, "new"), (False, "resolved")])
def test_a_copy_of_a_removal_mends_a_removal_and_no_end(carrier, say, is_subscriber, state):
    """Both are INS03 024: of the policy, or of one of its members."""
    carrier.receives(say.at(FIRST, say.enrollment("P1", "S1", "D1")))
    removal = say.at(SECOND, say.change("P1", "S1", say.removed("P1", "S1", "D1", APRIL)))
    carrier.receives(removal)
    fell = carrier.receives(say.at(SECOND, say.enrollment("P9", "S9")))
    carrier.receives(removal)
    carrier.applies()
    rejected(carrier, "element-missing")
    of_set = (
        "UPDATE ledger.case SET file_id = :file_id, set_ordinal = 1, maintenance_type = '024',"
        " submitted_at = :second, is_subscriber = :is_subscriber"
    )
    told = {"file_id": fell, "second": SECOND, "is_subscriber": is_subscriber}
    carrier.conn.execute(sa.text(of_set), told)
    looking = Looking(carrier.run_id, PARTNER, carrier.as_of)
    meet_book(carrier.conn, looking, carrier.as_of.date(), carrier.exchange.time_zone)

    assert carrier.conn.execute(sa.text("SELECT state FROM ledger.case")).scalar_one() == state


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
