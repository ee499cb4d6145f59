"""Work in sets: as many statements for thousands of members as for twenty."""

from datetime import date

import pytest
import sqlalchemy as sa


@pytest.fixture
def statements(conn):
    """All statements that were executed on the connection, as they come.

    But for those that gather statistics, which a large night does more often.
    """
    seen = []

    def note(_conn, _cursor, statement, *_more):
        if not statement.startswith("ANALYZE"):
            seen.append(statement)

    sa.event.listen(conn, "before_cursor_execute", note)
    return seen


def _households(say, numbers):
    return [say.enrollment(f"P{n}", *(f"S{n}-{m}" for m in range(4))) for n in numbers]


def _terminations(say, numbers):
    return [say.termination(f"P{n}", f"S{n}-0", date(2027, 6, 30)) for n in numbers]


@pytest.mark.parametrize("households", [500, pytest.param(5_000, marks=pytest.mark.soak)])
def test_the_number_of_statements_does_not_grow_with_the_members(
    carrier, say, statements, households
):
    """Twenty members, then thousands: staged, applied, terminated in the same statements."""
    few, many = range(5), range(5, 5 + households)
    counts = []
    for numbers in (few, many):
        before = len(statements)
        carrier.receives(*_households(say, numbers))
        carrier.receives(*_terminations(say, numbers))
        result = carrier.applies()
        counts.append(len(statements) - before)

        assert (result.applied, result.duplicate, result.pending) == (2 * len(numbers), 0, 0)

    book = carrier.book()
    assert counts[0] == counts[1]
    assert len(book) == 4 * (len(few) + len(many))
    assert {row["policy_status"] for row in book.values()} == {"terminated"}
    assert {row["benefit_end"] for row in book.values()} == {date(2027, 6, 30)}
