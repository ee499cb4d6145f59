"""One nightly cycle in this process: the same steps, in the same order, as the DAG's tasks.

A partner whose mailbox or records fail does not stop the others; what failed is said at the end.
"""

from collections.abc import Callable
from contextlib import suppress
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
from ledger.operator_words import PartnerHold, all_partner_holds, asked_again, partner_holds
from ledger.step_failures import StepFailure, checking, failures
from pipeline.retrying import until_done
from pipeline.runs import Run, at_work
from pipeline.steps import Steps
from pipeline.tracing import span
from pipeline.wiring import House
from reconciliation.report_figures import count_sets
from schemas.database import result as reconciled
from schemas.errors import AtWork, EnrollmentError, Superseded
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
    stays as it is. Partners that somebody else works for are left to him, unless `take_over`;
    raises AtWork when that is so for all, and Superseded when all were taken over meanwhile.
    """
    wanted = partner_ids or house.partner_ids
    do_asked_again(house, as_of, wanted, tell)
    closed = closed_night(house, as_of, wanted)
    if closed is not None:
        return closed
    with (
        at_work(house, as_of, wanted, take_over=take_over) as opened,
        span("run", run=opened.run.run_id),
    ):
        left = list(opened.left)
        for partner_id in opened.partner_ids:
            try:
                _run_partner(Steps(house, opened.run, partner_id), tell)
            except Superseded as error:
                left.append(str(error))
        return replace(close_night(house, opened.run), left=tuple(left))


def do_asked_again(
    house: House, as_of: datetime | None, partner_ids: list[str], tell: Tell = lambda _: None
) -> None:
    """Does again what has failed in nights of other moments and a person has asked for."""
    with house.engine.connect() as conn:
        asked = asked_again(conn, partner_ids)
    for moment in sorted(asked.keys() - {as_of}):
        with suppress(AtWork, Superseded), at_work(house, moment, asked[moment]) as opened:
            for partner_id in opened.partner_ids:
                _run_partner(Steps(house, opened.run, partner_id), tell)
            close_night(house, opened.run)


def _run_partner(steps: Steps, tell: Tell) -> None:
    """One partner's steps. After a failed step, later ones do what they can without it."""
    _try(steps.receive, steps, "fetching files", tell)
    for file_id in steps.waiting_files():
        _try(partial(steps.check, file_id), steps, checking(file_id), tell)
    _try(steps.gate, steps, "judging the batch", tell)
    _try(steps.apply, steps, "bringing the book up to date", tell)
    _try(steps.settle, steps, "reconciling and deciding", tell)
    _try(steps.report, steps, "reporting errors", tell)
    _try(steps.deliver, steps, "delivering files", tell)


def _try(step: Callable[[], None], steps: Steps, doing: str, tell: Tell) -> None:
    tell(f"{steps.partner_id}: {doing}")
    try:
        step()
    except Superseded:
        raise
    except EnrollmentError:
        return  # the ledger has it, and the night's state shows it


def close_night(house: House, opened: Run) -> NightResult:
    """The night's balance, and the end of the owner's work.

    The run is closed by it unless something failed or is out of balance, or others still work for
    it: then the last one closes it. Raises Superseded when others have taken all partners over.
    """
    result = until_done("closing the run", lambda: _close(house, opened), run=opened.run_id)
    log.info("night closed", run=opened.run_id, state=result.state, audit=str(result.anchor))
    return result


def _close(house: House, opened: Run) -> NightResult:
    with house.engine.begin() as conn:
        is_over = ledger.runs.lock_run(conn, opened.run_id) != "open"
        if not is_over and not owners.release(conn, opened.token):
            raise Superseded(
                f"Run {opened.run_id} was taken over by somebody else, who closes it. "
                "Nothing was written."
            )
        result = _result(conn, opened)
        is_last = not owners.others_at_work(conn, opened.run_id, opened.token)
        if result.state != "failed" and is_last:
            count_sets(conn, opened.run_id)
            ledger.runs.close_run(conn, opened.run_id, result.state)
        reach_commit("run closed", BEFORE)
    reach_commit("run closed", AFTER)
    with house.engine.connect() as conn:
        return replace(result, anchor=audit.head(conn))  # the closing stands in the trail, too


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

    (A closed run has reconciled each of its partners that is not held.) The last night is not
    closed when a person has decided since about a batch that was held: what follows from that is
    still to be done.
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
    wanted = set(partner_ids) - held.keys()
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
