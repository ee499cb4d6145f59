"""The steps of a night, one call each: what a scheduler runs, partner by partner, file by file.

A step that fails leaves a line in the ledger and raises; one that goes through takes its line back,
also those of earlier runs, and leaves an entry in the audit trail. Without either it was not done.
"""

import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from ledger.files import unchecked_files
from ledger.night_steps import (
    APPLYING,
    DELIVERING,
    JUDGING,
    NIGHT_STEPS,
    PASSED_OVER,
    RECEIVING,
    REPORTING,
    SETTLING,
    is_told,
    tell,
)
from ledger.operator_words import is_held
from ledger.step_failures import (
    StepFailure,
    checking,
    clear_checked_since,
    clear_failures,
    has_checked_since,
    has_failed,
    record_failure,
)
from pipeline.apply import apply_to_book
from pipeline.carrier import keep_carrier_records, read_carrier_records
from pipeline.check import check_received
from pipeline.corrections import take_corrections
from pipeline.gate import put_to_gate, stage_files
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
        """Takes in what persons have released, and fetches the outbox's files."""
        self._do("taking in released files", take_released)
        self._do(RECEIVING, receive_files)

    def waiting_files(self) -> list[int]:
        """Ids of the received files that have no verdict yet."""
        until_done("listing files", self._forget_checked, partner=self.partner_id)
        return until_done("listing files", self._waiting_files, partner=self.partner_id)

    def _waiting_files(self) -> list[int]:
        with self.house.engine.connect() as conn:
            return [row.file_id for row in unchecked_files(conn, self.partner_id)]

    def _check_correction(self, file_id: int) -> None:
        try:
            self.check(file_id)
        except Superseded:
            raise
        except EnrollmentError:
            return  # the ledger has it, and another night checks it

    def _corrections(self) -> list[int]:
        with self.house.engine.connect() as conn:
            waiting = unchecked_files(conn, self.partner_id)
        return [row.file_id for row in waiting if row.kind == "correction"]

    def check(self, file_id: int) -> None:
        """Checks one file, records the verdict and writes TA1 and 999."""
        with span("file", partner=self.partner_id, file=file_id):
            step = checking(file_id)
            self._do(step, lambda house, run, _: check_received(house, run, file_id))
            until_done(step, self._forget_checked, partner=self.partner_id)

    def gate(self) -> None:
        """Judges what the checked files would do to the book, and holds what a person must see.

        What persons have corrected is taken in before, and checked, once the night's files are
        staged: then it is known of which policies the exchange has spoken itself.
        """
        self._do("staging files", stage_files)
        self._do("taking in corrections", take_corrections)
        for file_id in until_done("listing", self._corrections, partner=self.partner_id):
            self._check_correction(file_id)
        self._do(JUDGING, put_to_gate)

    def apply(self) -> None:
        """Brings the book up to date with what has passed the gate; not of a held partner."""
        if self._passes_over(APPLYING):
            return
        self._do(APPLYING, apply_to_book)

    def settle(self) -> None:
        """Posts what the exchange pays, reconciles the book, and settles what follows from it.

        Of a held partner nothing: the night after it is resumed does it.
        """
        if self._passes_over(SETTLING):
            return
        self._do("posting payments", post_payments)
        self._do(SETTLING, _settle)

    def report(self) -> None:
        """Writes the error report."""
        self._do(REPORTING, report_errors)

    def deliver(self) -> None:
        """Puts everything that was written or released into the exchange's inbox, if not held."""
        if self._passes_over(DELIVERING):
            return
        self._do("telling the month", send_released)
        self._do(DELIVERING, deliver_files)

    def _passes_over(self, step: str) -> bool:
        """Whether a person has said that nothing of the partner is applied or sent."""
        return until_done(step, lambda: self._passed_over(step), partner=self.partner_id)

    def _passed_over(self, step: str) -> bool:
        with self.house.engine.connect() as conn:
            if not is_held(conn, self.partner_id):
                return False
            if is_told(conn, self.run.run_id, self.partner_id, step):
                return True
        with writing(self.house, self.run, self.partner_id, "step went through") as conn:
            tell(conn, self.run.run_id, self.partner_id, step, PASSED_OVER)
        return True

    def _do(self, step: str, work: Callable[[House, Run, str], object]) -> None:
        """Does a step, and again when the database interrupted it."""
        with span("step", run=self.run.run_id, partner=self.partner_id, step=step):
            self._do_within(step, work)

    def _do_within(self, step: str, work: Callable[[House, Run, str], object]) -> None:
        try:
            until_done(
                step, lambda: work(self.house, self.run, self.partner_id), partner=self.partner_id
            )
            until_done(step, lambda: self._went_through(step), partner=self.partner_id)
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

    def _went_through(self, step: str) -> None:
        """Tells that it did, once in a run, and takes back that it had failed, here or before."""
        done, run = (self.partner_id, step), self.run
        with self.house.engine.connect() as conn:
            is_news = step in NIGHT_STEPS and not is_told(conn, run.run_id, *done)
            if not is_news and not has_failed(conn, run.as_of, *done):
                return
        with writing(self.house, run, self.partner_id, "step went through") as conn:
            mended = clear_failures(conn, run.as_of, *done)
            if is_news and run.run_id not in mended:  # that tells it, too
                tell(conn, run.run_id, *done)

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
        with suppress(Retryable, Superseded):  # then the night's end tells that it was not done
            until_done(step, lambda: self._write_down(failure), partner=self.partner_id)

    def _write_down(self, failure: StepFailure) -> None:
        with writing(self.house, self.run, self.partner_id, "step failed") as conn:
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
