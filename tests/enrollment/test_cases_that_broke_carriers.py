"""What has gone wrong between exchanges and carriers, and what the book makes of it."""

import itertools
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from schemas.book import address, identifier, member

NEW_YEAR = date(2027, 1, 1)
END_OF_MARCH, APRIL = date(2027, 3, 31), date(2027, 4, 1)
END_OF_JUNE, JULY = date(2027, 6, 30), date(2027, 7, 1)
NIGHT = datetime.fromisoformat("2026-12-01T06:00:00+00:00")
SILVER_04, SILVER_05 = "91001TX001000204", "91001TX001000205"


def current(carrier, *columns):
    """Columns of a table of the book, as believed now."""
    table = columns[0].table
    known = table.c.known_to == sa.text("'infinity'")
    rows = carrier.conn.execute(sa.select(*columns).where(known).order_by(*columns))
    return [tuple(row) for row in rows]


@pytest.mark.parametrize("arrival", list(itertools.permutations(range(3))))
def test_enrolled_and_cancelled_several_times_in_a_day_the_last_word_holds(carrier, say, arrival):
    """The clock tells which was the last, whatever file came first."""
    told = [
        say.at("2026113009000000", say.enrollment("P1", "S1", premium="300.00")),
        say.at("2026113010000000", say.cancellation("P1", "S1")),
        say.at("2026113011000000", say.enrollment("P1", "S1", premium="320.00")),
    ]
    for place in arrival:
        carrier.receives(told[place])
        carrier.applies()

    book = carrier.book()["P1", "S1"]
    assert (book["policy_status"], book["premium_total"]) == ("initial", Decimal("320.00"))
    assert carrier.coverage("P1") == [("S1", "01", NEW_YEAR, None)]
    assert carrier.set_states() == {"applied": 3}


def test_one_person_in_three_plans_is_told(carrier, say):
    """The exchange decides on eligibility: all three apply, and somebody has to ask."""
    for number in (1, 2, 3):
        carrier.receives(say.enrollment(f"P{number}", "S1"))

    assert carrier.applies().applied == 3

    assert carrier.open_items() == [
        ("covered-twice", "P1", "P2"),
        ("covered-twice", "P1", "P3"),
        ("covered-twice", "P2", "P3"),
    ]


def test_a_spouse_sent_as_a_child_is_corrected(carrier, say):
    """The relationship changes, the person stays one."""
    carrier.receives(say.enrollment("P1", "S1", "D1"))
    spouse = say.unchanged("P1", "S1", "D1", relationship_code="01")
    carrier.receives(say.change("P1", "S1", spouse, reason="NO CHANGE"))
    carrier.applies()

    assert current(carrier, member.c.exchange_member_id, member.c.relationship_code) == [
        ("D1", "01"),
        ("S1", "18"),
    ]


def test_orphaned_dependents_wait_for_their_subscriber(carrier, say):
    """A change of a household that nobody has enrolled waits, and goes through by itself."""
    orphans = carrier.receives(say.change("P1", "S1", say.added("P1", "S1", "D1", APRIL)))
    carrier.applies()
    assert carrier.dispositions(orphans) == [("pending", "unknown-policy")] * 2
    assert carrier.open_items() == [("waits", "P1", "unknown-policy")]

    carrier.begins_night(NIGHT + timedelta(days=1))
    carrier.receives(say.enrollment("P1", "S1"))
    carrier.applies()

    assert carrier.dispositions(orphans) == [("accepted", None)] * 2
    assert carrier.coverage("P1") == [("D1", "01", APRIL, None), ("S1", "01", NEW_YEAR, None)]
    assert carrier.open_items() == []


def test_a_termination_on_the_first_day_is_not_guessed_to_be_a_cancellation(carrier, say):
    """It waits; the coverage stays."""
    carrier.receives(say.enrollment("P1", "S1"), say.termination("P1", "S1", NEW_YEAR))
    carrier.applies()

    assert carrier.open_items() == [("waits", "P1", "end-not-after-begin")]
    assert carrier.coverage("P1") == [("S1", "01", NEW_YEAR, None)]


