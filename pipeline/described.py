"""What a file in the landing zone is, by its content and its name: the row that the ledger gets."""

import re
from datetime import datetime

from ledger.files import FileKind, ReceivedFile
from parsers.reading import open_received
from pipeline.runs import Run
from pipeline.wiring import House
from schemas.monthly_exchanges import kind_by_name
from sftp_inbox.receive import Fetched


def describe(house: House, run: Run, fetched: Fetched) -> ReceivedFile:
    """The file as the ledger records it: kind, moment in its name, interchanges."""
    exchange = house.exchange(fetched.partner_id)
    with open_received(house.landing.verified_path(fetched.storage_key)) as content:
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
