"""The released disputes of a partner as a file: one line each, its evidence beside it.

They are those that followed from the month's answers, and those that persons drafted of breaks and
cases; the latter's `flag` is `person`, and they are left out once what they are about is gone.

How an exchange wants disputes is not public; the columns are ours, between pipes, with a header.
"""

import hashlib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ledger.disputes import list_disputes, over
from ledger.sign_offs import Export, Signer, record_export
from pipeline.wiring import House
from reconciliation.months import list_actions
from reconciliation.snapshots import write_durably
from replies.plain_text import plain

_COLUMNS = (
    "dispute", "coverage_year", "exchange_policy_id", "exchange_member_id", "field",
    "issuer_value", "exchange_value", "flag", "dollars", "due_on", "answer_name", "line",
    "event_file_name", "event_byte_start", "event_byte_end", "reason",
)  # fmt: skip
_TEXT = pa.large_string()


def write_disputes(
    house: House, partner_id: str, path: Path, taken_by: Signer
) -> tuple[int, Decimal]:
    """How many disputes were written to the path, and their dollars a month.

    Both sides' values are in clear in it: before anybody has them, the audit trail has who took it.
    """
    with house.engine.connect() as conn:
        known = list_actions(conn, partner_id, everything=True)
        drafted = list_disputes(conn, [partner_id], ["released"])
        gone = over(conn, [one["dispute_id"] for one in drafted])
    released = [
        {**one, "dispute": f"action {one['action_id']}"}
        for one in known
        if one["state"] == "released"
    ]
    released += [_as_action(one) for one in drafted if one["dispute_id"] not in gone]
    columns = [
        plain(pa.array([_text(one.get(name)) for one in released], _TEXT), "|") for name in _COLUMNS
    ]
    lines = pc.binary_join_element_wise(
        *columns, pa.scalar("|", _TEXT), null_handling="replace", null_replacement=""
    )
    content = "\n".join(["|".join(_COLUMNS), *lines.to_pylist(), ""])
    digest = hashlib.sha256(content.encode("ascii")).hexdigest()
    counted = {"disputes": len(released)}
    export = Export("disputes", "txt", {"partner": partner_id}, [], counted, digest)
    with house.engine.begin() as conn:
        record_export(conn, export, taken_by)
    write_durably(path, content.encode("ascii"))
    return len(released), sum((one["dollars"] for one in released), Decimal("0.00"))


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
