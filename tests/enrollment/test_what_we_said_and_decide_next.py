"""Decisions after decisions: what was said is not said twice, and may be taken back."""

from datetime import date

import pytest
import sqlalchemy as sa

from enrollment.again import allow_again
from enrollment.believed import PolicyKey
from enrollment.obstacles import note_obstacles
from enrollment.retelling import retell
from enrollment.told import told_sets
from schemas import tables
from schemas.errors import Terminal
from tests.enrollment.deciding import PARTNER, Desk


@pytest.fixture
def desk(carrier, say):
    """A desk whose book holds P1 of S1 and D1, who owe 200.00 of 300.00 a month from 2027-01-01."""
    carrier.receives(say.enrollment("P1", "S1", "D1"))
    carrier.applies()
    return Desk(carrier)


@pytest.fixture
def effectuated(desk):
    """The desk when P1 is paid for January, and confirmed."""
    desk.paid("P1", "200.00", on="2026-12-15")
    desk.sends("2026-12-16")
    return desk


def rules(rows):
    """The transactions and reasons of what was said."""
    return [(row["transaction"], row["additional_maintenance_reason"]) for row in rows]


def test_nothing_is_said_twice(effectuated):
    """Neither in the next night nor when more is paid."""
    effectuated.paid("P1", "200.00", on="2027-01-20", through="2027-02-28")

    assert effectuated.carrier.status("P1") == ("effectuated", False)
    assert effectuated.sends("2027-01-21") == []
    assert [state for _, state in effectuated.decisions()] == ["sent"]


def test_a_cancelled_policy_comes_back_when_its_binder_had_come_in_time(desk):
    """The extract that tells of it came late: reinstated first, confirmed in the next night."""
    assert rules(desk.sends("2027-02-01")) == [("cancellation", "CANCEL")]
    assert desk.carrier.status("P1")[0] == "cancelled"
    assert desk.sends("2027-02-02") == []
    desk.paid("P1", "200.00", on="2027-01-31")

    (row,) = desk.sends("2027-02-03")

    assert (row["transaction"], row["additional_maintenance_reason"]) == (
        "reinstatement",
        "ISSUER - REINSTATEMENT",
    )
    assert (row["is_subscriber"], row["maintenance_type"]) == (True, "025")
    assert (row["eligibility_begin"], row["plan_id"]) == (date(2027, 1, 1), "91001TX001000101")
    assert row["eligibility_end"] is None
    assert desk.carrier.status("P1") == ("initial", True)
    assert rules(desk.sends("2027-02-04")) == [("effectuation", "CONFIRM")] * 2


def test_a_binder_that_came_too_late_brings_nothing_back(desk):
    """It was received after its deadline."""
    desk.sends("2027-02-01")
    desk.paid("P1", "200.00", on="2027-02-01")

    assert desk.sends("2027-02-03") == []


def test_a_terminated_policy_comes_back_when_all_was_paid_within_its_grace(effectuated):
    """With APTC the three months of grace are owed; a part of them saves nothing."""
    assert rules(effectuated.sends("2027-05-01")) == [("termination", "TERM")]
    assert effectuated.carrier.status("P1") == ("terminated", False)
    effectuated.paid("P1", "400.00", on="2027-04-29", through="2027-03-31")
    assert effectuated.sends("2027-05-02") == []

    effectuated.paid("P1", "200.00", on="2027-04-30", through="2027-04-30")

    assert rules(effectuated.sends("2027-05-03")) == [("reinstatement", "ISSUER - REINSTATEMENT")]
    assert effectuated.carrier.status("P1") == ("effectuated", False)
    assert effectuated.sends("2027-05-04") == []


def test_what_was_paid_after_the_grace_brings_nothing_back(effectuated):
    """One day late."""
    effectuated.sends("2027-05-01")
    effectuated.paid("P1", "600.00", on="2027-05-01", through="2027-04-30")

    assert effectuated.sends("2027-05-02") == []


