"""Files from a partner's outbox into the landing zone and the ledger."""

from dataclasses import dataclass, field, replace

import sqlalchemy as sa
import structlog

from ledger import audit
from ledger.files import FileKind, Recorded, record_received
from pipeline.described import describe
from pipeline.runs import Run, writing
from pipeline.wire import visit
from pipeline.wiring import House
from pipeline.wrapped import take_in_all, unwrapped
from schemas.errors import Retryable
from schemas.fault_points import reach
from sftp_inbox.begun import Begun
from sftp_inbox.client import connect, is_alive
from sftp_inbox.listing import Refused, Waiting, list_waiting
from sftp_inbox.receive import Fetched, fetch, remove
from sftp_inbox.session import Session

log = structlog.get_logger()

_LEFT = """
SELECT (array_agg(CAST(details ->> 'count' AS integer) ORDER BY ordinal DESC))[1]
FROM ledger.audit_entry WHERE object_kind = 'run' AND object_id = :run_id
  AND action = 'files left' AND details ->> 'partner' = :partner
"""


@dataclass
class Reception:
    """What one visit to a mailbox brought: ids in the ledger, and what stays for a later visit.

    Of what stays `growing` is not whole yet, and `left` could not be taken.
    """

    file_ids: list[int] = field(default_factory=list)
    seen_before: int = 0
    growing: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


def receive_files(house: House, run: Run, partner_id: str) -> Reception:
    """Fetches all finished files of the partner's outbox.

    Each is on our disk and in the ledger before it is removed there. Raises Retryable or Terminal
    when the mailbox cannot be reached; a single file that cannot be taken is only left.
    """
    reception = Reception()
    visit(house, run, partner_id, lambda: _empty_outbox(house, run, partner_id, reception))
    for sentence in (*reception.growing, *reception.left):
        log.warning("file left in the outbox", partner=partner_id, why=sentence)
    _note_left(house, run, partner_id, len(reception.left))
    return reception


def _note_left(house: House, run: Run, partner_id: str, count: int) -> None:
    """Notes in the trail how many files could not be taken, when that is news in this run."""
    known = {"run_id": run.run_id, "partner": partner_id}
    with house.engine.connect() as conn:
        told = conn.scalar(sa.text(_LEFT), known)
    if count != (told or 0):
        with writing(house, run, partner_id, "files left") as conn:
            audit.note(conn, "files left", "run", run.run_id, partner=partner_id, count=count)


def _empty_outbox(house: House, run: Run, partner_id: str, reception: Reception) -> None:
    mailbox = house.mailbox(partner_id)
    with connect(mailbox) as client:
        listing = list_waiting(client, mailbox, house.settings.settle_seconds)
        Begun.of(house.landing, partner_id).forget_all_but(listing.waiting)
        reception.growing = [f"{name}: still growing" for name in listing.growing]
        reception.left = [f"{item.name}: {item.reason}" for item in listing.refused]
        for waiting in listing.waiting:
            _receive(house, run, client, waiting, reception)


def _receive(
    house: House, run: Run, client: Session, waiting: Waiting, reception: Reception
) -> None:
    try:
        fetched = fetch(client, waiting, house.landing, house.settings.max_file_bytes)
    except Retryable as error:
        if not is_alive(client):
            raise
        reception.left.append(f"{waiting.name}: {error}")
        return
    if isinstance(fetched, Refused):
        reception.left.append(f"{fetched.name}: {fetched.reason}")
        return
    reach("received file stored")
    came = unwrapped(house, fetched)
    recorded = take_in_all(house, run, came)
    for one in came:
        if one.refused is not None:
            first = recorded[0].file_id
            log.warning("file quarantined", file_id=first, how=one.how, why=one.refused)
    if recorded[0].is_new:
        reception.file_ids += [one.file_id for one in recorded if one.is_new]
        log.info("file received", partner=fetched.partner_id, file_id=recorded[0].file_id)
    else:
        reception.seen_before += 1
    removal = remove(client, waiting)
    reach("received file removed")
    if not removal.removed:
        log.warning("file not removed", file_id=recorded[0].file_id, why=removal.reason)


def take_in(house: House, run: Run, fetched: Fetched, kind: FileKind | None = None) -> Recorded:
    """The place in the ledger of a file that lies in the landing zone.

    What it is its content and its name say, unless `kind` does.
    """
    received = describe(house, run, fetched)
    if kind is not None:
        received = replace(received, kind=kind)
    with writing(house, run, fetched.partner_id, "file recorded") as conn:
        return record_received(conn, received)
