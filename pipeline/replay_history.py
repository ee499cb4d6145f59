"""The history of a home up to a run: what was done, in which order, as the audit trail has it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ledger import audit
from ledger.control_numbers import JUMPED
from schemas.errors import Terminal
from schemas.runs import run

REPLAYED = "replayed"  # the note that a replay leaves

# What a file is called in every database: a received one by its number, which a replay gives it
# again, one that we sent by what it answers.
FILE_KEY = """
CASE WHEN {f}.direction = 'exchange_to_issuer' THEN 'file ' || {f}.file_id
     WHEN {f}.answers_file_id IS NOT NULL THEN {f}.kind || ' for file ' || {f}.answers_file_id
     ELSE {f}.kind || ' of run ' || {f}.run_id || ' to ' || {f}.partner_id END
"""

# Entries of the trail that stand for work to be done again; all others follow from these.
_WORK = {
    ("run", "opened"),
    ("run", "closed"),
    ("run", "file checked"),
    ("run", "file staged"),
    ("run", "book brought up to date"),
    ("run", "carrier records read"),
    ("run", "payments posted"),
    ("run", "month told"),
    ("month file", "month written"),
    ("month file", "month released"),
    ("month file", "month decided"),
    ("run", "reconciled"),
    ("run", "decisions settled"),
    ("run", "errors reported"),
    ("run", "file delivered"),
    ("file", "received"),
    ("file", "duplicate"),
    ("file", "seen again"),
    ("batch", "formed"),
    ("batch", "judged"),
    ("batch", "decided"),
    ("hold", "spoken"),
    ("operator word", "partner held"),
    ("operator word", "partner resumed"),
    ("operator word", "file released"),
    ("decision", "allowed again"),
    ("home", JUMPED),
}


@dataclass(frozen=True)
class Told:
    """An entry of the trail, as far as a replay needs it."""

    ordinal: int
    kind: str  # run, file, batch
    object_id: int
    action: str
    details: dict[str, Any]

    @property
    def work(self) -> str | None:
        """The work that the entry stands for; None when it only follows from some."""
        action = self.action
        if self.kind == "batch" and self.details.get("from") == "waiting":
            action = "judged"
        if self.kind == "month file" and action in ("month loaded", "month refused"):
            # By a person's word; without a reason it follows from the file's arrival.
            action = "month decided" if self.details.get("reason_sha256") else action
        if self.kind == "file" and action in ("received", "duplicate"):
            came_in = self.details.get("direction") == "exchange_to_issuer"
            return "received" if came_in else None
        return action if (self.kind, action) in _WORK else None


@dataclass(frozen=True)
class Later:
    """What the trail tells after the cut, by ids: rows about it are no longer those of the cut."""

    runs: list[int] = field(default_factory=list)
    file_keys: list[str] = field(default_factory=list)  # as FILE_KEY calls them
    batches: list[int] = field(default_factory=list)
    months: list[int] = field(default_factory=list)  # files of the month
    happened: bool = False


@dataclass(frozen=True)
class History:
    """What was done up to a run, and which objects have been touched since.

    `moment` is the run's clock. Other runs of the same moment belong to the history too: the book
    cannot tell them apart.
    """

    run_id: int
    moment: datetime
    runs: dict[int, sa.Row[Any]]
    told: list[Told]
    later: Later

    @property
    def work(self) -> Iterator[Told]:
        """What is to be done again, in order."""
        return (entry for entry in self.told if entry.work)


def read_history(conn: sa.Connection, run_id: int | None) -> History:
    """The history up to a run, or all of it without one.

    Raises Terminal when there is no such run, or when the audit trail is not whole: then nobody
    knows in which order things happened.
    """
    runs = {row.run_id: row for row in conn.execute(sa.select(run).order_by(run.c.run_id))}
    wanted = run_id if run_id is not None else max(runs, default=None)
    if wanted is None:
        raise Terminal("There is no run yet: nothing can be replayed before the first night.")
    if wanted not in runs:
        raise Terminal(f"There is no run {wanted}. `edi834 audit list` names them.")
    told = read_told(conn)
    moment = runs[wanted].as_of
    cut = len(told)
    if run_id is not None:
        same = {known.run_id for known in runs.values() if known.as_of == moment}
        cut = _end_of(same, told)
    before, after = told[:cut], told[cut:]
    known = {entry.object_id for entry in before if entry.kind == "run"}
    return History(
        run_id=wanted,
        moment=moment,
        runs={number: row for number, row in runs.items() if number in known},
        told=before,
        later=_later(conn, after),
    )


def read_told(conn: sa.Connection) -> list[Told]:
    """The whole trail. Raises Terminal when it is not whole."""
    kept: list[Told] = []

    def keeping() -> Iterator[audit.Entry]:
        for entry in audit.entries(conn):
            if entry.action != REPLAYED:
                details = json.loads(entry.details)
                told = (entry.ordinal, entry.object_kind, entry.object_id, entry.action, details)
                kept.append(Told(*told))
            yield entry

    found = audit.verify(keeping())
    if found.fault is not None:
        raise Terminal(
            f"The audit trail is not whole: {found.fault.sentence}. A replay follows the trail; "
            "restore the database from a backup."
        )
    return kept


def _end_of(runs: set[int], told: list[Told]) -> int:
    """How many entries there are up to the last one about one of the runs."""
    about = [
        place
        for place, entry in enumerate(told, 1)
        if entry.kind == "run" and entry.object_id in runs
    ]
    return max(about, default=0)


def _later(conn: sa.Connection, told: list[Told]) -> Later:
    touched: dict[str, set[int]] = {"run": set(), "file": set(), "batch": set()}
    for entry in told:
        touched.setdefault(entry.kind, set()).add(entry.object_id)
    runs, files, batches = (sorted(touched[kind]) for kind in ("run", "file", "batch"))
    months = sorted(touched.get("month file", ()))
    keys = list(file_keys(conn, files).values())
    return Later(runs, keys, batches, months, happened=bool(told))


def file_keys(conn: sa.Connection, file_ids: list[int] | None = None) -> dict[int, str]:
    """What files are called, whatever their number: all of them, or those of the ids."""
    wanted = "" if file_ids is None else "WHERE f.file_id = ANY(CAST(:ids AS bigint[]))"
    query = sa.text(f"SELECT f.file_id, {FILE_KEY.format(f='f')} FROM ledger.file f {wanted}")  # noqa: S608
    rows = conn.execute(query, {} if file_ids is None else {"ids": file_ids})
    return {row[0]: row[1] for row in rows}
