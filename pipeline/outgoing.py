"""Files that we send: named, stored, recorded with their control numbers, then delivered."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

import sqlalchemy as sa
import structlog

from ledger.control_numbers import take_control_numbers
from ledger.operator_words import is_held
from ledger.sent import (
    SentEnvelopes,
    SentFile,
    begin_delivery,
    delivery_of,
    lock_undelivered,
    mark_delivered,
    record_sent,
    undelivered,
)
from pipeline.journal import journal
from pipeline.runs import Run, writing
from pipeline.wire import visit
from pipeline.wiring import House
from pipeline.wrapped import for_the_wire
from replies.x12_writer import Envelope
from schemas.errors import (
    AtWork,
    EnrollmentError,
    Interrupted,
    Retryable,
    Superseded,
    Terminal,
)
from schemas.fault_points import reach
from schemas.partners import Exchange, Partner
from sftp_inbox.client import connect, is_alive
from sftp_inbox.deliver import GoneError, Outgoing, put_in_place, upload
from sftp_inbox.landing import LandingZone
from sftp_inbox.mailbox import Mailbox
from sftp_inbox.session import Session

log = structlog.get_logger()

SentKind = Literal["ta1", "999", "enrollment", "error_report"]


@dataclass(frozen=True)
class Letter:
    """Something for a partner's exchange: its kind and function code, and what it answers."""

    kind: SentKind
    function_code: str
    answers_file_id: int | None = None
    ending: str = ""


@dataclass(frozen=True)
class Writer:
    """Writes for one partner in one run, within the caller's transaction.

    The control numbers, the ledger row and whatever the transaction decides stand or fall together.
    """

    house: House
    run: Run
    conn: sa.Connection
    partner: Partner
    exchange: Exchange

    def envelopes(self, count: int) -> list[Envelope]:
        """That many envelopes, with the partner's next interchange control numbers."""
        return [
            Envelope(self.partner, self.exchange, number, self.run.as_of)
            for number in self.numbers("interchange", count)
        ]

    def numbers(
        self, kind: Literal["interchange", "group", "transaction_set"], count: int
    ) -> range:
        """The partner's next control numbers of a kind; an empty range for none."""
        return take_control_numbers(self.conn, self.partner.id, kind, count) if count else range(0)

    def send(
        self,
        letter: Letter,
        content: bytes | Iterable[bytes],
        number: int,
        envelopes: SentEnvelopes | None,
    ) -> int:
        """The id of the file in the ledger, ready for delivery.

        `number` is one that no other file of this kind and partner has; it keeps names apart.
        """
        chunks = [content] if isinstance(content, bytes) else content
        stored = self.house.landing.store(chunks)
        reach("outgoing file stored")
        sent = SentFile(
            partner_id=self.partner.id,
            name=self._name(letter, number),
            kind=letter.kind,
            function_code=letter.function_code,
            sha256=stored.sha256,
            size_bytes=stored.size_bytes,
            storage_key=stored.storage_key,
            run_id=self.run.run_id,
            created_at=self.run.as_of,
            answers_file_id=letter.answers_file_id,
        )
        return record_sent(self.conn, sent, envelopes)

    def _name(self, letter: Letter, number: int) -> str:
        """The file's name: the run's clock plus a millisecond per number, so that none repeats.

        Source: CMS guide 7.2, section 3.4.
        """
        local = self.run.as_of.astimezone(ZoneInfo(self.exchange.time_zone))
        moment: datetime = local + timedelta(milliseconds=number)
        name = self.exchange.file_names.issuer_to_exchange.format(
            trading_partner=self.partner.trading_partner_id,
            function_code=letter.function_code,
            date=moment,
            milliseconds=moment.microsecond // 1000,
            environment=self.partner.usage_indicator,
        )
        return name + letter.ending


def write_for(house: House, run: Run, partner_id: str, conn: sa.Connection) -> Writer:
    """A writer for the partner within the transaction of `conn`."""
    return Writer(house, run, conn, house.partner(partner_id), house.exchange(partner_id))


def deliver_files(house: House, run: Run, partner_id: str) -> list[str]:
    """Names of the files that now lie in the exchange's inbox and did not before.

    Calling it again after any failure sends nothing twice. Raises Retryable or Terminal when the
    mailbox cannot be reached, and, after the others are delivered, for a file that the exchange
    does not take, or that needs a person, such as one of whose name another one lies there.
    """
    delivered: list[str] = []
    visit(house, run, partner_id, lambda: _fill_inbox(house, run, partner_id, delivered))
    return delivered


def _fill_inbox(house: House, run: Run, partner_id: str, delivered: list[str]) -> None:
    with house.engine.connect() as conn:
        waiting = undelivered(conn, partner_id)
    if not waiting:
        return
    mailbox = house.mailbox(partner_id)
    failures: list[EnrollmentError] = []
    with connect(mailbox) as client:
        for row in waiting:
            known = {"partner": partner_id, "file_id": row.file_id}
            try:
                is_delivered = _deliver(house, run, client, row)
            except (Superseded, Interrupted, AtWork):
                raise
            except (Retryable, Terminal) as error:  # what is amiss with one keeps no other waiting
                if isinstance(error, Retryable) and not is_alive(client):
                    raise
                log.warning("file not delivered", **known, why=str(error))
                failures.append(error)
                continue
            if is_delivered:
                log.info("file delivered", **known)
                delivered.append(row.name)
    if failures:
        raise _of_all(failures)


def _of_all(failures: list[EnrollmentError]) -> EnrollmentError:
    """One failure for those of several files: the first that needs a person and the first other.

    It may be tried again when one of them may.
    """
    passing = [error for error in failures if isinstance(error, Retryable)]
    lasting = [error for error in failures if not isinstance(error, Retryable)]
    if not passing or not lasting:
        return failures[0]
    return Retryable(f"{lasting[0]} {passing[0]}")


def _deliver(house: House, run: Run, client: Session, row: sa.Row[Any]) -> bool:
    """Whether the file was delivered; not when somebody said or did otherwise meanwhile.

    Before it gets its name at the exchange that is kept: when the answer is lost and the exchange
    has moved the file away, nobody could tell it from one that never came.
    """
    outgoing = for_the_wire(house, run, row)
    where = (client, house.mailbox(row.partner_id), house.landing, outgoing)
    # The partner is held meanwhile: nobody else delivers the same file at the same time.
    with writing(house, run, row.partner_id, "delivery begun") as conn:
        if not _may_leave(conn, row):
            return False
        begun = delivery_of(conn, row.file_id)
        if begun is None:
            upload(*where)
            begin_delivery(conn, row.file_id)
    with writing(house, run, row.partner_id, "file delivered") as conn:
        if not _may_leave(conn, row):
            return False
        if begun != "delivery arrived":  # a person's word: the exchange has it
            _put_in_place(where, row.file_id)
        mark_delivered(conn, row.file_id, run.as_of)
        journal(conn, run, "file delivered", file=row.file_id)
    return True


def _may_leave(conn: sa.Connection, row: sa.Row[Any]) -> bool:
    return not is_held(conn, row.partner_id) and lock_undelivered(conn, row.file_id)


def _put_in_place(where: tuple[Session, Mailbox, LandingZone, Outgoing], file_id: int) -> None:
    try:
        put_in_place(*where)
    except GoneError as error:
        raise Terminal(
            f"{error} Then `edi834 outgoing arrived {file_id}` when the exchange has it, or "
            f"`edi834 outgoing lost {file_id}`, and the next night sends it again."
        ) from None