def test_a_policy_that_came_back_may_end_and_come_back_again(effectuated):
    """Each end is another one, and so is each reinstatement."""
    effectuated.sends("2027-05-01")
    effectuated.paid("P1", "600.00", on="2027-04-30", through="2027-04-30")
    effectuated.sends("2027-05-02")

    assert rules(effectuated.sends("2027-08-01")) == [("termination", "TERM")]
    effectuated.paid("P1", "600.00", on="2027-07-31", through="2027-07-31")
    assert rules(effectuated.sends("2027-08-02")) == [("reinstatement", "ISSUER - REINSTATEMENT")]


def test_a_binder_that_came_to_light_and_bounces_was_never_paid(desk):
    """The cancellation was taken back because of it, and is said once more."""
    desk.sends("2027-02-01")
    desk.paid("P1", "200.00", on="2027-01-31")
    desk.sends("2027-02-03")
    assert rules(desk.sends("2027-02-04")) == [("effectuation", "CONFIRM")] * 2

    desk.paid("P1", "-200.00", on="2027-02-08")

    assert rules(desk.sends("2027-02-10")) == [("cancellation", "CANCEL")]
    assert desk.carrier.status("P1")[0] == "cancelled"
    assert desk.sends("2027-02-11") == []


def test_premiums_that_came_to_light_and_bounce_were_never_paid(effectuated):
    """The same end is told again, once."""
    effectuated.sends("2027-05-01")
    effectuated.paid("P1", "600.00", on="2027-04-30", through="2027-04-30")
    assert rules(effectuated.sends("2027-05-05")) == [("reinstatement", "ISSUER - REINSTATEMENT")]

    effectuated.paid("P1", "-600.00", on="2027-05-08", through="2027-04-30")

    (row,) = effectuated.sends("2027-05-10")
    assert (row["transaction"], row["eligibility_end"]) == ("termination", date(2027, 2, 28))
    assert effectuated.sends("2027-05-11") == []
    assert effectuated.carrier.status("P1")[0] == "terminated"


def test_who_came_back_at_the_carriers_wish_is_not_ended_for_the_same_months_again(effectuated):
    """Its word goes before what follows from payments; that nobody has paid is told."""
    effectuated.sends("2027-05-01")
    assert effectuated.findings() == []
    effectuated.asks("reinstate", "P1", on="2027-05-05")
    effectuated.sends("2027-05-06")

    assert effectuated.sends("2027-05-07") == []
    assert effectuated.carrier.status("P1") == ("effectuated", False)
    assert effectuated.findings() == [("P1", "payment", "ended-before")]

    effectuated.paid("P1", "600.00", on="2027-04-29", through="2027-04-30")
    assert effectuated.sends("2027-05-08") == []
    assert effectuated.findings() == []


def test_a_later_end_that_is_taken_back_lets_no_earlier_one_out(effectuated):
    """The carrier took back the cancellation: a wrong termination changes nothing in it."""
    effectuated.paid("P1", "-200.00", on="2027-01-10")
    assert rules(effectuated.sends("2027-02-01")) == [("cancellation", "CANCEL")]
    effectuated.paid("P1", "200.00", on="2027-02-04")
    effectuated.asks("reinstate", "P1", on="2027-02-05")
    effectuated.sends("2027-02-06")
    effectuated.paid("P1", "400.00", on="2027-02-25", through="2027-03-31")
    assert rules(effectuated.sends("2027-07-02")) == [("termination", "TERM")]
    effectuated.paid("P1", "800.00", on="2027-06-29", through="2027-07-31")
    assert rules(effectuated.sends("2027-07-05")) == [("reinstatement", "ISSUER - REINSTATEMENT")]

    assert effectuated.sends("2027-07-06") == []

    assert effectuated.carrier.status("P1") == ("effectuated", False)
    assert ("P1", "payment", "ended-before") in effectuated.findings()


