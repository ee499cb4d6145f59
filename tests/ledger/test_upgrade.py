"""Revisions of the database follow one another in one line."""

from alembic.script import ScriptDirectory


def test_revisions_follow_one_another_in_one_line():
    """Each after the one before: no two heads, and no gap in the numbers."""
    script = ScriptDirectory("schemas/migrations")
    numbers = [one.revision for one in script.walk_revisions()]
    assert numbers == [f"{n:04}" for n in range(len(numbers), 0, -1)]