def test_where_a_state_cancels_by_an_end_on_the_first_day_it_is_one(carrier_of_a_state, say):
    """The exchange's own table says so."""
    carrier = carrier_of_a_state
    carrier.receives(say.enrollment("P1", "S1"))
    carrier.receives(say.termination("P1", "S1", NEW_YEAR, "", "59"))
    carrier.applies()

    assert carrier.book()["P1", "S1"]["policy_status"] == "cancelled"
    assert carrier.coverage("P1") == []


def test_a_carry_forward_cancel_takes_back_a_renewal_months_later(carrier, say):
    """Nothing of the new year is in effect; that we believed it until then stays known."""
    renewal = say.enrollment("P1", "S1", reason="PASSIVE", maintenance_reason="41")
    carrier.receives(renewal, function_code="I834AR")
    carrier.applies()
    carrier.begins_night(datetime.fromisoformat("2027-04-02T06:00:00+00:00"))
    carrier.receives(say.cancellation("P1", "S1", NEW_YEAR, "CANCEL - CARRYFORWARD", None))
    carrier.applies()

    before = carrier.book(known_at=datetime.fromisoformat("2027-04-01T06:00:00+00:00"))
    assert before["P1", "S1"]["policy_status"] == "effectuated"
    assert carrier.book()["P1", "S1"]["policy_status"] == "cancelled"
    assert carrier.coverage("P1") == []


def test_a_retroactive_change_reaches_back_and_what_was_believed_stays_known(carrier, say):
    """In June we learn of an amount of March: from June on March had it always."""
    carrier.receives(say.enrollment("P1", "S1"))
    carrier.applies()
    carrier.begins_night(datetime.fromisoformat("2027-06-01T06:00:00+00:00"))
    amounts = [("APTC AMT", "40.00", date(2027, 3, 1))]
    carrier.receives(say.change("P1", "S1", amounts=amounts, submitted="2027053112000000"))
    carrier.applies()

    told = sa.text(
        "SELECT amount, valid_from, valid_to FROM book.effective_amount"
        " WHERE name = 'APTC AMT' AND known_from <= :at AND known_to > :at ORDER BY valid_from"
    )
    in_may = carrier.conn.execute(told, {"at": "2027-05-31T00:00:00+00:00"})
    in_june = carrier.conn.execute(told, {"at": carrier.as_of})
    assert [tuple(row) for row in in_may] == [(Decimal("100.00"), NEW_YEAR, None)]
    assert [tuple(row) for row in in_june] == [
        (Decimal("100.00"), NEW_YEAR, date(2027, 2, 28)),
        (Decimal("40.00"), date(2027, 3, 1), None),
    ]


@pytest.mark.parametrize("ended", ["terminated", "cancelled"])
def test_a_reinstatement_brings_back_all_that_came_and_went(carrier_of_a_state, say, ended):
    """Additions, removals and amounts from before the end are in effect again (7.2.7)."""
    carrier = carrier_of_a_state
    end = END_OF_MARCH if ended == "terminated" else NEW_YEAR
    removal = say.removed("P1", "S1", "D1", END_OF_JUNE)
    removal.member.update(maintenance_reason="59", additional_maintenance_reason=None)
    addition = say.added("P1", "S1", "D2", JULY)
    addition.member["maintenance_reason"] = "02"
    change = say.change("P1", "S1", removal, addition, maintenance_reason="EC", reason="CHANGE")
    carrier.receives(say.at("2026112001000000", say.enrollment("P1", "S1", "D1")))
    carrier.receives(say.at("2026112101000000", change))
    carrier.applies()
    whole = carrier.coverage("P1")
    carrier.receives(say.at("2026112201000000", say.termination("P1", "S1", end, "", "59")))
    carrier.applies()
    ended_book = carrier.book()["P1", "S1"]["policy_status"], carrier.coverage("P1")
    carrier.receives(say.at("2026112301000000", say.reinstatement("P1", "S1")))
    carrier.applies()

    assert ended_book[0] == ended
    assert all(last == END_OF_MARCH for *_, last in ended_book[1])
    assert [row[0] for row in whole] == ["D1", "D2", "S1"]
    assert carrier.coverage("P1") == whole
    assert carrier.book()["P1", "S1"]["policy_status"] == "initial"