def test_the_carrier_takes_back_an_end_of_its_own(effectuated):
    """Once: the request stays in its extract, and is done."""
    effectuated.asks("terminate", "P1", "TERM-HICS", end="2027-01-31", on="2027-02-01")
    assert rules(effectuated.sends("2027-02-02")) == [("termination", "TERM-HICS")]
    assert effectuated.sends("2027-02-03") == []
    assert effectuated.findings() == []

    effectuated.asks("reinstate", "P1", on="2027-02-10")

    assert rules(effectuated.sends("2027-02-11")) == [("reinstatement", "ISSUER - REINSTATEMENT")]
    assert effectuated.sends("2027-02-12") == []
    assert effectuated.findings() == []


def test_a_directive_leaves_one_day_of_coverage(effectuated):
    """TERM-HICS on the first day is sent, and ends in the book what it ends at the exchange."""
    begin = date(2027, 1, 1)
    effectuated.asks("terminate", "P1", "TERM-HICS", end="2027-01-01", on="2027-02-01")

    assert [row["eligibility_end"] for row in effectuated.sends("2027-02-02")] == [begin]

    carrier = effectuated.carrier
    assert carrier.status("P1") == ("terminated", False)
    assert {row[2:] for row in carrier.coverage("P1")} == {(begin, begin)}
    assert carrier.open_items() == []
    changes, _ = retell(told_sets(carrier.conn, PolicyKey("P1", PARTNER), None))
    assert [one.what for one in list(changes.values())[-1]] == ["ends"]
    assert effectuated.sends("2027-02-03") == []
    effectuated.asks("reinstate", "P1", on="2027-02-10")
    assert rules(effectuated.sends("2027-02-11")) == [("reinstatement", "ISSUER - REINSTATEMENT")]
    assert carrier.status("P1") == ("effectuated", False)


def test_what_the_exchange_has_ended_as_well_is_not_taken_back(carrier, say):
    """Section 7.2.7: the member left at the end of March; a payment, or a request, is told."""
    carrier.receives(say.enrollment("P1", "S1", aptc="0.00"))
    carrier.applies()
    desk = Desk(carrier)
    desk.paid("P1", "600.00", on="2026-12-15", through="2027-02-28")
    desk.sends("2026-12-16")
    carrier.receives(say.at("2027021008000000", say.termination("P1", "S1", date(2027, 3, 31))))
    carrier.applies()
    (row,) = desk.sends("2027-04-02")
    assert (row["transaction"], row["eligibility_end"]) == ("termination", date(2027, 2, 28))

    desk.paid("P1", "300.00", on="2027-03-20", through="2027-03-31")

    assert desk.sends("2027-04-05") == []
    assert desk.findings() == [("P1", "payment", "ended-by-exchange")]
    assert carrier.status("P1") == ("terminated", False)
    desk.asks("reinstate", "P1", on="2027-04-06")
    assert desk.sends("2027-04-07") == []
    assert desk.findings() == [("P1", kind, "ended-by-exchange") for kind in ("payment", "request")]


def test_an_end_that_was_told_ahead_of_its_day_is_not_taken_back(effectuated):
    """Section 7.2.7: a request to the exchange's people is the way."""
    effectuated.asks("terminate", "P1", "TERM-HICS", end="2027-06-30", on="2027-02-01")
    effectuated.sends("2027-02-02")
    effectuated.asks("reinstate", "P1", on="2027-02-10")

    assert effectuated.sends("2027-02-11") == []
    assert effectuated.findings() == [("P1", "request", "end-told-ahead")]


def test_who_is_covered_elsewhere_by_now_is_not_covered_twice(effectuated, say):
    """A later policy of the same person and line, of this plan year."""
    effectuated.asks("terminate", "P1", "TERM-HICS", end="2027-01-31", on="2027-02-01")
    effectuated.sends("2027-02-02")
    effectuated.carrier.receives(say.enrollment("P2", "S1", begin=date(2027, 3, 1)))
    effectuated.carrier.applies()
    effectuated.paid("P2", "200.00", on="2027-02-02", through="2027-03-31")
    effectuated.asks("reinstate", "P1", on="2027-02-10")

    assert [row["exchange_policy_id"] for row in effectuated.sends("2027-02-11")] == ["P2"]
    assert effectuated.findings() == [("P1", "request", "covered-elsewhere")]


