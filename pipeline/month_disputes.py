"""The released disputes of a partner as files: one line each, its evidence beside it, told once.

They are those that followed from the month's answers, and those that persons drafted of breaks and
cases; the latter's `flag` is `person`. What is gone before it was told is left out.

How an exchange wants disputes is not public; the columns are ours, between pipes, with a header.
"""

import hashlib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from ledger.dispute_files import (
    DisputeFile,
    Told,
    hold_disputes,
    read_dispute_file,
    record_dispute_file,
)
from ledger.disputes import list_disputes, over
from ledger.sign_offs import Export, Signer, record_export
from pipeline.wiring import House
from reconciliation.months import list_actions, mended
from reconciliation.snapshots import write_durably
from replies.plain_text import plain
from schemas.errors import Terminal

_COLUMNS = (
    "dispute", "coverage_year", "exchange_policy_id", "exchange_member_id", "field",
    "issuer_value", "exchange_value", "flag", "dollars", "due_on", "answer_name", "line",
    "event_file_name", "event_byte_start", "event_byte_end", "reason",
)  # fmt: skip
_TEXT = pa.large_string()


def write_disputes(
    house: House, partner_id: str, path: Path, taken_by: Signer
) -> DisputeFile | None:
    """The file of all that is released and was in no file yet; None, and no file, without any.

    Both sides' values are in clear in it: before anybody has them, the audit trail has who took it,
    and what went in it goes in no other one. Raises Terminal when the path cannot be written;
    `write_again` writes it then.
    """
    with house.engine.begin() as conn:
        hold_disputes(conn, partner_id)
        told, rows = _untold(conn, partner_id)
        if not rows:
            return None
        content = _content(rows)
        dollars = sum((one["dollars"] for one in rows), Decimal("0.00"))
        digest = hashlib.sha256(content).hexdigest()
        file = record_dispute_file(conn, partner_id, digest, dollars, told, taken_by)
        _record_export(conn, file, taken_by)
    try:
        write_durably(path, content)
    except Terminal as error:
        raise Terminal(
            f"{error} It is recorded as file {file.dispute_file_id}; `edi834 month disputes "
            f"--again {file.dispute_file_id} --out FILE` writes it."
        ) from error
    return file


def write_again(
    house: House, number: int, path: Path, taken_by: Signer, partner_id: str | None = None
) -> DisputeFile:
    """The recorded file of that number, written once more, byte for byte.

    Raises Terminal when there is none (of that partner), when its bytes are other ones by now, or
    when the path cannot be written.
    """
    with house.engine.begin() as conn:
        found = read_dispute_file(conn, number)
        if found is None or partner_id not in (None, found[0].partner_id):
            whose = f" of {partner_id}" if partner_id else ""
            raise Terminal(
                f"There is no file {number} of disputes{whose}. `edi834 disputes list --all` and "
                "`edi834 month actions --all` tell what went in which."
            )
        file, told = found
        content = _content(_rows(conn, file.partner_id, told))
        if hashlib.sha256(content).hexdigest() != file.sha256:
            raise Terminal(
                f"File {number} of disputes cannot be made again: its bytes would have another "
                "hash than the recorded one. Take it from where it was kept."
            )
        _record_export(conn, file, taken_by)
    write_durably(path, content)
    return file


def _untold(conn: sa.Connection, partner_id: str) -> tuple[Told, list[dict[str, Any]]]:
    """What is released and in no file yet, and its rows."""
    actions = [
        one["action_id"]
        for one in list_actions(conn, partner_id, everything=True)
        if one["state"] == "released" and one["dispute_file_id"] is None
    ]
    drafted = [
        one["dispute_id"]
        for one in list_disputes(conn, [partner_id], ["released"])
        if one["dispute_file_id"] is None
    ]
    closed, gone = mended(conn, actions), over(conn, drafted)
    told = Told(
        [one for one in actions if one not in closed], [one for one in drafted if one not in gone]
    )
    return told, _rows(conn, partner_id, told)


def _rows(conn: sa.Connection, partner_id: str, told: Told) -> list[dict[str, Any]]:
    """The rows of a file, by their numbers, those of the month first."""
    actions = {one["action_id"]: one for one in list_actions(conn, partner_id, everything=True)}
    drafted = {one["dispute_id"]: one for one in list_disputes(conn, [partner_id])}
    return [
        *({**actions[one], "dispute": f"action {one}"} for one in sorted(told.action_ids)),
        *(_as_action(drafted[one]) for one in sorted(told.dispute_ids)),
    ]


def _content(rows: list[dict[str, Any]]) -> bytes:
    columns = [
        plain(pa.array([_text(one.get(name)) for one in rows], _TEXT), "|") for name in _COLUMNS
    ]
    lines = pc.binary_join_element_wise(
        *columns, pa.scalar("|", _TEXT), null_handling="replace", null_replacement=""
    )
    return "\n".join(["|".join(_COLUMNS), *lines.to_pylist(), ""]).encode("ascii")


def _record_export(conn: sa.Connection, file: DisputeFile, taken_by: Signer) -> None:
    filters = {"partner": file.partner_id, "file": file.dispute_file_id}
    counted = {"disputes": file.disputes}
    record_export(conn, Export("disputes", "txt", filters, [], counted, file.sha256), taken_by)


def _as_action(one: dict[str, Any]) -> dict[str, Any]:
    """A dispute that a person drafted, under the names of the month's."""
    return {
        **one,
        "dispute": f"dispute {one['dispute_id']}",
        "flag": "person",
        "event_file_name": one["file_name"],
        "event_byte_start": one["byte_start"],
        "event_byte_end": one["byte_end"],
    }


def _text(value: object) -> str | None:
    return None if value is None else str(value)