def test_a_newborn_is_covered_from_the_day_of_birth(carrier, say):
    """Added weeks later, in the middle of a month: nobody else's coverage changes."""
    born = date(2027, 2, 17)
    carrier.receives(say.enrollment("P1", "S1", "D1"))
    carrier.applies()
    carrier.begins_night(datetime.fromisoformat("2027-03-20T06:00:00+00:00"))
    newborn = say.added("P1", "S1", "D2", born)
    unchanged = say.unchanged("P1", "S1", "D1")
    carrier.receives(say.change("P1", "S1", unchanged, newborn, reason="NO CHANGE"))
    carrier.applies()

    assert carrier.coverage("P1") == [
        ("D1", "01", NEW_YEAR, None),
        ("D2", "01", born, None),
        ("S1", "01", NEW_YEAR, None),
    ]


def test_a_transfer_between_variants_ends_one_span_and_begins_the_next(carrier, say):
    """The policy stays; so does the begin of coverage that is compared with the carrier's."""
    carrier.receives(say.enrollment("P1", "S1", "D1", plan=SILVER_04))
    moved = say.change("P1", "S1", reason="CSR VARIANT CHANGE", maintenance_effective=APRIL)
    moved.people[0].coverage["plan_id"] = SILVER_05
    carrier.receives(moved)
    carrier.applies()

    assert carrier.coverage("P1") == [
        (person, *span)
        for person in ("D1", "S1")
        for span in [("04", NEW_YEAR, END_OF_MARCH), ("05", APRIL, None)]
    ]
    row = carrier.book()["P1", "D1"]
    assert (row["plan_id"], row["benefit_begin"], row["benefit_end"]) == (SILVER_05, NEW_YEAR, None)


def test_who_leaves_and_comes_back_has_two_spans(carrier, say):
    """Between them there is no coverage."""
    carrier.receives(say.enrollment("P1", "S1", "D1"))
    carrier.receives(say.change("P1", "S1", say.removed("P1", "S1", "D1", END_OF_MARCH)))
    back = say.change("P1", "S1", say.added("P1", "S1", "D1", JULY), submitted="2026113013000000")
    carrier.receives(back)
    carrier.applies()

    assert carrier.coverage("P1") == [
        ("D1", "01", NEW_YEAR, END_OF_MARCH),
        ("D1", "01", JULY, None),
        ("S1", "01", NEW_YEAR, None),
    ]
    assert carrier.book()["P1", "D1"]["benefit_begin"] == JULY


def test_a_full_file_in_place_of_changes_ends_and_changes_nobody(carrier_of_a_state, say):
    """Who is left out stays; what differs is told by its name."""
    carrier = carrier_of_a_state
    carrier.receives(say.enrollment("P1", "S1", "D1"), say.enrollment("P2", "S2"))
    carrier.applies()
    covered = carrier.coverage("P1"), carrier.coverage("P2")
    carrier.begins_night(NIGHT + timedelta(days=1))
    audits = [
        say.at("2026120101000000", say.audit("P1", "S1", aptc="90.00", last_name="OTHER")),
        say.at("2026120101000000", say.audit("P9", "S9")),
    ]
    file_id = carrier.receives(*audits)
    result = carrier.applies()

    assert (result.applied, result.pending) == (1, 1)
    assert (carrier.coverage("P1"), carrier.coverage("P2")) == covered
    assert carrier.book()["P1", "S1"]["last_name"] == "SAMPLE"
    assert carrier.dispositions(file_id) == [("accepted", None), ("pending", "unknown-policy")]
    assert carrier.open_items() == [("waits", "P9", "unknown-policy")]
    assert [
        (row["kind"], row["exchange_policy_id"], row["field"], row["carrier_value"])
        for row in carrier.told_otherwise("P1", "P9")
    ] == [
        ("differs", "P1", "aptc", "90.00"),
        ("differs", "P1", "responsible_amount", "210.00"),
        ("differs", "P1", "last_name", "OTHER"),
        ("missing_at_carrier", "P2", None, None),
    ]


