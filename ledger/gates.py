"""The gate's memory: batches, what was found about them, and who decided about those held.

A batch is what one partner's night has staged. It is `waiting` until it is judged, then `passed` or
`held`; a person makes `released` or `refused` of a held one. It is settled by the run that brought
it into the book, or closed it as refused.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa

from schemas.database import file, gate_batch, gate_decision, gate_file, gate_finding
from schemas.errors import Terminal
from schemas.gate import Finding, History
from schemas.persons import plain_name

# `waits_for` is the earliest batch of the same partner that is not settled and stands before it.
_BATCHES = """
SELECT b.batch_id, b.partner_id, b.run_id, r.as_of, b.state, b.settled_in_run,
  (SELECT count(*) FROM ledger.gate_file f WHERE f.batch_id = b.batch_id) AS files,
  (SELECT min(earlier.batch_id) FROM ledger.gate_batch earlier
   WHERE earlier.partner_id = b.partner_id AND earlier.batch_id < b.batch_id
     AND earlier.settled_in_run IS NULL) AS waits_for,
  b.judged_by, d.decided_by, d.decided_at, d.reason
FROM ledger.gate_batch b
JOIN ledger.run r USING (run_id) LEFT JOIN ledger.gate_decision d USING (batch_id)
"""
_ALL = f"{_BATCHES} ORDER BY b.batch_id"
_KEPT_OUT = f"""{_BATCHES}
WHERE b.settled_in_run IS NULL AND b.state <> 'passed' AND b.partner_id = ANY(:partners)
ORDER BY b.batch_id
"""
_LAST = f"{_BATCHES} WHERE b.partner_id = ANY(:partners) ORDER BY b.batch_id DESC LIMIT :most"
_MAY_GO_IN = ("passed", "released")


@dataclass(frozen=True)
class Decision:
    """A person's decision about a held batch. `account` is the operating system's."""

    decision: Literal["released", "refused"]
    decided_by: str
    account: str
    reason: str


@dataclass(frozen=True)
class Batch:
    """A batch as the ledger has it. `waits_for` is an earlier one that must be settled first."""

    batch_id: int
    partner_id: str
    run_id: int
    as_of: datetime  # of the run that staged it
    state: Literal["waiting", "passed", "held", "released", "refused"]
    settled_in_run: int | None
    files: int
    waits_for: int | None
    judged_by: str | None
    decided_by: str | None
    decided_at: datetime | None
    reason: str | None

    @property
    def is_kept_out(self) -> bool:
        """Whether the gate keeps it from the book so far: held, waiting, or decided just now."""
        return self.settled_in_run is None and self.state != "passed"


@dataclass(frozen=True)
class AtGate:
    """A batch with what was found about it."""

    batch: Batch
    findings: tuple[Finding, ...]

    @property
    def outside(self) -> tuple[Finding, ...]:
        """The findings that are out of bounds."""
        return tuple(finding for finding in self.findings if finding.outcome == "outside")


def form_batch(conn: sa.Connection, partner_id: str, run_id: int) -> int | None:
    """The id of a new batch of the partner's staged files that are in none; None without any."""
    conn.execute(
        sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(f"gate/{partner_id}", 0)))
    )
    free = (
        sa.select(file.c.file_id)
        .outerjoin(gate_file, gate_file.c.file_id == file.c.file_id)
        .where(
            file.c.partner_id == partner_id,
            file.c.state == "staged",
            gate_file.c.batch_id.is_(None),
        )
    )
    file_ids = conn.execute(free).scalars().all()
    if not file_ids:
        return None
    batch = sa.insert(gate_batch).values(partner_id=partner_id, run_id=run_id)
    batch_id: int = conn.execute(batch.returning(gate_batch.c.batch_id)).scalar_one()
    conn.execute(
        sa.insert(gate_file),
        [{"file_id": file_id, "batch_id": batch_id} for file_id in file_ids],
    )
    return batch_id


def next_to_judge(conn: sa.Connection, partner_id: str) -> int | None:
    """The partner's oldest batch that is not judged, locked until the transaction ends.

    None when there is none, or when an earlier one is not settled: a batch is judged against the
    book as it will meet it.
    """
    waiting = [
        batch.batch_id
        for batch in batches(conn)
        if batch.partner_id == partner_id and batch.state == "waiting" and batch.waits_for is None
    ]
    locked = (
        sa.select(gate_batch.c.batch_id)
        .where(gate_batch.c.batch_id.in_(waiting[:1]), gate_batch.c.state == "waiting")
        .with_for_update()
    )
    return conn.execute(locked).scalar_one_or_none()


def files_of(conn: sa.Connection, batch_id: int) -> list[int]:
    """Ids of the batch's files."""
    rows = sa.select(gate_file.c.file_id).where(gate_file.c.batch_id == batch_id)
    return list(conn.execute(rows.order_by(gate_file.c.file_id)).scalars())


def _staged_files(conn: sa.Connection, partner_id: str, *states: str) -> list[int]:
    """Ids of the partner's staged files in batches of these states."""
    rows = (
        sa.select(file.c.file_id)
        .join(gate_file, gate_file.c.file_id == file.c.file_id)
        .join(gate_batch, gate_batch.c.batch_id == gate_file.c.batch_id)
        .where(
            gate_batch.c.partner_id == partner_id,
            gate_batch.c.state.in_(states),
            file.c.state == "staged",
        )
    )
    return list(conn.execute(rows.order_by(file.c.file_id)).scalars())


def files_to_apply(conn: sa.Connection, partner_id: str) -> list[int]:
    """Ids of the partner's staged files that may go into the book."""
    return _staged_files(conn, partner_id, *_MAY_GO_IN)


