"""Runs: one nightly cycle each, from opening to its balance."""

from datetime import datetime
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from ledger import audit
from schemas.rule_versions import RulesInForce, rules_in_force
from schemas.runs import rule_version, run

_NUMBERING = 834_005_011  # the lock under which runs get their numbers

FinalState = Literal["balanced", "balanced_with_open_items", "failed"]


def open_run(conn: sa.Connection, as_of: datetime, rules: RulesInForce | None = None) -> int:
    """The id of the open run of that moment: the one that was interrupted, or a new one.

    A new one pins the rules that hold now (none given: those of the program). One that is taken up
    keeps those that it was opened with; who works for it, and who judged a file, names his own.
    """
    digest = record_rules(conn, rules or rules_in_force())
    conn.execute(sa.select(sa.func.pg_advisory_xact_lock(_NUMBERING)))
    last = sa.select(sa.func.coalesce(sa.func.max(run.c.run_id), 0)).scalar_subquery()
    new = conn.execute(
        insert(run)
        .values(run_id=last + 1, as_of=as_of, rules_digest=digest)
        .on_conflict_do_nothing(index_elements=["as_of"], index_where=run.c.state == "open")
        .returning(run.c.run_id)
    ).scalar()
    if new is not None:
        return int(new)
    opened = sa.select(run.c.run_id).where(run.c.as_of == as_of, run.c.state == "open")
    run_id: int = conn.execute(opened).scalar_one()
    audit.note(conn, "taken up", "run", run_id)
    return run_id


def record_rules(conn: sa.Connection, rules: RulesInForce) -> str:
    """The digest of the rules, which the ledger knows from now on."""
    row = insert(rule_version).values(digest=rules.digest, program=rules.program, parts=rules.parts)
    conn.execute(row.on_conflict_do_nothing())
    return rules.digest


def pinned_rules(conn: sa.Connection, run_id: int) -> RulesInForce:
    """The rules with which the run was opened."""
    columns = sa.select(rule_version.c.program, rule_version.c.parts)
    pinned = columns.join(run, run.c.rules_digest == rule_version.c.digest)
    row = conn.execute(pinned.where(run.c.run_id == run_id)).one()
    return RulesInForce(row.program, row.parts)


def recorded_rules(conn: sa.Connection, digest: str) -> RulesInForce:
    """The rules of that digest."""
    columns = sa.select(rule_version.c.program, rule_version.c.parts)
    row = conn.execute(columns.where(rule_version.c.digest == digest)).one()
    return RulesInForce(row.program, row.parts)


def lock_run(conn: sa.Connection, run_id: int) -> str:
    """The state of the run, which nobody else changes until the transaction ends."""
    found = sa.select(run.c.state).where(run.c.run_id == run_id)
    state: str = conn.execute(found.with_for_update(key_share=True)).scalar_one()
    return state


def close_run(conn: sa.Connection, run_id: int, state: FinalState) -> None:
    """Closes an open run with its final state; a run that is closed already stays as it is."""
    conn.execute(
        sa.update(run)
        .where(run.c.run_id == run_id, run.c.state == "open")
        .values(state=state, closed_at=sa.func.now())
    )