def chain(say):
    """Two inconsistencies expire: four transactions where two would do (CMS, September 2014)."""
    return [
        say.at("2027021501000000", say.termination("P1", "S1", END_OF_MARCH, "TERM-NLE", "07")),
        say.at("2027021501000100", say.enrollment("P2", "S1", "D1", begin=APRIL, reason="CIC")),
        say.at("2027021502000000", say.cancellation("P2", "S1", APRIL, "CANCEL-NLE", "07")),
        say.at("2027021502000100", say.enrollment("P3", "S1", begin=APRIL, reason="CIC")),
    ]


@pytest.mark.parametrize("arrival", list(itertools.permutations(range(4)))[::5])
def test_four_transactions_where_two_would_do_end_in_one_policy(carrier, say, arrival):
    """TERM-NLE, CIC, CANCEL-NLE, CIC: in whatever order, nobody is covered twice or not at all."""
    carrier.receives(say.at("2026110101000000", say.enrollment("P1", "S1", "D1", "D2")))
    carrier.applies()
    told = chain(say)
    for place in arrival:
        carrier.receives(told[place])
        carrier.applies()

    status = {row["exchange_policy_id"]: row["policy_status"] for row in carrier.book().values()}
    assert status == {"P1": "terminated", "P2": "cancelled", "P3": "initial"}
    assert carrier.coverage("P2") == []
    assert carrier.coverage("P3") == [("S1", "01", APRIL, None)]
    assert {last for *_, last in carrier.coverage("P1")} == {END_OF_MARCH}
    assert carrier.open_items() == []


def test_an_enrollment_that_is_sent_again_late_comes_before_its_change(carrier, say):
    """The I834RT file brings it a week after the change: both apply, in their own order."""
    change = say.at("2026112001000000", say.change("P1", "S1", last_name="RENAMED"))
    carrier.receives(change)
    carrier.applies()
    carrier.begins_night(NIGHT + timedelta(days=7))
    enrollment = say.at("2026111901000000", say.enrollment("P1", "S1"))
    carrier.receives(enrollment, function_code="I834RT", named_at=datetime(2026, 12, 8, 6))
    carrier.applies()

    assert carrier.book()["P1", "S1"]["last_name"] == "RENAMED"
    assert carrier.set_states() == {"applied": 2}


def test_a_copy_that_comes_late_does_not_bring_old_data_back(carrier, say):
    """The copy keeps its clock: what was said since holds."""
    older = say.at("2026112001000000", say.change("P1", "S1", last_name="OLDER"))
    newer = say.at("2026112002000000", say.change("P1", "S1", last_name="NEWER"))
    carrier.receives(say.at("2026111901000000", say.enrollment("P1", "S1")), older, newer)
    carrier.applies()
    carrier.begins_night(NIGHT + timedelta(days=7))
    copy = carrier.receives(older, function_code="I834RT", named_at=datetime(2026, 12, 8, 6))
    carrier.applies()

    assert carrier.book()["P1", "S1"]["last_name"] == "NEWER"
    assert carrier.dispositions(copy) == [("accepted", "transaction-duplicate")]


@pytest.mark.parametrize("first", ["left", "entered"])
def test_halves_of_a_change_in_circumstance_find_each_other(carrier, say, first):
    """Each applies when it comes; until the other has come, that is told."""
    halves = {
        "left": say.termination("P1", "S1", END_OF_MARCH, "TERM CIC"),
        "entered": say.enrollment("P2", "S1", "D1", begin=APRIL, reason="CIC"),
    }
    missing = {
        "left": [("half-a-change", "P1", "no-policy-entered")],
        "entered": [("covered-twice", "P1", "P2"), ("half-a-change", "P2", "no-policy-left")],
    }
    carrier.receives(say.enrollment("P1", "S1"))
    carrier.receives(halves.pop(first))
    assert carrier.applies().pending == 0
    assert carrier.open_items() == missing[first]

    carrier.receives(*halves.values())
    assert carrier.applies().pending == 0
    pairs = sa.text("SELECT left_policy_id, entered_policy_id FROM book.change_in_circumstance")
    assert [tuple(row) for row in carrier.conn.execute(pairs)] == [("P1", "P2")]
    assert carrier.open_items() == []


