"""Questions to a book that remembers what it believed, and when."""

from datetime import datetime

from enrollment.snapshot import book_snapshot
from schemas import tables

NIGHTS = [datetime.fromisoformat(f"2027-0{month}-01T06:00:00+00:00") for month in (1, 2)]


def test_a_snapshot_of_a_former_night_does_not_change(carrier, say):
    """What a night froze can be made again, to the byte, after later nights."""
    carrier.begins_night(NIGHTS[0])
    carrier.receives(say.enrollment("P1", "S1", "D1"))
    carrier.applies()
    frozen = book_snapshot(carrier.conn, "cedar-valley-tx", NIGHTS[0])
    carrier.begins_night(NIGHTS[1])
    carrier.receives(say.change("P1", "S1", last_name="RENAMED"))
    carrier.receives(say.enrollment("P2", "S2"))
    carrier.applies()

    again = book_snapshot(carrier.conn, "cedar-valley-tx", NIGHTS[0])

    assert frozen.schema.equals(tables.BOOK_MEMBERS)
    assert frozen.num_rows == 2
    assert again.equals(frozen)


def test_a_book_shows_no_other_partners_policies(carrier, say):
    """A partner's snapshot holds that partner's rows only."""
    carrier.receives(say.enrollment("P1", "S1"))
    carrier.applies()

    assert book_snapshot(carrier.conn, "harbor-light-nc", carrier.as_of).num_rows == 0
