"""Files from a partner's outbox into the landing zone and the ledger."""

import re
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog

from ledger.files import FileKind, ReceivedFile, Recorded, record_received
from parsers.reading import open_received
from pipeline.runs import Run, writing
from pipeline.wiring import House
from schemas.errors import Retryable
from schemas.fault_points import reach
from schemas.monthly_exchanges import kind_by_name
from schemas.partners import Exchange
from sftp_inbox.client import Session, connect, is_alive
from sftp_inbox.landing import LandingZone
from sftp_inbox.listing import Refused, Waiting, list_waiting
from sftp_inbox.receive import Fetched, fetch, remove

log = structlog.get_logger()


@dataclass
class Reception:
    """What one visit to a mailbox brought: ids in the ledger, and what stays for a later visit."""

    file_ids: list[int] = field(default_factory=list)
    seen_before: int = 0
    left: list[str] = field(default_factory=list)


def receive_files(house: House, run: Run, partner_id: str) -> Reception:
    """Fetches all finished files of the partner's outbox.

    Each is on our disk and in the ledger before it is removed there. Raises Retryable or Terminal
    when the mailbox cannot be reached; a single file that cannot be taken is only left.
    """
    mailbox = house.mailbox(partner_id)
    reception = Reception()
    with connect(mailbox) as client:
        listing = list_waiting(client, mailbox, house.settings.settle_seconds)
        reception.left += [f"{name}: still growing" for name in listing.growing]
        reception.left += [f"{item.name}: {item.reason}" for item in listing.refused]
        for waiting in listing.waiting:
            _receive(house, run, client, waiting, reception)
    for sentence in reception.left:
        log.warning("file left in the outbox", partner=partner_id, why=sentence)
    return reception


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
    recorded = take_in(house, run, fetched)
    if recorded.is_new:
        reception.file_ids.append(recorded.file_id)
        log.info("file received", partner=fetched.partner_id, file_id=recorded.file_id)
    else:
        reception.seen_before += 1
    removal = remove(client, waiting)
    reach("received file removed")
    if not removal.removed:
        log.warning("file not removed", file_id=recorded.file_id, why=removal.reason)


def take_in(house: House, run: Run, fetched: Fetched, kind: FileKind | None = None) -> Recorded:
    """The place in the ledger of a file that lies in the landing zone.

    What it is its content and its name say, unless `kind` does.
    """
    received = _describe(house.landing, house.exchange(fetched.partner_id), fetched, run)
    if kind is not None:
        received = replace(received, kind=kind)
    with writing(house, run, fetched.partner_id, "file recorded") as conn:
        return record_received(conn, received)


def _describe(landing: LandingZone, exchange: Exchange, fetched: Fetched, run: Run) -> ReceivedFile:
    with open_received(landing.verified_path(fetched.storage_key)) as content:
        kind: FileKind = content.kind
        interchanges = tuple(content.interchange_keys)
    name = re.fullmatch(exchange.file_names.exchange_to_issuer, fetched.name)
    if name and name["function_code"] == exchange.function_codes.business_acknowledgement:
        kind = "acknowledgement"
    if kind == "unknown":
        kind = kind_by_name(exchange.id, fetched.name) or kind
    return ReceivedFile(
        partner_id=fetched.partner_id,
        name=fetched.name,
        kind=kind,
        function_code=name["function_code"] if name else None,
        named_at=_named_at(name) if name else None,
        sha256=fetched.sha256,
        size_bytes=fetched.size_bytes,
        storage_key=fetched.storage_key,
        run_id=run.run_id,
        received_at=run.as_of,
        interchanges=interchanges,
    )


def _named_at(name: re.Match[str]) -> datetime | None:
    """Date and time of a file name on the exchange's clock; None when there is no such moment."""
    try:
        return datetime.strptime(name["date"] + name["time"], "%y%m%d%H%M%S%f")
    except ValueError:
        return None