def test_an_effectuation_outlives_whatever_is_folded_again(carrier, say):
    """A late transaction, and a copy of the enrollment from before: effectuated once, and still."""
    enrollment = say.at("2026112001000000", say.enrollment("P1", "S1"))
    carrier.receives(enrollment, named_at=datetime(2026, 11, 25))
    carrier.applies()
    carrier.decides([("P1", "200.00")])
    carrier.sends_effectuations()
    carrier.begins_night(NIGHT + timedelta(days=1))
    carrier.receives(enrollment, function_code="I834AR", named_at=datetime(2026, 11, 24))
    late = say.at("2026112101000000", say.change("P1", "S1", last_name="RENAMED"))
    carrier.receives(late)
    carrier.applies()

    row = carrier.book()["P1", "S1"]
    assert (row["policy_status"], row["last_name"]) == ("effectuated", "RENAMED")
    assert carrier.decides([("P1", "400.00")]).num_rows == 0


def test_who_is_enrolled_again_after_a_cancellation_is_confirmed_again(carrier, say):
    """The decision answered an enrollment that was cancelled since."""
    carrier.receives(say.at("2026112001000000", say.enrollment("P1", "S1")))
    carrier.applies()
    carrier.decides([("P1", "200.00")])
    carrier.sends_effectuations()
    carrier.begins_night(NIGHT + timedelta(days=1))
    carrier.receives(say.at("2026112101000000", say.cancellation("P1", "S1")))
    carrier.receives(say.at("2026112201000000", say.enrollment("P1", "S1")))
    carrier.applies()

    assert carrier.book()["P1", "S1"]["policy_status"] == "initial"
    assert carrier.decides([("P1", "200.00")]).num_rows == 1


def test_former_ids_and_addresses_stay(carrier, say):
    """The issuer's ids and a mailing address change with the date of a maintenance."""
    mailing = {"mailing_line_1": "PO BOX 1", "mailing_city": "AUSTIN"}
    carrier.receives(say.enrollment("P1", "S1", issuer_member_id="I1", **mailing))
    changed = {"issuer_member_id": "I2", "mailing_line_1": "PO BOX 2", "mailing_city": "DALLAS"}
    carrier.receives(say.change("P1", "S1", maintenance_effective=APRIL, **changed))
    carrier.applies()

    assert current(carrier, identifier.c.value, identifier.c.valid_from, identifier.c.valid_to) == [
        ("I1", NEW_YEAR, END_OF_MARCH),
        ("I2", APRIL, None),
    ]
    columns = (address.c.kind, address.c.address_line_1, address.c.valid_from, address.c.valid_to)
    assert current(carrier, *columns) == [
        ("mailing", "PO BOX 1", NEW_YEAR, END_OF_MARCH),
        ("mailing", "PO BOX 2", APRIL, None),
        ("residence", "1 SAMPLE STREET", NEW_YEAR, None),
    ]


def test_a_former_id_that_the_exchange_echoes_is_known(carrier, say):
    """It was so from the first day on, if the book has not been told otherwise before."""
    echoed = {"issuer_member_id": "I2", "former_issuer_member_id": "I1"}
    known = {"issuer_subscriber_id": "S-2", "former_issuer_subscriber_id": "S-0"}
    carrier.receives(say.enrollment("P1", "S1", issuer_subscriber_id="S-1"))
    change = say.change("P1", "S1", maintenance_effective=APRIL, **echoed, **known)
    change.people[0].coverage.update(issuer_policy_id="X2", former_issuer_policy_id="X1")
    carrier.receives(change)
    carrier.applies()

    columns = (
        identifier.c.kind,
        identifier.c.value,
        identifier.c.valid_from,
        identifier.c.valid_to,
    )
    assert current(carrier, *columns) == [
        ("issuer_member_id", "I1", NEW_YEAR, END_OF_MARCH),
        ("issuer_member_id", "I2", APRIL, None),
        ("issuer_policy_id", "X1", NEW_YEAR, END_OF_MARCH),
        ("issuer_policy_id", "X2", APRIL, None),
        ("issuer_subscriber_id", "S-1", NEW_YEAR, END_OF_MARCH),
        ("issuer_subscriber_id", "S-2", APRIL, None),
    ]


