"""One nightly cycle in this process: the same steps, in the same order, as the DAG's tasks.

A partner whose mailbox or records fail does not stop the others; what failed is said at the end.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Literal

import pyarrow as pa
import sqlalchemy as sa
import structlog

import ledger.runs
from ledger import audit, gates, owners
from ledger.balance import balance
from ledger.carrier_readings import CarrierReading, stale_readings
from ledger.night_steps import (
    APPLYING,
    DELIVERING,
    JUDGING,
    RECEIVING,
    REPORTING,
    SETTLING,
    begun_for,
    later_nights,
    unchecked,
    undone,
)
from ledger.operator_words import PartnerHold, all_partner_holds, partner_holds
from ledger.step_failures import StepFailure, checking, failures, record_failure
from pipeline.retrying import until_done
from pipeline.runs import Run, at_work
from pipeline.steps import Steps
from pipeline.tracing import span
from pipeline.wiring import House
from reconciliation.report_figures import count_sets
from schemas.database import result as reconciled
from schemas.errors import AtWork, EnrollmentError, Superseded, Terminal
from schemas.fault_points import AFTER, BEFORE, reach_commit
from schemas.runs import run

log = structlog.get_logger()

State = Literal["balanced", "balanced_with_open_items", "failed"]
Tell = Callable[[str], None]  # hears what is being done, for whoever watches


@dataclass(frozen=True)
class NightResult:
    """How the night ended. `balance` is `ledger.balance.BALANCE`.

    `at_gate` holds the batches that are kept from the book, from whichever night they are, those
    of this night with a finding out of bounds, and those that a person decided about and this night
    has settled. `stale` are the carriers' records that have not changed for too long. `anchor` is
    the end of the audit trail, for a copy outside of the database. `held` are the partners of whom
    nothing is applied or sent: with one, a night has open items. `left` says of the partners that
    this call left to somebody else who they are.
    """

    run: Run
    state: State
    balance: pa.Table
    failures: tuple[StepFailure, ...]
    at_gate: tuple[gates.AtGate, ...]
    stale: tuple[CarrierReading, ...]
    anchor: audit.Anchor
    held: tuple[PartnerHold, ...] = ()
    left: tuple[str, ...] = ()


def run_night(
    house: House,
    as_of: datetime,
    partner_ids: list[str] | None = None,
    tell: Tell = lambda _: None,
    *,
    take_over: bool = False,
) -> NightResult:
    """Receives, checks, applies, reconciles, replies and delivers; then closes the balance.

    An interrupted or failed night of the same moment is taken up where it stopped; a closed one
    stays as it is. Partners that somebody else works for are left to him, unless `take_over`, and
    those for whom a later night has worked to that one; raises AtWork when all of them are left,
    and Superseded when all were taken over meanwhile.
    """
    wanted = partner_ids or house.partner_ids
    closed = closed_night(house, as_of, wanted)
    if closed is not None:
        return closed
    mine, overtaken = not_overtaken(house, as_of, wanted)
    if not mine:
        raise AtWork(overtaken[0])
    with (
        at_work(house, as_of, mine, take_over=take_over) as opened,
        span("run", run=opened.run.run_id),
    ):
        left = [*overtaken, *opened.left]
        for partner_id in opened.partner_ids:
            try:
                _run_partner(Steps(house, opened.run, partner_id), tell)
            except Superseded as error:
                left.append(str(error))
        return replace(close_night(house, opened.run), left=tuple(left))


def not_overtaken(
    house: House, as_of: datetime, partner_ids: list[str]
) -> tuple[list[str], list[str]]:
    """The partners for whom no night of a later moment has worked, and sentences on the others.

    For those nothing is done as of an earlier moment: what lies at the exchange, what is decided
    and what is sent is the later night's.
    """
    with house.engine.connect() as conn:
        later = later_nights(conn, partner_ids, as_of)
    mine = [partner_id for partner_id in partner_ids if partner_id not in later]
    return mine, [one.sentence for one in later.values()]


def try_again(house: House, run_id: int, partner_id: str, tell: Tell = lambda _: None) -> None:
    """Does the first step of the partner's night that has failed, and all that follow it, again.

    Files are fetched only if that has failed. Raises Terminal when nothing has, or when a later
    night has worked for the partner, and AtWork while somebody works for it.
    """
    with house.engine.connect() as conn:
        as_of = conn.execute(sa.select(run.c.as_of).where(run.c.run_id == run_id)).scalar()
        failed = [one.step for one in failures(conn, run_id) if one.partner_id == partner_id]
    if as_of is None or not failed:
        raise Terminal(
            f"Nothing of {partner_id} has failed in run {run_id}, or it is done since. If the run "
            "is open, `edi834 night` ends it."
        )
    mine, overtaken = not_overtaken(house, as_of, [partner_id])
    if not mine:
        raise Terminal(overtaken[0])
    with at_work(house, as_of, mine) as opened:
        _run_partner(Steps(house, opened.run, partner_id), tell, min(map(_place, failed)))
        close_night(house, opened.run)


# What a night does for a partner, in its order, and what may fail within each.
_ORDER = (
    ("taking in released files", RECEIVING),
    (),  # the checks, each of a file
    ("staging files", "taking in corrections", JUDGING),
    (APPLYING,),
    ("posting payments", SETTLING),
    (REPORTING,),
    ("telling the month", DELIVERING),
)
_CHECKS = 1


def _place(step: str) -> int:
    found = (place for place, steps in enumerate(_ORDER) if step in steps)
    return next(found, _CHECKS)


def _run_partner(steps: Steps, tell: Tell, first: int = 0) -> None:
    """One partner's steps. After a failed step, later ones do what they can without it."""
    work = (
        (steps.receive, RECEIVING),
        (lambda: _check_all(steps, tell), "checking files"),
        (steps.gate, JUDGING),
        (steps.apply, APPLYING),
        (steps.settle, SETTLING),
        (steps.report, REPORTING),
        (steps.deliver, DELIVERING),
    )
    for step, doing in work[first:]:
        _try(step, steps, doing, tell)


