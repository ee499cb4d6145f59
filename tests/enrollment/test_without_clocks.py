"""Sets without REQUEST SUBMIT TIMESTAMP, and what was said before a policy was enrolled again."""

from datetime import date, datetime

import pytest

JULY, OCTOBER = date(2027, 6, 30), date(2027, 9, 30)
CLOCKS = [f"202611{day}08000000" for day in range(10, 20)]
NAMES = [datetime(2026, 11, day, 18) for day in range(10, 20)]


def changed(say, amount):
    """A change of the APTC from the first day on, without a clock."""
    said = say.change("P1", "S1", amounts=[("APTC AMT", amount, date(2027, 3, 1))], reason="CHANGE")
    said.people[0].member["maintenance_reason"] = "EC"
    del said.people[0].categories[0]
    return said


def aptc(carrier):
    """The APTC that is believed of March on."""
    rows = carrier.conn.exec_driver_sql(
        "SELECT amount FROM book.amount WHERE name = 'APTC AMT' AND known_to = 'infinity'"
        " AND valid_from = DATE '2027-03-01'"
    )
    return [int(amount) for amount in rows.scalars()]


@pytest.mark.parametrize("nights", [1, 3])
def test_an_amount_that_is_said_again_after_another_waits_for_a_person(
    carrier_of_a_state, say, nights
):
    """It may be the old file once more, or a correction back: nothing tells."""
    carrier = carrier_of_a_state
    carrier.receives(say.enrollment("P1", "S1"), named_at=NAMES[0])
    for night, amount in enumerate(("100.00", "90.00", "100.00"), start=1):
        named_at = NAMES[night] if nights > 1 else NAMES[1].replace(minute=night)
        carrier.receives(changed(say, amount), named_at=named_at)
    carrier.applies()

    assert aptc(carrier) == [90]
    assert carrier.open_items() == [("waits", "P1", "said-again")]


def test_the_last_change_that_is_sent_again_is_a_copy(carrier_of_a_state, say):
    """Whatever day its file's name tells."""
    carrier = carrier_of_a_state
    carrier.receives(say.enrollment("P1", "S1"), named_at=NAMES[0])
    for night, amount in enumerate(("100.00", "90.00", "90.00"), start=1):
        carrier.receives(changed(say, amount), named_at=NAMES[night])
    carrier.applies()

    assert aptc(carrier) == [90]
    assert carrier.open_items() == []


def test_files_whose_names_tell_no_time_stand_as_they_came(carrier_of_a_state, say):
    """The later amount holds, wherever in its file it stands and whatever it is."""
    for last in ("70.00", "80.00", "90.00", "95.00"):
        carrier = carrier_of_a_state
        with carrier.conn.begin_nested() as savepoint:
            carrier.receives(say.enrollment("P1", "S1"), say.enrollment("P2", "S2"), name="a.834")
            more = say.enrollment("P3", "S3")
            carrier.receives(more, changed(say, "100.00"), name="b.834")
            carrier.receives(changed(say, last), name="c.834")
            carrier.applies()
            assert aptc(carrier) == [int(float(last))]
            savepoint.rollback()


def test_what_waited_through_a_cancellation_is_not_let_loose_on_the_next_enrollment(carrier, say):
    """A change that the cancelled policy could not take is over; its ends had applied before."""
    said = [
        say.enrollment("P1", "S1"),
        say.termination("P1", "S1", JULY),
        say.termination("P1", "S1", OCTOBER),
        say.cancellation("P1", "S1"),
        say.change("P1", "S1", last_name="OLD"),
        say.enrollment("P1", "S1", premium="310.00"),
    ]
    ids = [carrier.receives(say.at(clock, one)) for clock, one in zip(CLOCKS, said, strict=False)]
    carrier.applies()

    assert carrier.coverage("P1") == [("S1", "01", date(2027, 1, 1), None)]
    assert carrier.book()["P1", "S1"]["last_name"] == "SAMPLE"
    told = [carrier.dispositions(ids[n]) for n in (2, 4)]
    assert told == [[("accepted", None)], [("accepted", "before-enrollment")]]
    assert carrier.open_items() == []


def test_an_enrollment_of_before_the_last_one_is_no_copy(carrier, say):
    """X, cancelled, Y, and X once more: nobody can tell what is meant."""
    said = [
        say.enrollment("P1", "S1"),
        say.cancellation("P1", "S1"),
        say.enrollment("P1", "S1", premium="310.00"),
        say.enrollment("P1", "S1"),
    ]
    for clock, one in zip(CLOCKS, said, strict=False):
        carrier.receives(say.at(clock, one))
    again = carrier.receives(say.at(CLOCKS[0], said[0]))
    carrier.applies()

    assert carrier.open_items() == [("waits", "P1", "policy-exists")]
    assert carrier.dispositions(again) == [("accepted", "transaction-duplicate")]
