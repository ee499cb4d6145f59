"""A correction that is in the book closes the case of its set, whatever of the set it moves."""

import pytest

from pipeline.replay import replay
from tests.cases.house import opened_house
from tests.pipeline.desk import NO_RELATION, Desk, draft, let_go, next_night, rows

CLOCK, POLICY = "REF*17*2026030112000000", "REF*1L*9100000001"
MOVED = (  # what is wrong besides, and what is made of it
    ({CLOCK: ["REF*17*2027030112000000"]}, ["#25*02=2026030112000000", "#70*02=2026030112000000"]),
    ({CLOCK: ["REF*17*2026123212000000"]}, []),
    ({CLOCK: ["REF*17*2026"]}, ["#25*02=2025121112000000", "#70*02=2025121112000000"]),
    ({POLICY: ["REF*1L*9100000009"]}, ["#21*02=9100000001", "#66*02=9100000001"]),
    ({POLICY: ["REF*1L"]}, ["#21*02=9100000001", "#66*02=9100000001"]),
)


@pytest.fixture
def desk(tmp_path, engine):
    return Desk(opened_house(tmp_path, engine))


def release(desk, case_id=1):
    return let_go(desk, case_id)


@pytest.mark.parametrize(("wrong", "edits"), MOVED)
def test_a_correction_in_the_book_closes_its_case(desk, wrong, edits):
    """Also when the clock or the policy of the set was what was wrong."""
    desk.night({**NO_RELATION, **wrong})
    draft(desk, "#7*02=18", *edits)
    release(desk)
    (file_id,) = next_night(desk)
    assert rows(desk, "SELECT file_id, state FROM book.event_set") == [(file_id, "applied")]
    assert set(desk.all("state", "resolved_file_id")) == {("resolved", file_id)}
    found = replay(desk.house)
    assert (found.differences, found.stopped) == ([], None)
