"""What error reports have told of received files: each thing in one of them, once."""

from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from schemas.database import file, reported_file

Told = Literal["verdict", "refusal"]


@dataclass(frozen=True)
class ToReport:
    """A received file that a run's error report has something to say of.

    `parts` are what the report tells: the verdict on the file, that a person has refused its batch,
    or both; `untold` are those of them that no report has told before.
    """

    file_id: int
    name: str
    kind: str
    storage_key: str
    parts: tuple[Told, ...]
    untold: tuple[Told, ...]


def to_report(conn: sa.Connection, run_id: int, partner_id: str) -> list[ToReport]:
    """What the run has told of the partner's files, and what nobody has told yet, by arrival.

    In whichever run a file came or was checked.
    """
    about: dict[Told, sa.FromClause] = {
        "verdict": reported_file.alias("verdict_told"),
        "refusal": reported_file.alias("refusal_told"),
    }
    there: dict[Told, sa.ColumnElement[bool]] = {
        "verdict": file.c.verdict.is_not(None),
        "refusal": file.c.state == "refused",
    }
    joined: sa.FromClause = file
    columns = [file.c[name] for name in ("file_id", "name", "kind", "storage_key")]
    flags: list[sa.ColumnElement[bool]] = []
    shown: list[sa.ColumnElement[bool]] = []
    for part, told in about.items():
        same = (told.c.file_id == file.c.file_id) & (told.c.kind == part)
        joined = joined.outerjoin(told, same)
        is_untold = there[part] & told.c.run_id.is_(None)
        shown.append(is_untold | (told.c.run_id == run_id))
        flags += [is_untold.label(f"{part}_untold"), shown[-1].label(part)]
    rows = (
        sa.select(*columns, *flags)
        .select_from(joined)
        .where(
            file.c.partner_id == partner_id,
            file.c.direction == "exchange_to_issuer",
            file.c.verdict.is_not(None),
            sa.or_(*shown),
        )
        .order_by(file.c.file_id)
    )
    return [
        ToReport(
            *(row.file_id, row.name, row.kind, row.storage_key),
            parts=_parts(row.verdict, row.refusal),
            untold=_parts(row.verdict_untold, row.refusal_untold),
        )
        for row in conn.execute(rows)
    ]


def _parts(verdict: bool | None, refusal: bool | None) -> tuple[Told, ...]:
    parts: tuple[tuple[Told, bool | None], ...] = (("verdict", verdict), ("refusal", refusal))
    return tuple(part for part, is_part in parts if is_part)


def record_reported(conn: sa.Connection, run_id: int, files: list[ToReport]) -> None:
    """Keeps that the run's report has told of these files what was untold."""
    rows = [
        {"file_id": one.file_id, "kind": part, "run_id": run_id}
        for one in files
        for part in one.untold
    ]
    if rows:
        conn.execute(sa.insert(reported_file), rows)
