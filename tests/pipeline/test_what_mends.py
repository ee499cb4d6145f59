"""What proves a rejected set mended, and what does not: docs/decisions/0080."""

import pytest

from tests.cases.house import opened_house
from tests.pipeline.desk import LATER, Desk, rows

POTOMAC = "potomac-dc"
# An end that the exchange gives no further reason for.
STOP = {"LX*2": [], "N1*75*ADDL": [], "REF*17*CANCEL": [], "DTP*007": []}
FALLS, HOLDS = (STOP | {"INS*Y": [f"INS*Y*{one}*024*59*A***TE"]} for one in ("", "18"))
# The household as a full file of the exchange tells it, by a clock behind all that was said.
AUDIT = {"*021*EC*": "*030*XN*", "HD*021*": "HD*030*", "*ET***2": "*ET***4", **LATER}
STATES = "SELECT transaction, state FROM book.event_set ORDER BY file_id"


@pytest.fixture
def district(tmp_path, engine):
    """A household of an exchange that sends full files of what it knows."""
    desk = Desk(opened_house(tmp_path, engine), POTOMAC)
    desk.night({}, base="dc-initial")
    return desk


def test_an_audit_does_not_prove_that_a_rejected_end_is_mended(district):
    """It says who is covered, and changes nothing: the end is not in the book."""
    district.night(FALLS, base="dc-cancellation")
    district.night(AUDIT, base="dc-initial")
    assert rows(district, STATES) == [("initial", "applied"), ("audit", "applied")]
    assert district.all() == ["new"]
    district.night({**HOLDS, **LATER}, base="dc-cancellation")
    assert district.all("state", "resolved_file_id") == [("resolved", district.nights.file_ids[3])]


def test_an_audit_that_fell_is_mended_by_one(district):
    """What it was to be compared with is compared."""
    district.night({**AUDIT, "INS*Y": ["INS*Y**030*XN*A***AC"]}, base="dc-initial")
    assert district.all("state", "maintenance_type") == [("new", "030")]
    district.night(AUDIT, base="dc-initial")
    assert district.all("state", "resolved_file_id") == [("resolved", district.nights.file_ids[2])]