def test_an_earlier_end_follows_a_later_one(effectuated):
    """Table 16: accepted only because it is earlier."""
    effectuated.asks("terminate", "P1", "TERM-HICS", end="2027-06-30", on="2027-02-01")
    effectuated.sends("2027-02-02")
    effectuated.asks("terminate", "P1", "TERM-HICS", end="2027-03-31", on="2027-02-05")

    assert [row["eligibility_end"] for row in effectuated.sends("2027-02-06")] == [
        date(2027, 3, 31)
    ]


def test_ids_are_told_once_and_then_known(effectuated):
    """The maintenance is in the book; the next one is about what differs from it."""
    effectuated.knows("P1", "S1", issuer_member_id="M1", issuer_policy_id="C1")
    assert len(effectuated.sends("2027-01-05")) == 2
    assert effectuated.sends("2027-01-06") == []

    effectuated.records.rows["members"] = []
    effectuated.knows("P1", "S1", issuer_member_id="M7", issuer_policy_id="C1")

    (subscriber, _) = effectuated.sends("2027-01-07")
    assert (subscriber["issuer_member_id"], subscriber["former_issuer_member_id"]) == ("M7", "M1")
    assert subscriber["former_issuer_policy_id"] is None
    assert effectuated.sends("2027-01-08") == []


def test_ids_that_come_back_are_told_again(effectuated):
    """Of what was told of ids the last word counts: the exchange knows the other ones."""
    for night, member_id in enumerate(("M1", "M7", "M1", "M7"), 5):
        effectuated.records.rows["members"] = []
        effectuated.knows("P1", "S1", issuer_member_id=member_id)

        (subscriber, *_) = effectuated.sends(f"2027-01-{night:02}")
        assert (subscriber["transaction"], subscriber["issuer_member_id"]) == (
            "maintenance",
            member_id,
        )
    assert effectuated.sends("2027-01-09") == []


def test_ids_that_went_with_the_effectuation_are_known(desk):
    """They are not told again."""
    desk.knows("P1", "S1", issuer_member_id="M1", issuer_subscriber_id="U1", issuer_policy_id="C1")
    desk.knows("P1", "D1", issuer_member_id="M2", issuer_subscriber_id="U1", issuer_policy_id="C1")
    desk.paid("P1", "200.00", on="2026-12-15")
    desk.sends("2026-12-16")

    assert desk.sends("2026-12-17") == []


def test_a_request_that_was_followed_does_not_take_back_a_later_end(effectuated, say):
    """Our own end was asked for and taken back; the end that the exchange tells then stays."""
    effectuated.asks("cancel", "P1", "CANCEL-HICS", on="2027-01-05")
    assert rules(effectuated.sends("2027-01-06")) == [("cancellation", "CANCEL-HICS")]
    effectuated.asks("reinstate", "P1", on="2027-01-08")
    assert rules(effectuated.sends("2027-01-09")) == [("reinstatement", "ISSUER - REINSTATEMENT")]
    ended = say.at("2027011012000000", say.cancellation("P1", "S1"))
    effectuated.carrier.receives(ended)
    effectuated.carrier.applies()

    assert effectuated.carrier.status("P1")[0] == "cancelled"
    assert effectuated.sends("2027-01-11") == []
    assert effectuated.findings() == []