def _check_all(steps: Steps, tell: Tell) -> None:
    for file_id in steps.waiting_files():
        _try(partial(steps.check, file_id), steps, checking(file_id), tell)


def _try(step: Callable[[], None], steps: Steps, doing: str, tell: Tell) -> None:
    tell(f"{steps.partner_id}: {doing}")
    try:
        step()
    except Superseded:
        raise
    except EnrollmentError:
        return  # the ledger has it, or has nothing of the step: the night's end tells either


def close_night(house: House, opened: Run) -> NightResult:
    """The night's balance, and the end of the owner's work.

    What was not done is told as failed, whatever has become of who should have done it. Earlier
    runs that others have left open are closed, when nothing of them is left to do. Raises
    Superseded when others have taken all partners over.
    """
    result = until_done(
        "closing the run", lambda: _close(house, opened, is_night=True), run=opened.run_id
    )
    log.info("night closed", run=opened.run_id, state=result.state, audit=str(result.anchor))
    with house.engine.connect() as conn:
        earlier = list(conn.execute(_left_open(opened.as_of)))
    for row in earlier:
        until_done("closing the run", partial(_close_left_open, house, Run(*row)), run=row.run_id)
    return result


def close_run(house: House, opened: Run) -> NightResult:
    """The balance and the end of a run that is no night, or of one that a replay does again.

    It is closed unless something failed or is out of balance, or others still work for it: then the
    last one closes it. Raises Superseded when others have taken all partners over.
    """
    return until_done("closing the run", lambda: _close(house, opened), run=opened.run_id)


def _close(house: House, opened: Run, *, is_night: bool = False) -> NightResult:
    with house.engine.begin() as conn:
        is_over = ledger.runs.lock_run(conn, opened.run_id) != "open"
        mine = owners.release(conn, opened.token) if not is_over else []
        if not is_over and not mine:
            raise Superseded(
                f"Run {opened.run_id} was taken over by somebody else, who closes it. "
                "Nothing was written."
            )
        is_last = not owners.others_at_work(conn, opened.run_id, opened.token)
        if is_night and not is_over:
            _tell_undone(conn, opened, owners.last_for(conn, opened.run_id) if is_last else mine)
        result = _result(conn, opened)
        if result.state != "failed" and is_last:
            count_sets(conn, opened.run_id)
            ledger.runs.close_run(conn, opened.run_id, result.state)
        reach_commit("run closed", BEFORE)
    reach_commit("run closed", AFTER)
    with house.engine.connect() as conn:
        return replace(result, anchor=audit.head(conn))  # the closing stands in the trail, too


def _tell_undone(conn: sa.Connection, opened: Run, partner_ids: list[str]) -> None:
    """Records as failed what of these partners' night was not done, and not told as failed yet."""
    known = {(one.partner_id, one.step) for one in failures(conn, opened.run_id)}
    lacking = [*unchecked(conn, partner_ids), *undone(conn, opened.run_id, partner_ids)]
    for failure in lacking:
        if (failure.partner_id, failure.step) not in known:
            log.warning("step not done", partner=failure.partner_id, step=failure.step)
            record_failure(conn, opened.run_id, failure)


