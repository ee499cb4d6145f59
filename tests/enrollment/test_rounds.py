"""The rounds of the fold: as many as one policy has sets, or twice, however many policies."""

from datetime import date

import pytest
import sqlalchemy as sa


@pytest.fixture
def rounds(conn):
    """The rounds that were played on the connection, as they come."""
    seen = []

    def note(_conn, _cursor, statement, *_more):
        if statement.startswith("\nCREATE TEMPORARY TABLE round_set"):
            seen.append(statement)

    sa.event.listen(conn, "before_cursor_execute", note)
    return seen


@pytest.fixture
def tried(conn):
    """How many sets each round has tried."""
    counts = []

    def note(_conn, cursor, statement, *_more):
        if statement.startswith("\nCREATE TEMPORARY TABLE round_set"):
            counts.append(cursor.rowcount)

    sa.event.listen(conn, "after_cursor_execute", note)
    return counts


JUNE = date(2027, 6, 1)


def _clock(number):
    return f"202611010{number // 60}{number % 60:02d}0000"


def test_what_waits_is_tried_again_in_the_round_of_the_next_set(carrier, say, rounds):
    """Twenty changes that wait and twenty that apply: not a round for each pair of them."""
    unknown = [say.change("P1", "S1", say.unchanged("P1", "S1", f"X{n}")) for n in range(20)]
    applies = [say.change("P1", "S1", phone=f"51255501{n:02d}") for n in range(20)]
    sets = [say.enrollment("P1", "S1"), *unknown, *applies]
    carrier.receives(*(say.at(_clock(n), said) for n, said in enumerate(sets)))

    result = carrier.applies()

    assert (result.applied, result.pending) == (21, 20)
    assert len(rounds) <= 2 * len(sets)


def test_what_waits_for_a_member_is_tried_again_when_one_comes(carrier, say, tried):
    """Twenty wait for somebody; twenty changes bring nobody; then he comes, and all apply."""
    unknown = [
        say.change("P1", "S1", say.unchanged("P1", "S1", "X"), phone=f"51255502{n:02d}")
        for n in range(20)
    ]
    others = [say.change("P1", "S1", phone=f"51255501{n:02d}") for n in range(20)]
    sets = [say.enrollment("P1", "S1"), *unknown, *others]
    carrier.receives(*(say.at(_clock(n), said) for n, said in enumerate(sets)))

    result = carrier.applies()

    assert (result.applied, result.pending) == (21, 20)
    assert sum(tried) == len(sets)

    carrier.receives(say.at(_clock(59), say.change("P1", "S1", say.added("P1", "S1", "X", JUNE))))
    result = carrier.applies()

    assert (result.applied, result.pending) == (21, 0)


def test_many_policies_are_folded_in_the_rounds_of_one(carrier, say, rounds):
    """A policy of three sets and fifty of them take three rounds."""
    counts = []
    for policies in (["P"], [f"P{n}" for n in range(50)]):
        before = len(rounds)
        carrier.receives(*(say.enrollment(policy, f"{policy}S") for policy in policies))
        carrier.receives(*(say.change(policy, f"{policy}S") for policy in policies))
        carrier.receives(
            *(say.termination(policy, f"{policy}S", date(2027, 6, 30)) for policy in policies)
        )

        assert carrier.applies().applied == 3 * len(policies)
        counts.append(len(rounds) - before)

    assert counts == [3, 3]
