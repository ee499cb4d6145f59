"""Files that come in a wrapping, OpenPGP or an archive, and what they hold: each in the ledger.

What cannot be opened, or may not be, is set apart with the reason, and nothing of it is read. What
is to be wrapped before it leaves is wrapped once, and delivered as often as it takes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from ledger.files import ReceivedFile, Recorded, record_received
from ledger.wrappings import Wrapping, is_opened, record_wrapping, sent_as, set_opened
from pipeline.described import describe
from pipeline.runs import Run, writing
from pipeline.wiring import House
from sftp_inbox.archives import entries_of
from sftp_inbox.deliver import Outgoing
from sftp_inbox.landing import Stored
from sftp_inbox.openpgp import Keys, clear_name, decrypted, encrypted
from sftp_inbox.receive import Fetched
from sftp_inbox.wrapping import How, NotOpenedError, archive_kind

_BEGINNING_BYTES = 4


@dataclass(frozen=True)
class Came:
    """A file as it came, or as it was within the one at place `within` of the same list.

    `how` is what it is a wrapping of, None for what is to be read; `refused` says why nothing of a
    wrapping was taken.
    """

    file: Fetched
    how: How | None = None
    within: int | None = None
    ordinal: int = 1
    refused: str | None = None


def unwrapped(house: House, fetched: Fetched) -> list[Came]:
    """What came, and what it holds, all of it stored: the file alone where none comes wrapped.

    Raises Terminal when our own keys cannot be used.
    """
    keys = house.keys(fetched.partner_id)
    if keys is None or keys.decrypt_with is None:
        return _unpacked(house, Came(fetched), [])
    outer = Came(fetched, "openpgp")
    try:
        stored = _decrypted(house, fetched, keys)
    except NotOpenedError as error:
        return [replace(outer, refused=str(error))]
    clear = _within(fetched, clear_name(fetched.name), stored)
    return _unpacked(house, Came(clear, within=0), [outer])


def _decrypted(house: House, fetched: Fetched, keys: Keys) -> Stored:
    most = house.settings.max_file_bytes
    with house.landing.open(fetched.storage_key) as content:
        return house.landing.store(_no_more_than(most, decrypted(content, keys, most)))


def _no_more_than(most: int, chunks: Iterator[bytes]) -> Iterator[bytes]:
    size_bytes = 0
    for chunk in chunks:
        size_bytes += len(chunk)
        if size_bytes > most:
            raise NotOpenedError(f"it holds more than {most} bytes")
        yield chunk


def _unpacked(house: House, came: Came, outer: list[Came]) -> list[Came]:
    """The file behind those around it, with what it holds if it is an archive."""
    fetched, limits = came.file, house.archive_limits(came.file.partner_id)
    if limits is None:
        return [*outer, came]
    with house.landing.open(fetched.storage_key) as content:
        how = archive_kind(content.read(_BEGINNING_BYTES))
        if how is None:
            return [*outer, came]
        content.seek(0)
        try:
            found = entries_of(content, fetched.size_bytes, fetched.name, how, limits)
            inner = [
                Came(
                    _within(fetched, entry.name, house.landing.store(entry.chunks())),
                    within=len(outer),
                    ordinal=ordinal,
                )
                for ordinal, entry in enumerate(found, start=1)
            ]
        except NotOpenedError as error:
            return [*outer, replace(came, how=how, refused=str(error))]
    return [*outer, replace(came, how=how), *inner]


def _within(outer: Fetched, name: str, stored: Stored) -> Fetched:
    return replace(
        outer,
        name=name,
        sha256=stored.sha256,
        size_bytes=stored.size_bytes,
        storage_key=stored.storage_key,
    )


def take_in_all(house: House, run: Run, all_came: Sequence[Came]) -> list[Recorded]:
    """The places in the ledger of what came and of what it holds: all of them, or none."""
    told = [
        wrapped_file(run, came.file) if came.how else describe(house, run, came.file)
        for came in all_came
    ]
    found: list[Recorded] = []
    with writing(house, run, all_came[0].file.partner_id, "file recorded") as conn:
        for came, received in zip(all_came, told, strict=True):
            recorded = record_received(conn, received)
            found.append(recorded)
            if came.within is not None:
                origin = all_came[came.within]
                _record_origin(conn, recorded, origin, found[came.within], came.ordinal)
            if came.how is None:
                continue
            if not recorded.is_new and is_opened(conn, recorded.file_id):
                break  # seen again: what it holds is known
            if recorded.duplicate_of is not None and is_opened(conn, recorded.duplicate_of):
                break
            set_opened(conn, recorded.file_id, came.refused)
    return found


def _record_origin(
    conn: sa.Connection, recorded: Recorded, origin: Came, of: Recorded, ordinal: int
) -> None:
    file = origin.file
    assert origin.how is not None  # something is within
    told = Wrapping(
        recorded.file_id, origin.how, file.name, file.sha256, file.size_bytes, file.storage_key,
        of.file_id, ordinal,
    )  # fmt: skip
    record_wrapping(conn, told)


def wrapped_file(run: Run, fetched: Fetched) -> ReceivedFile:
    """What came wrapped, as a received file of which nothing is read but what it holds."""
    return ReceivedFile(
        partner_id=fetched.partner_id,
        name=fetched.name,
        kind="wrapped",
        function_code=None,
        named_at=None,
        sha256=fetched.sha256,
        size_bytes=fetched.size_bytes,
        storage_key=fetched.storage_key,
        run_id=run.run_id,
        received_at=run.as_of,
    )


def for_the_wire(house: House, run: Run, row: sa.Row[Any]) -> Outgoing:
    """What is delivered of a file in the ledger: its own bytes, or those it is wrapped in.

    They are in the ledger before they leave: wrapped again they would be other bytes, and nobody
    could tell whether they have arrived.
    """
    keys = house.keys(row.partner_id)
    if keys is None or keys.sign_with is None:
        return Outgoing(row.name, row.storage_key)
    with house.engine.connect() as conn:
        known = sent_as(conn, row.file_id)
    if known is not None:
        return Outgoing(known.name, known.storage_key)
    with house.landing.open(row.storage_key) as content:
        stored = house.landing.store(encrypted(content, keys))
    name = row.name + keys.ending
    told = Wrapping(
        row.file_id, "openpgp", name, stored.sha256, stored.size_bytes, stored.storage_key
    )
    with writing(house, run, row.partner_id, "file recorded") as conn:
        record_wrapping(conn, told)
    return Outgoing(name, stored.storage_key)
