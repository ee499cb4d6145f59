"""A revision that was released is never edited: what it makes is held here by its hash."""

import hashlib

from alembic.script import ScriptDirectory

import schemas.migrations.versions.revision_0001 as first

# Never change this once 0.1.0 is out: a database somewhere was made by it. Add a revision instead
# (decision 0058).
FIRST_MAKES = "8cc0248d3e7d475899d3134c9ac3a9679a806e7f154af39c101d16488abc36f9"


def test_the_first_revision_makes_what_it_made_when_it_was_released(monkeypatch):
    """Whoever edits it is told here to add a revision."""
    made = []
    monkeypatch.setattr(first.op, "execute", made.append)
    first.upgrade()
    digest = hashlib.sha256("\0".join(made).encode()).hexdigest()
    assert digest == FIRST_MAKES, "Revision 0001 was released. Add a revision (decision 0058)."


def test_revisions_follow_one_another_in_one_line():
    """Each after the one before: no two heads, and no gap in the numbers."""
    script = ScriptDirectory("schemas/migrations")
    numbers = [one.revision for one in script.walk_revisions()]
    assert numbers == [f"{n:04}" for n in range(len(numbers), 0, -1)]
