"""A run again, from the raw bytes, and whether everything that came of it is the same.

The history up to the run is worked again in a database of its own: in the order that the audit
trail tells, with the clock of each run, with what was read from outside as it was kept, by the same
functions. Then what both databases remember is compared, and the bytes of what was sent. The real
database is read by a connection that cannot write, the landing zone is read only, and no mailbox is
known. Only the note that a run was replayed is left behind.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from ledger import audit
from pipeline.replay_causes import other_rules
from pipeline.replay_files import compare_reports, compare_sent, require_received
from pipeline.replay_history import REPLAYED, History, Told, read_history
from pipeline.replay_scratch import Scratch, open_scratch
from pipeline.replay_tables import compare_tables
from pipeline.replay_trail import compare_trails
from pipeline.replay_work import Replayer
from pipeline.steps import defect
from pipeline.wiring import House
from schemas.errors import EnrollmentError
from strongroom.drafts import drafts

Tell = Callable[[str], None]
_TOLD_OF_A_KIND = 20


@dataclass
class Replay:
    """What came of a replay: what was compared, in numbers, and every difference, in sentences.

    `stopped` says which work could not be done again; what would have followed was not. `kept` is
    the database and the folder when they were kept.
    """

    run_id: int
    moment: datetime
    runs: int
    has_later: bool
    compared: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)
    untold: int = 0  # differences beside those that are told
    other_rules: list[str] = field(default_factory=list)  # by which it was made then, not now
    stopped: str | None = None
    kept: tuple[str, str] | None = None

    @property
    def is_identical(self) -> bool:
        """Whether nothing differs."""
        return not self.differences and not self.untold and self.stopped is None


def replay(
    house: House, run_id: int | None = None, *, keep: bool = False, tell: Tell = lambda _: None
) -> Replay:
    """The history up to and including a run, worked again and compared; all of it without a run.

    Raises Terminal when there is no such run, the audit trail is not whole, something that came in
    is damaged, or the role may not create a database.
    """
    reading = house.engine.execution_options(
        isolation_level="REPEATABLE READ", postgresql_readonly=True
    )
    with reading.connect() as record:
        tell("the audit trail is read")
        history = read_history(record, run_id)
        found = Replay(history.run_id, history.moment, len(history.runs), history.later.happened)
        found.other_rules = other_rules(record, history, house.rules)
        found.compared["files and records that came in"] = require_received(house, record, history)
        with open_scratch(house, keep=keep) as scratch:
            _work(scratch, record, history, found, tell)
            tell("both sides are compared")
            _compare(house, record, scratch, history, found)
            if keep:
                found.kept = scratch.database, str(scratch.folder)
    _note(house, found)
    return found


def _work(
    scratch: Scratch, record: sa.Connection, history: History, found: Replay, tell: Tell
) -> None:
    """Does everything again, up to the first work that cannot be done."""
    replayer = Replayer(scratch.house, record, history)
    work = list(history.work)
    for number, told in enumerate(work, 1):
        if told.work == "opened":
            tell(f"run {told.object_id} ({number:,} of {len(work):,} pieces of work)")
        try:
            replayer.do(told)
        except EnrollmentError as error:
            found.stopped = f"{_name(told)} cannot be done again: {error}"
            return
        except Exception as error:  # noqa: BLE001 - another history or another program: say where
            found.stopped = f"{_name(told)} cannot be done again: {defect(error)}"
            return
        found.compared["pieces of work"] += 1


def _name(told: Told) -> str:
    return (
        f"entry {told.ordinal} of the audit trail ('{told.action}' of {told.kind} {told.object_id})"
    )


def _compare(
    house: House, record: sa.Connection, scratch: Scratch, history: History, found: Replay
) -> None:
    with scratch.house.engine.connect() as now:
        for files in (
            compare_sent(house, record, now, scratch, history),
            compare_reports(house, scratch, history),
        ):
            compared = list(files)
            found.compared.update(f"files: {one.kind}" for one in compared)
            _tell_of(found, [one.difference for one in compared if one.difference is not None])
        with drafts(beside=scratch.folder) as rows:
            for table in compare_tables(record, now, history.later, history.moment, rows):
                found.compared[table.table] = table.rows
                _tell_of(found, [f"{table.table}: {sentence}" for sentence in table.differences])
        entries, unlike = compare_trails(record, now, history.told)
        found.compared["entries of the audit trail"] = entries
        _tell_of(found, unlike)


def _tell_of(found: Replay, sentences: list[str]) -> None:
    """Keeps as many sentences of a kind as anybody reads, and counts the others."""
    found.differences += sentences[:_TOLD_OF_A_KIND]
    found.untold += len(sentences[_TOLD_OF_A_KIND:])


def _note(house: House, found: Replay) -> None:
    outcome = "identical" if found.is_identical else "differs"
    with house.engine.begin() as conn:
        audit.note(
            *(conn, REPLAYED, "run", found.run_id),
            outcome=outcome,
            differences=len(found.differences) + found.untold,
        )
