"""The steps of a night, one call each: what a scheduler runs, partner by partner, file by file.

A step that fails leaves a line in the ledger and raises; one that goes through takes its line back.
"""

import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from ledger.files import unchecked_files
from ledger.operator_words import is_held
from ledger.step_failures import (
    StepFailure,
    checking,
    clear_checked_since,
    clear_failure,
    has_checked_since,
    has_failed,
    record_failure,
)
from pipeline.apply import apply_to_book
from pipeline.carrier import keep_carrier_records, read_carrier_records
from pipeline.check import check_received
from pipeline.corrections import take_corrections
from pipeline.gate import put_to_gate
from pipeline.month import send_released
from pipeline.outgoing import deliver_files
from pipeline.premium import post_payments
from pipeline.receive import receive_files
from pipeline.reconcile import reconcile_partner
from pipeline.releases import take_released
from pipeline.report import report_errors
from pipeline.retrying import until_done
from pipeline.runs import Run, writing
from pipeline.settle import settle_decisions
from pipeline.tracing import span
from pipeline.wiring import House
from schemas.errors import EnrollmentError, Retryable, Superseded, Terminal

log = structlog.get_logger()


@dataclass(frozen=True)
class Steps:
    """The steps of one partner's night. Each may be repeated: what is done is not done again."""

    house: House
    run: Run
    partner_id: str

    def receive(self) -> None:
        """Takes in what persons have corrected or released, and fetches the outbox's files."""
        self._do("taking in corrections", take_corrections)
        self._do("taking in released files", take_released)
        self._do("fetching files", receive_files)

    def waiting_files(self) -> list[int]:
        """Ids of the received files that have no verdict yet."""
        until_done("listing files", self._forget_checked, partner=self.partner_id)
        return until_done("listing files", self._waiting_files, partner=self.partner_id)

    def _waiting_files(self) -> list[int]:
        with self.house.engine.connect() as conn:
            return [row.file_id for row in unchecked_files(conn, self.partner_id)]

    def check(self, file_id: int) -> None:
        """Checks one file, records the verdict and writes TA1 and 999."""
        with span("file", partner=self.partner_id, file=file_id):
            step = checking(file_id)
            self._do(step, lambda house, run, _: check_received(house, run, file_id))
            until_done(step, self._forget_checked, partner=self.partner_id)

    def gate(self) -> None:
        """Judges what the checked files would do to the book, and holds what a person must see."""
        self._do("judging the batch", put_to_gate)

    def apply(self) -> None:
        """Brings the book up to date with what has passed the gate; not of a held partner."""
        if self._is_held():
            return
        self._do("bringing the book up to date", apply_to_book)

    def settle(self) -> None:
        """Posts what the exchange pays, reconciles the book, and settles what follows from it.

        Of a held partner nothing: the night after it is resumed does it.
        """
        if self._is_held():
            return
        self._do("posting payments", post_payments)
        self._do("reconciling and deciding", _settle)

    def report(self) -> None:
        """Writes the error report."""
        self._do("reporting errors", report_errors)

    def deliver(self) -> None:
        """Puts everything that was written or released into the exchange's inbox, if not held."""
        if self._is_held():
            return
        self._do("telling the month", send_released)
        self._do("delivering files", deliver_files)

    def _is_held(self) -> bool:
        """Whether a person has said that nothing of the partner is applied or sent."""
        return until_done("asking for a hold", self._asked_for_hold, partner=self.partner_id)

    def _asked_for_hold(self) -> bool:
        with self.house.engine.connect() as conn:
            return is_held(conn, self.partner_id)

    def _do(self, step: str, work: Callable[[House, Run, str], object]) -> None:
        """Does a step, and again when the database interrupted it."""
        with span("step", run=self.run.run_id, partner=self.partner_id, step=step):
            self._do_within(step, work)

    def _do_within(self, step: str, work: Callable[[House, Run, str], object]) -> None:
        try:
            until_done(
                step, lambda: work(self.house, self.run, self.partner_id), partner=self.partner_id
            )
            until_done(step, lambda: self._clear(step), partner=self.partner_id)
        except Superseded:
            raise  # the failures of this work are somebody else's to tell
        except EnrollmentError as error:
            self._record(step, error)
            raise
        except OSError as error:
            where = error.filename or "this machine"
            failure: EnrollmentError = Retryable(
                f"{where}: {error.strerror}. Correct it, then run the night again."
            )
            self._record(step, failure)
            raise failure from None
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: BLE001 - a defect, or a scheduler whose time is up
            failure = defect(error)
            self._record(step, failure)
            raise failure from None

    def _clear(self, step: str) -> None:
        with self.house.engine.connect() as conn:
            if not has_failed(conn, self.run.run_id, self.partner_id, step):
                return
        with writing(self.house, self.run, self.partner_id, "step went through") as conn:
            clear_failure(conn, self.run.run_id, self.partner_id, step)

    def _forget_checked(self) -> None:
        """Takes back failed checks of files that were checked since: of former runs, too."""
        with self.house.engine.connect() as conn:
            if not has_checked_since(conn, self.partner_id):
                return
        with writing(self.house, self.run, self.partner_id, "step went through") as conn:
            clear_checked_since(conn, self.partner_id)

    def _record(self, step: str, error: EnrollmentError) -> None:
        log.info("step failed", partner=self.partner_id, step=step, why=str(error))
        failure = StepFailure(self.partner_id, step, str(error))
        with (
            suppress(Retryable, Superseded),
            writing(self.house, self.run, self.partner_id, "step failed") as conn,
        ):
            record_failure(conn, self.run.run_id, failure)


def _settle(house: House, run: Run, partner_id: str) -> None:
    records = read_carrier_records(house, partner_id)
    records = keep_carrier_records(house, run, partner_id, records)
    reconcile_partner(house, run, partner_id, records)
    settle_decisions(house, run, partner_id, records)


def defect(error: BaseException) -> Terminal:
    """What an unexpected exception is told as: its type and place.

    Never its message, which may hold a value of a file.
    """
    frames = traceback.extract_tb(error.__traceback__)
    place = [frame for frame in frames if "site-packages" not in frame.filename][-1]
    return Terminal(
        f"Unexpected {type(error).__name__} at {Path(place.filename).name}:{place.lineno}. "
        "Report this; what it concerned is left as it was."
    )
