"""A file that was set apart, let in by a person: judged again without the rule that set it apart.

The original stays as it came, with its verdict. What the next night takes in is a file of its own
with the same bytes, answered like any other.
"""

import sqlalchemy as sa
import structlog

from ledger.corrections import Word
from ledger.files import ReceivedFile, file_row, record_released
from ledger.operator_words import Release, mark_taken, release_file, to_take_in
from pipeline.reprocess import Again, reprocess
from pipeline.runs import Run, writing
from pipeline.wiring import House
from schemas.errors import Terminal

log = structlog.get_logger()


def try_release(house: House, file_id: int) -> Again:
    """What would become of the file. Nothing is changed by it."""
    return reprocess(house, file_id, "released")


def release(house: House, file_id: int, word: Word) -> Again:
    """Lets the partner's next night take the file in.

    Raises Terminal when it is not in quarantine, was released before, or when nothing of it would
    be accepted without the rule either.
    """
    word.require("release a file")
    tried = try_release(house, file_id)
    with house.engine.begin() as conn:
        let_in(conn, tried, word)
    return tried


def let_in(conn: sa.Connection, tried: Again, word: Word) -> None:
    """Notes that a person releases what was tried. Raises Terminal as `release` does."""
    file_id = tried.file_id
    if tried.after.file_verdict in ("rejected", "unreadable"):
        raise Terminal(
            f"Without {tried.left_out} file {file_id} is {tried.after.file_verdict} still: nothing "
            "of it would be taken in. Ask the exchange for another one."
        )
    assert tried.left_out is not None  # the basis says so
    release_file(conn, file_id, tried.left_out, word)


def take_released(house: House, run: Run, partner_id: str) -> None:
    """Takes in what persons have released, each once, as files of the exchange."""
    with house.engine.connect() as conn:
        waiting = to_take_in(conn, partner_id)
    for word in waiting:
        take_one(house, run, partner_id, word)


def take_one(house: House, run: Run, partner_id: str, word: Release) -> None:
    """The released file in the ledger, under the name of the original and the person's word."""
    with writing(house, run, partner_id, "file recorded") as conn:
        row = file_row(conn, word.file_id)
        told = ReceivedFile(
            partner_id=row.partner_id,
            name=f"{row.name}.released-{word.word_id}",
            kind=row.kind,
            function_code=row.function_code,
            named_at=row.named_at,
            sha256=row.sha256,
            size_bytes=row.size_bytes,
            storage_key=row.storage_key,
            run_id=run.run_id,
            received_at=run.as_of,
        )
        file_id = record_released(conn, told)
        mark_taken(conn, word.word_id, file_id)
    log.info("released file taken in", partner=partner_id, file_id=file_id, of=word.file_id)
