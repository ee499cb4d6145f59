"""Which transaction sets become events, and which are refused for what they say themselves."""

import pytest
import sqlalchemy as sa

from enrollment.staging import stage_file
from schemas.book import event, event_set


def test_a_file_is_staged_once(carrier, say):
    """Staging a file again adds no event."""
    file_id = carrier.receives(say.enrollment("P1", "S1", "D1"))

    again = stage_file(carrier.conn, file_id, carrier.exchange, carrier.parsed, carrier.run_id)

    assert again == 0
    assert carrier.conn.scalar(sa.select(sa.func.count()).select_from(event)) == 2


def test_an_event_knows_its_bytes(carrier, say):
    """Each event has the place of its INS in the file."""
    file_id = carrier.receives(say.enrollment("P1", "S1", "D1"))

    places = sa.select(event.c.file_id, event.c.byte_start).order_by(event.c.member_ordinal)

    assert [tuple(row) for row in carrier.conn.execute(places)] == [(file_id, 100), (file_id, 200)]


@pytest.mark.parametrize(
    ("spoilt", "reason"),
    [
        ({"reason": "NOBODY KNOWS THIS"}, "unknown-combination"),
        ({"maintenance_reason": "99"}, "unknown-combination"),
        ({"policy": None}, "no-policy-id"),
        ({"plan": None}, "no-plan-id"),
        ({"begin": None}, "no-begin-date"),
        ({"exchange_member_id": "S1"}, "member-ids-not-unique"),
        ({"is_subscriber": True}, "not-one-subscriber"),
        ({"is_subscriber": False}, "not-one-subscriber"),
        ({"is_subscriber": None}, "not-one-subscriber"),
    ],
)
def test_a_set_that_can_be_no_transaction_is_refused(carrier, say, spoilt, reason):
    """The whole household is refused with one reason, and the next one is not harmed."""
    said = {"policy": "P1"} | spoilt
    policy = said.pop("policy")
    file_id = carrier.receives(
        say.enrollment(policy, "S1", "D1", **said), say.enrollment("P2", "S2")
    )

    result = carrier.applies()

    assert carrier.dispositions(file_id) == [("rejected", reason)] * 2 + [("accepted", None)]
    assert result.applied == 1
    assert set(carrier.book()) == {("P2", "S2")}


def test_a_termination_without_an_end_is_refused(carrier, say):
    """Without DTP*357 nobody knows when coverage ends."""
    file_id = carrier.receives(say.termination("P1", "S1", None))

    assert carrier.dispositions(file_id) == [("rejected", "no-end-date")]


def test_a_spelling_of_a_reason_is_no_other_reason(carrier, say):
    """Blanks, hyphens and dashes in ADDL MAINT REASON do not count."""
    carrier.receives(say.cancellation("P1", "S1", reason="CANCEL \N{EN DASH} Oth-Coverage"))

    staged = carrier.conn.execute(sa.select(event_set.c.transaction, event_set.c.state)).one()

    assert tuple(staged) == ("cancellation", "staged")


def test_what_is_no_number_is_no_amount(carrier, say):
    """A category with an amount's qualifier and no number in it is left out, not fatal."""
    carrier.receives(say.enrollment("P1", "S1"))
    amounts = [("PRE AMT TOT", "THREE HUNDRED", None), ("APTC AMT", "99999999999.00", None)]
    carrier.receives(say.change("P1", "S1", amounts=[*amounts, ("TOT RES AMT", ".5", None)]))

    names = sa.select(event.c.amount_names).where(event.c.maintenance_type == "001")

    assert list(carrier.conn.scalars(names)) == [["TOT RES AMT"]]