def files_to_refuse(conn: sa.Connection, partner_id: str) -> list[int]:
    """Ids of the partner's staged files that a person has refused."""
    return _staged_files(conn, partner_id, "refused")


def settle(
    conn: sa.Connection, run_id: int, partner_id: str, standing_back: Iterable[int] = ()
) -> None:
    """Marks the partner's judged batches as settled by the run where no file is staged any more.

    Files that stand back for what later batches hold of their policies do not count.
    """
    staged = (
        sa.select(gate_file.c.file_id)
        .join(file, file.c.file_id == gate_file.c.file_id)
        .where(
            gate_file.c.batch_id == gate_batch.c.batch_id,
            file.c.state == "staged",
            file.c.file_id.not_in(list(standing_back)),
        )
    )
    conn.execute(
        sa.update(gate_batch)
        .where(
            gate_batch.c.partner_id == partner_id,
            gate_batch.c.settled_in_run.is_(None),
            sa.not_(staged.exists()),
        )
        .values(settled_in_run=run_id)
    )


def last_settled(conn: sa.Connection, partner_id: str) -> int | None:
    """The id of the partner's last batch that is in the book or was refused; None without any."""
    settled = sa.select(sa.func.max(gate_batch.c.batch_id)).where(
        gate_batch.c.partner_id == partner_id, gate_batch.c.settled_in_run.is_not(None)
    )
    return conn.execute(settled).scalar()


def at_gate(conn: sa.Connection, batch: Batch) -> AtGate:
    """The batch with what was found about it, which is nothing while it waits."""
    found = _findings(conn, gate_finding.c.batch_id == batch.batch_id)
    return AtGate(batch, tuple(finding for one in found for finding in one.values()))


def earlier_findings(conn: sa.Connection, partner_id: str, nights: int) -> History:
    """What was found about the last batches of the partner that are in the book, oldest first.

    As many as asked for. What was held and refused is no example of what is usual.
    """
    usual = [
        batch.batch_id
        for batch in batches(conn)
        if batch.partner_id == partner_id and batch.settled_in_run and batch.state in _MAY_GO_IN
    ]
    return _findings(conn, gate_finding.c.batch_id.in_(usual[-nights:]))


def _findings(conn: sa.Connection, condition: sa.ColumnElement[bool]) -> list[dict[str, Finding]]:
    rows = sa.select(gate_finding).where(condition)
    batches: dict[int, dict[str, Finding]] = {}
    for row in conn.execute(rows.order_by("batch_id", "expectation")).mappings():
        found = {name: value for name, value in row.items() if name != "batch_id"}
        batches.setdefault(row["batch_id"], {})[row["expectation"]] = Finding(**found)
    return list(batches.values())


def record_findings(
    conn: sa.Connection, batch_id: int, found: Iterable[Finding], run_id: int, judged_by: str
) -> str:
    """`passed` or `held`: the state of a waiting batch from now on, by what was found."""
    found = list(found)
    conn.execute(
        sa.insert(gate_finding), [{"batch_id": batch_id, **vars(finding)} for finding in found]
    )
    state = "held" if any(finding.holds for finding in found) else "passed"
    conn.execute(
        sa.update(gate_batch)
        .where(gate_batch.c.batch_id == batch_id)
        .values(state=state, judged_in_run=run_id, judged_by=judged_by)
    )
    return state


def decide(conn: sa.Connection, batch_id: int, decision: Decision) -> None:
    """Releases or refuses a held batch, once.

    Raises Terminal when the batch is not held, when person or reason is missing, or when the
    person is the one in whose name the night ran that held it.
    """
    batch = conn.execute(
        sa.select(gate_batch).where(gate_batch.c.batch_id == batch_id).with_for_update()
    ).one_or_none()
    if batch is None:
        raise Terminal(f"There is no batch {batch_id}. `edi834 gate list --all` names them.")
    if batch.state != "held":
        raise Terminal(
            f"Batch {batch_id} is {batch.state}, not held: there is nothing to decide. "
            f"See `edi834 gate show {batch_id}`."
        )
    if not decision.decided_by.strip() or not decision.reason.strip():
        raise Terminal("A decision needs a person and a reason. Give --by and --reason.")
    if plain_name(decision.decided_by) == plain_name(batch.judged_by):
        raise Terminal(
            f"The night that held batch {batch_id} ran in the name of {batch.judged_by}. "
            "Somebody else must decide."
        )
    conn.execute(sa.insert(gate_decision).values(batch_id=batch_id, **vars(decision)))
    conn.execute(
        sa.update(gate_batch)
        .where(gate_batch.c.batch_id == batch_id)
        .values(state=decision.decision)
    )


def batches(conn: sa.Connection) -> list[Batch]:
    """All batches, oldest first."""
    return _read(conn, _ALL)


def kept_out(conn: sa.Connection, partner_ids: Iterable[str]) -> list[Batch]:
    """The partners' batches that the gate keeps from the book so far, oldest first."""
    return _read(conn, _KEPT_OUT, partners=list(partner_ids))


def last_batches(conn: sa.Connection, partner_ids: Iterable[str], most: int) -> list[Batch]:
    """The partners' last batches, newest first."""
    return _read(conn, _LAST, partners=list(partner_ids), most=most)


def _read(conn: sa.Connection, query: str, **asked: object) -> list[Batch]:
    return [Batch(**row) for row in conn.execute(sa.text(query), asked).mappings()]


def has_decided(conn: sa.Connection, partner_ids: Iterable[str]) -> bool:
    """Whether a person's decision about a batch of these partners awaits a night."""
    wanted = set(partner_ids)
    decided = [batch for batch in batches(conn) if batch.decided_by and batch.is_kept_out]
    return any(batch.partner_id in wanted for batch in decided)