def _left_open(as_of: datetime) -> sa.Select[Any]:
    earlier = sa.select(run.c.run_id, run.c.as_of).where(run.c.state == "open", run.c.as_of < as_of)
    return earlier.order_by(run.c.as_of)


def _close_left_open(house: House, earlier: Run) -> None:
    """Closes an earlier run of which nothing is left to do: here, or by a later night since."""
    with house.engine.begin() as conn:
        is_open = ledger.runs.lock_run(conn, earlier.run_id) == "open"
        if not is_open or owners.others_at_work(conn, earlier.run_id, earlier.token):
            return
        begun = begun_for(conn, earlier.run_id)
        later = later_nights(conn, begun, earlier.as_of)
        still_its_own = [partner_id for partner_id in begun if partner_id not in later]
        if undone(conn, earlier.run_id, still_its_own):
            return
        result = _result(conn, earlier)
        if result.state == "failed":
            return
        count_sets(conn, earlier.run_id)
        ledger.runs.close_run(conn, earlier.run_id, result.state)
        reach_commit("run closed", BEFORE)
    reach_commit("run closed", AFTER)
    log.info("earlier night closed", run=earlier.run_id, state=result.state)


def _result(conn: sa.Connection, opened: Run) -> NightResult:
    table = balance(conn, opened.run_id)
    failed = failures(conn, opened.run_id)
    at_gate = _at_gate(conn, opened)
    stale = stale_readings(conn, opened.run_id)
    held = all_partner_holds(conn)
    is_open = bool(stale or held) or any(one.batch.is_kept_out for one in at_gate)
    state = _state(table, failed, is_open=is_open)
    return NightResult(opened, state, table, failed, at_gate, stale, audit.head(conn), held)


def _at_gate(conn: sa.Connection, opened: Run) -> tuple[gates.AtGate, ...]:
    """What a person should hear of: kept out, settled after a decision, or out of bounds."""
    mine = [
        gates.at_gate(conn, batch)
        for batch in gates.batches(conn)
        if opened.run_id in (batch.run_id, batch.settled_in_run)
        or (batch.is_kept_out and batch.run_id < opened.run_id)
    ]
    return tuple(
        one for one in mine if one.batch.is_kept_out or one.batch.decided_by or one.outside
    )


def _state(table: pa.Table, failed: tuple[StepFailure, ...], *, is_open: bool) -> State:
    rows = table.to_pylist()
    parts = ("accepted", "rejected", "held", "pending")
    balanced = all(row["received"] == sum(row[part] for part in parts) for row in rows)
    if failed or not balanced:
        return "failed"
    if is_open or any(row["pending"] for row in rows):
        return "balanced_with_open_items"
    return "balanced"


def closed_night(house: House, as_of: datetime, partner_ids: list[str]) -> NightResult | None:
    """What the ledger says of the night of that moment when it is closed for all these partners.

    (A closed run has reconciled each of its partners that is not held, or a later night has worked
    for it.) The last night is not closed when a person has decided since about a batch that was
    held: what follows from that is still to be done.
    """
    with house.engine.connect() as conn:
        latest = conn.execute(_latest_run(as_of)).one_or_none()
        if latest is None or latest.state == "open":
            return None
        partners = sa.select(reconciled.c.partner_id).where(reconciled.c.run_id == latest.run_id)
        worked_through = set(conn.execute(partners).scalars())
        is_last = conn.execute(sa.select(sa.func.max(run.c.as_of))).scalar_one() == as_of
        if is_last and gates.has_decided(conn, partner_ids):
            return None
        held = partner_holds(conn, partner_ids)
        later = later_nights(conn, partner_ids, as_of)
    wanted = set(partner_ids) - held.keys() - later.keys()
    return find_night(house, as_of) if worked_through.issuperset(wanted) else None


def find_night(house: House, as_of: datetime) -> NightResult | None:
    """What the ledger says of the latest run of that moment, None when there is none."""
    with house.engine.connect() as conn:
        row = conn.execute(_latest_run(as_of)).one_or_none()
        if row is None:
            return None
        result = _result(conn, Run(row.run_id, as_of))
    return replace(result, state="failed") if row.state == "open" else result


def _latest_run(as_of: datetime) -> sa.Select[Any]:
    return sa.select(run).where(run.c.as_of == as_of).order_by(run.c.run_id.desc()).limit(1)