def test_what_could_not_be_read_three_times_waits_for_a_person_each_time_after(desk):
    """One word lets out all attempts to say the same, and is good for one more."""
    desk.paid("P1", "200.00", on="2026-12-15")
    for day in (16, 17, 18):
        assert rules(desk.sends(f"2026-12-{day}")) == [("effectuation", "CONFIRM")] * 2
        desk.is_not_understood()
    assert desk.sends("2026-12-19") == []

    for day in (20, 22):
        allow_again(desk.conn, PARTNER, "P1", "Ada First")
        with pytest.raises(Terminal, match="was let out again before"):
            allow_again(desk.conn, PARTNER, "P1", "Ada First")
        assert rules(desk.sends(f"2026-12-{day}")) == [("effectuation", "CONFIRM")] * 2
        desk.is_not_understood()
        assert desk.sends(f"2026-12-{day + 1}") == []

    assert [state for _, state in desk.decisions()] == ["rejected"] * 5


def test_what_was_rejected_is_let_out_one_by_one_from_the_last(effectuated):
    """Each word of a person is about one decision, also when several of a policy stand rejected."""
    effectuated.sends("2027-05-01")
    first, last = (number for number, _ in effectuated.decisions())
    conn = effectuated.conn
    rejections = conn.begin_nested()  # as though both had been, which the book does not tell
    conn.execute(sa.text("UPDATE book.decision SET state = 'rejected', rejected_by = 'set'"))

    assert allow_again(conn, PARTNER, "P1", "Ada First") == last
    assert allow_again(conn, PARTNER, "P1", "Ada First") == first
    with pytest.raises(Terminal, match="was let out again before"):
        allow_again(conn, PARTNER, "P1", "Ada First")
    with pytest.raises(Terminal, match="Nothing of policy P9"):
        allow_again(conn, PARTNER, "P9", "Ada First")
    rejections.rollback()


def test_what_persons_refused_is_told_until_one_of_them_lets_it_out(effectuated):
    """A hold was refused because an extract lacked payments: of those who owe still, it is told."""
    assert len(effectuated.decides("2027-05-01")) == 1
    effectuated.moves_all_to("refused")

    assert effectuated.decides("2027-05-02") == []
    assert effectuated.findings() == [("P1", "payment", "refused-by-persons")]
    allow_again(effectuated.conn, PARTNER, "P1", "Ada First")
    assert len(effectuated.decides("2027-05-03")) == 1
    assert effectuated.findings() == []
    effectuated.moves_all_to("refused")
    assert effectuated.decides("2027-05-04") == []
    assert effectuated.findings() == [("P1", "payment", "refused-by-persons")]


def test_what_persons_release_while_a_night_sends_waits_for_the_next_one(desk):
    """It was not offered, so nothing hinders it."""
    desk.decides("2027-02-01")
    desk.moves_all_to("held")
    assert desk.offers() == []
    desk.conn.execute(sa.text("UPDATE book.decision SET state = 'released'"))

    assert note_obstacles(desk.conn, PARTNER, tables.OBSTACLES.empty_table()) == 0


def test_a_refused_end_is_not_told_once_it_does_not_follow_any_more(effectuated):
    """What was missing has come: the refusal was right."""
    effectuated.decides("2027-05-01")
    effectuated.moves_all_to("refused")
    effectuated.paid("P1", "600.00", on="2027-04-29", through="2027-04-30")

    assert effectuated.decides("2027-05-02") == []
    assert effectuated.findings() == []


def test_our_own_later_word_does_not_close_what_the_exchange_rejected(effectuated):
    """The end is rejected, and ids are told the next night: the coverage goes on, which is told."""
    assert rules(effectuated.sends("2027-05-01")) == [("termination", "TERM")]
    effectuated.is_not_understood()
    conn = effectuated.conn
    conn.execute(
        sa.text("UPDATE book.decision SET rejected_by = 'set' WHERE rejected_by IS NOT NULL")
    )
    effectuated.knows("P1", "S1", issuer_member_id="M1", issuer_policy_id="C1")

    assert rules(effectuated.sends("2027-05-02"))[0] == ("maintenance", "ISSUER MAINT")

    assert [item[:2] for item in effectuated.carrier.open_items() if item[0] == "rejected"] == [
        ("rejected", "P1")
    ]