def test_a_change_that_names_another_begin_is_told(carrier, say):
    """The book keeps its begin: another one is a new policy (CMS guide 7.2, 6.6, scenario 3)."""
    carrier.receives(say.enrollment("P1", "S1", "D1"))
    change = say.change("P1", "S1", say.unchanged("P1", "S1", "D1"), submitted="2026113012000000")
    change.people[1].coverage["benefit_begin"] = APRIL
    carrier.receives(change)
    carrier.applies()
    told = carrier.open_items()
    carrier.receives(say.change("P1", "S1", submitted="2026113013000000"))
    carrier.applies()

    assert told == [("other-begin", "P1", "D1")]
    assert carrier.book()["P1", "D1"]["benefit_begin"] == NEW_YEAR
    assert carrier.open_items() == []


def test_a_second_coverage_on_one_ins_is_told(carrier, say):
    """A policy has one plan: the first HD is in the book, and somebody has to ask for the other."""
    enrollment = say.enrollment("P1", "S1")
    dental = {"coverage_ordinal": 2, "insurance_line": "DEN", "plan_id": "91001TX090000101"}
    first = enrollment.people[0]
    enrollment.people[0] = replace(first, further=(first.coverage | dental,))
    carrier.receives(enrollment)
    carrier.applies()
    told = carrier.open_items()
    carrier.receives(say.cancellation("P1", "S1"))
    carrier.applies()

    assert told == [("further-coverage", "P1", "DEN")]
    assert carrier.book()["P1", "S1"]["insurance_line"] == "HLT"
    assert carrier.open_items() == []


def test_an_old_half_of_a_change_does_not_hide_a_new_one_that_is_missing(carrier, say):
    """The same person changes twice: the end that was said last year belongs to the first time."""
    carrier.receives(
        say.at("2026110101000000", say.enrollment("P1", "S1")),
        say.at("2027021501000000", say.termination("P1", "S1", END_OF_MARCH, "TERM CIC")),
        say.at("2027021501000100", say.enrollment("P2", "S1", begin=APRIL, reason="CIC")),
        say.at("2027051501000000", say.enrollment("P3", "S1", begin=JULY, reason="CIC")),
    )
    carrier.applies()
    missing = carrier.open_items()
    ended = say.termination("P2", "S1", END_OF_JUNE, "TERM CIC")
    carrier.receives(say.at("2027051501000100", ended))
    carrier.applies()

    assert missing == [("covered-twice", "P2", "P3"), ("half-a-change", "P3", "no-policy-left")]
    assert carrier.open_items() == []


def test_a_broker_may_come_change_and_go(carrier, say):
    """Only a change of the broker without one ends it; other sets without one say nothing."""
    told = [
        (say.enrollment("P1", "S1"), ("FIRST", "N1")),
        (say.change("P1", "S1", last_name="RENAMED", maintenance_effective=APRIL), None),
        (broker_change(say, APRIL, "2026113013000000"), ("SECOND", "N2")),
        (broker_change(say, JULY, "2026113014000000"), None),
    ]
    for transaction_set, broker in told:
        if broker:
            transaction_set.header.update(broker_name=broker[0], broker_id=broker[1])
        carrier.receives(transaction_set)
    carrier.applies()

    rows = carrier.conn.execute(
        sa.text("SELECT broker_id, valid_from, valid_to FROM book.broker ORDER BY valid_from")
    )
    assert [tuple(row) for row in rows] == [
        ("N1", NEW_YEAR, END_OF_MARCH),
        ("N2", APRIL, END_OF_JUNE),
    ]


def broker_change(say, day, submitted):
    """An AGENT BROKER INFO maintenance from that day on."""
    more = {"maintenance_effective": day, "submitted": submitted}
    return say.change("P1", "S1", reason="AGENT BROKER INFO", **more)
