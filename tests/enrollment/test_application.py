"""What the exchange's transactions do to the book."""

from datetime import date, datetime
from decimal import Decimal

NEXT_NIGHT = datetime.fromisoformat("2026-12-02T06:00:00+00:00")


def test_an_enrollment_enters_the_book(carrier, say):
    """An initial enrollment makes a policy with its members and amounts, not yet effectuated."""
    file_id = carrier.receives(say.enrollment("P1", "S1", "D1"))

    result = carrier.applies()

    assert (result.applied, result.duplicate, result.pending) == (1, 0, 0)
    subscriber = carrier.book()["P1", "S1"]
    assert subscriber["policy_status"] == "initial"
    assert subscriber["benefit_begin"] == date(2027, 1, 1)
    assert subscriber["benefit_end"] is None
    assert subscriber["premium_total"] == Decimal("300.00")
    assert subscriber["aptc"] == Decimal("100.00")
    assert subscriber["file_id"] == file_id
    assert carrier.book()["P1", "D1"]["premium_total"] is None
    assert carrier.dispositions(file_id) == [("accepted", None), ("accepted", None)]
    assert carrier.file_state(file_id) == "applied"
