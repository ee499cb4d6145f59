"""Whoever alters, removes or moves an entry of the audit trail is found out, or refused at once."""

import itertools
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from ledger import audit
from schemas.audit import audit_entry
from schemas.errors import Terminal
from tests.ledger.trails import trail, verified

pytestmark = [pytest.mark.control("audit-kept")]


@contextmanager
def tampering(engine):
    """A connection of somebody who may do all, without the trigger; rolled back in the end."""
    with engine.connect() as conn:
        conn.execute(sa.text("ALTER TABLE ledger.audit_entry DISABLE TRIGGER ALL"))
        yield conn


CHANGES = {
    "ordinal": "ordinal + 1000",
    "at": "at + interval '1 microsecond'",
    "actor": "actor || ' '",
    "action": "overlay(action placing 'X' from 1 for 1)",
    "object_kind": "upper(object_kind)",
    "object_id": "object_id + 1",
    "details": "(details::text || ' ')::json",
    "previous_hash": "translate(previous_hash, '0123456789abcdef', '123456789abcdef0')",
    "hash": "translate(hash, '0123456789abcdef', '123456789abcdef0')",
}


@pytest.mark.fault("F35")
@pytest.mark.control("integrity")
@pytest.mark.parametrize("column", audit_entry.c.keys())
def test_a_change_of_any_column_of_any_entry_is_named(engine, night, column):
    """The least change of one value; the walk names that entry, and none before it."""
    for entry in trail(engine):
        with tampering(engine) as conn:
            changed = f"UPDATE ledger.audit_entry SET {column} = {CHANGES[column]}"
            conn.execute(sa.text(f"{changed} WHERE ordinal = :o"), {"o": entry.ordinal})
            found = verified(conn)

        assert found.fault.ordinal == entry.ordinal
        assert found.entries == entry.ordinal - 1


@pytest.mark.fault("F35")
@pytest.mark.control("integrity")
def test_an_entry_that_is_removed_is_named(engine, night):
    """Each but the last: what follows it stands in its place."""
    for entry in trail(engine)[:-1]:
        with tampering(engine) as conn:
            conn.execute(sa.delete(audit_entry).where(audit_entry.c.ordinal == entry.ordinal))
            found = verified(conn)

        assert (found.fault.ordinal, found.fault.at) == (entry.ordinal, None)
        assert "is missing" in found.fault.sentence


@pytest.mark.fault("F35")
@pytest.mark.control("integrity")
def test_two_entries_that_change_places_are_named(engine, night):
    """The first of them is the first that is wrong, also when both numbers are made to fit."""
    entries = trail(engine)
    for one, other in itertools.pairwise(entries):
        with tampering(engine) as conn:
            for was, becomes in ((one, -1), (other, one.ordinal), (-1, other.ordinal)):
                number = was if was == -1 else was.ordinal
                conn.execute(
                    sa.update(audit_entry)
                    .where(audit_entry.c.ordinal == number)
                    .values(ordinal=becomes)
                )
            found = verified(conn)

        assert found.fault.ordinal == one.ordinal


@pytest.mark.fault("F35")
@pytest.mark.control("integrity")
def test_an_end_that_was_cut_off_is_found_by_the_anchor(engine, night):
    """The chain hangs together without its end; who kept the end knows."""
    with engine.connect() as conn:
        end = audit.head(conn)
        assert verified(conn, end).is_whole
    with tampering(engine) as conn:
        conn.execute(sa.delete(audit_entry).where(audit_entry.c.ordinal >= end.ordinal - 1))
        without, with_anchor = verified(conn), verified(conn, end)
        by_hash = verified(conn, audit.Anchor.of(end.hash))
        conn.execute(sa.delete(audit_entry))
        emptied = verified(conn, end)

    assert without.is_whole
    assert with_anchor.fault.ordinal == by_hash.fault.ordinal == end.ordinal - 1
    assert str(end) in with_anchor.fault.sentence
    assert emptied.fault.ordinal == 1


@pytest.mark.fault("F35")
@pytest.mark.control("integrity")
def test_a_chain_that_was_written_anew_is_found_by_the_anchor(engine, night):
    """An entry is changed, and it and all that follow get hashes that fit."""
    with engine.connect() as conn:
        end = audit.head(conn)
    with tampering(engine) as conn:
        conn.execute(sa.update(audit_entry).where(audit_entry.c.ordinal == 2).values(actor="me"))
        for ordinal in range(2, end.ordinal + 1):
            anew = (
                "UPDATE ledger.audit_entry e SET {} FROM ledger.audit_entry before"
                " WHERE before.ordinal = e.ordinal - 1 AND e.ordinal = :o"
            )
            conn.execute(sa.text(anew.format("previous_hash = before.hash")), {"o": ordinal})
            conn.execute(sa.text(anew.format("hash = ledger.audit_hash(e)")), {"o": ordinal})
        without, with_anchor = verified(conn), verified(conn, end)

    assert without.is_whole
    assert with_anchor.fault.ordinal == end.ordinal
    assert "written anew" in with_anchor.fault.sentence


@pytest.mark.control("retention")
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger.audit_entry SET actor = 'me'",
        "UPDATE ledger.audit_entry SET actor = 'me' WHERE false",
        "DELETE FROM ledger.audit_entry",
        "TRUNCATE ledger.audit_entry",
    ],
)
@pytest.mark.parametrize("role", ["origin", "replica"])
def test_even_the_owner_is_refused(engine, night, statement, role):
    """By triggers that also hold for a superuser, and while a replica would not fire others."""
    before = trail(engine)
    with engine.connect() as conn:
        conn.execute(sa.text(f"SET LOCAL session_replication_role = {role}"))
        with pytest.raises(Terminal, match="42501 at audit_entry"):
            conn.execute(sa.text(statement))

    assert trail(engine) == before


@pytest.mark.parametrize("text", ["", "7:", "x:" + "a" * 64, "A" * 64, "a" * 63, "-1:" + "a" * 64])
def test_what_is_no_anchor_is_refused(text):
    """A copy that was cut short must not pass for one."""
    with pytest.raises(Terminal, match="no hash"):
        audit.Anchor.of(text)
