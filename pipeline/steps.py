"""The steps of a night, one call each: what a scheduler runs, partner by partner, file by file.

A step that fails leaves a line in the ledger and raises; one that goes through takes its line back.
"""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from ledger.files import unchecked_files
from ledger.step_failures import StepFailure, clear_failure, record_failure
from pipeline.apply import apply_to_book
from pipeline.carrier import keep_carrier_records, read_carrier_records
from pipeline.check import check_received
from pipeline.effectuate import effectuate
from pipeline.gate import put_to_gate
from pipeline.outgoing import deliver_files
from pipeline.receive import receive_files
from pipeline.reconcile import reconcile_partner
from pipeline.report import report_errors
from pipeline.runs import Run, writing
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
        """Fetches the files of the outbox."""
        with self._step("fetching files"):
            receive_files(self.house, self.run, self.partner_id)

    def waiting_files(self) -> list[int]:
        """Ids of the received files that have no verdict yet."""
        with self.house.engine.connect() as conn:
            return [row.file_id for row in unchecked_files(conn, self.partner_id)]

    def check(self, file_id: int) -> None:
        """Checks one file, records the verdict and writes TA1 and 999."""
        with self._step(f"checking file {file_id}"):
            check_received(self.house, self.run, file_id)

    def gate(self) -> None:
        """Judges what the checked files would do to the book, and holds what a person must see."""
        with self._step("judging the batch"):
            put_to_gate(self.house, self.run, self.partner_id)

    def apply(self) -> None:
        """Brings the book up to date with what has passed the gate."""
        with self._step("bringing the book up to date"):
            apply_to_book(self.house, self.run, self.partner_id)

    def settle(self) -> None:
        """Reconciles the book with the carrier's records, and effectuates what is paid."""
        with self._step("reconciling and effectuating"):
            records = read_carrier_records(self.house, self.partner_id)
            keep_carrier_records(self.house, self.run, self.partner_id, records)
            reconcile_partner(self.house, self.run, self.partner_id, records)
            effectuate(self.house, self.run, self.partner_id, records)

    def report(self) -> None:
        """Writes the error report."""
        with self._step("reporting errors"):
            report_errors(self.house, self.run, self.partner_id)

    def deliver(self) -> None:
        """Puts everything that was written into the exchange's inbox."""
        with self._step("delivering files"):
            deliver_files(self.house, self.run, self.partner_id)

    @contextmanager
    def _step(self, step: str) -> Iterator[None]:
        try:
            yield
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
        except Exception as error:  # noqa: BLE001 - a defect stops this step, and no other partner
            failure = defect(error)
            self._record(step, failure)
            raise failure from None
        with writing(self.house, self.run, self.partner_id) as conn:
            clear_failure(conn, self.run.run_id, self.partner_id, step)

    def _record(self, step: str, error: EnrollmentError) -> None:
        log.info("step failed", partner=self.partner_id, step=step, why=str(error))
        failure = StepFailure(self.partner_id, step, str(error))
        with (
            suppress(Retryable, Superseded),
            writing(self.house, self.run, self.partner_id) as conn,
        ):
            record_failure(conn, self.run.run_id, failure)


def defect(error: Exception) -> Terminal:
    """What an unexpected exception is told as: its type and place.

    Never its message, which may hold a value of a file.
    """
    frames = traceback.extract_tb(error.__traceback__)
    place = [frame for frame in frames if "site-packages" not in frame.filename][-1]
    return Terminal(
        f"Unexpected {type(error).__name__} at {Path(place.filename).name}:{place.lineno}. "
        "Report this; what it concerned is left as it was."
    )
