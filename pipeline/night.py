"""One nightly cycle in this process: the same use cases, in the same order, as the DAG's tasks.

A partner whose mailbox or records fail does not stop the others; what failed is said at the end.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Literal, TypeVar

import pyarrow as pa
import sqlalchemy as sa
import structlog

import ledger.runs
from ledger.balance import balance
from ledger.files import unchecked_files
from pipeline.apply import apply_to_book
from pipeline.carrier import read_carrier_records
from pipeline.check import check_received
from pipeline.effectuate import effectuate
from pipeline.outgoing import deliver_files
from pipeline.receive import receive_files
from pipeline.reconcile import reconcile_partner
from pipeline.report import report_errors
from pipeline.runs import Run, open_run
from pipeline.wiring import House
from schemas.database import run
from schemas.errors import EnrollmentError

log = structlog.get_logger()

State = Literal["balanced", "balanced_with_open_items", "failed"]
Outcome = TypeVar("Outcome")


@dataclass(frozen=True)
class Failure:
    """A step that could not be done: an error of ours, in one line."""

    partner_id: str
    step: str
    sentence: str


@dataclass(frozen=True)
class NightResult:
    """How the night ended. `balance` is `ledger.balance.BALANCE`."""

    run: Run
    state: State
    balance: pa.Table
    failures: tuple[Failure, ...] = field(default=())


Tell = Callable[[str, str], None]  # partner and what is being done, for whoever watches


def say_nothing(partner_id: str, doing: str) -> None:
    """Tells nobody."""
    del partner_id, doing


def run_night(
    house: House, as_of: datetime, partner_ids: list[str] | None = None, tell: Tell = say_nothing
) -> NightResult:
    """Receives, checks, applies, reconciles, replies and delivers; then closes the balance.

    An interrupted night of the same moment is taken up where it stopped.
    """
    opened = open_run(house, as_of)
    failures: list[Failure] = []
    for partner_id in partner_ids or house.partner_ids:
        night = _PartnerNight(house, opened, partner_id, tell, failures)
        night.receive()
        night.check()
        night.apply()
        night.answer()
        night.deliver()
    return close_night(house, opened, tuple(failures))


@dataclass
class _PartnerNight:
    """One partner's steps. A failed step is noted; later ones do what they can without it."""

    house: House
    run: Run
    partner_id: str
    tell: Tell
    failures: list[Failure]

    def receive(self) -> None:
        self._try("fetching files", lambda: receive_files(self.house, self.run, self.partner_id))

    def check(self) -> None:
        for file_id in waiting_files(self.house, self.partner_id):
            work = partial(check_received, self.house, self.run, file_id)
            self._try(f"checking file {file_id}", work)

    def apply(self) -> None:
        self._try(
            "bringing the book up to date",
            lambda: apply_to_book(self.house, self.run, self.partner_id),
        )

    def answer(self) -> None:
        self._try(
            "reconciling and effectuating", lambda: settle(self.house, self.run, self.partner_id)
        )
        self._try("reporting errors", lambda: report_errors(self.house, self.run, self.partner_id))

    def deliver(self) -> None:
        self._try("delivering files", lambda: deliver_files(self.house, self.run, self.partner_id))

    def _try(self, step: str, work: Callable[[], Outcome]) -> Outcome | None:
        self.tell(self.partner_id, step)
        try:
            return work()
        except EnrollmentError as error:
            log.warning("step failed", partner=self.partner_id, step=step, why=str(error))
            self.failures.append(Failure(self.partner_id, step, str(error)))
            return None


def waiting_files(house: House, partner_id: str) -> list[int]:
    """Ids of the partner's received files that have no verdict yet."""
    with house.engine.connect() as conn:
        return [row.file_id for row in unchecked_files(conn, partner_id)]


def settle(house: House, run: Run, partner_id: str) -> None:
    """Reconciles the partner's book with the carrier's records, and effectuates what is paid."""
    records = read_carrier_records(house, partner_id)
    reconcile_partner(house, run, partner_id, records)
    effectuate(house, run, partner_id, records)


def close_night(house: House, run: Run, failures: tuple[Failure, ...]) -> NightResult:
    """The night's balance, with the run closed by it."""
    with house.engine.begin() as conn:
        table = balance(conn, run.run_id)
        state = _state(table, failures)
        if state != "failed":
            ledger.runs.close_run(conn, run.run_id, state)
    log.info("night closed", run=run.run_id, state=state)
    return NightResult(run, state, table, failures)


def _state(table: pa.Table, failures: tuple[Failure, ...]) -> State:
    rows = table.to_pylist()
    balanced = all(r["received"] == r["accepted"] + r["rejected"] + r["pending"] for r in rows)
    if failures or not balanced:
        return "failed"
    return "balanced_with_open_items" if any(r["pending"] for r in rows) else "balanced"


def find_night(house: House, as_of: datetime) -> NightResult | None:
    """What the ledger says of the latest run of that moment, None when it has not ended."""
    with house.engine.connect() as conn:
        latest = sa.select(run).where(run.c.as_of == as_of).order_by(run.c.run_id.desc()).limit(1)
        row = conn.execute(latest).one_or_none()
        if row is None or row.state == "open":
            return None
        return NightResult(Run(row.run_id, as_of), row.state, balance(conn, row.run_id))
