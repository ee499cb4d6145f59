"""What somebody must do something about becomes a case, in the transaction that has found it."""

from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import sqlalchemy as sa

from ledger.cases import Looking, fallen_members, meet_book, meet_files, meet_rejected
from pipeline.checked_tables import read_members
from pipeline.runs import Run
from schemas.cases import CASE_MEMBERS
from strongroom.files import parquet

_DOLLARS = r"^[0-9]{1,7}(\.[0-9]{1,2})?$"
# What reporting categories tell, and what it looks like.
_TOLD = {
    "premium": ("PRE AMT TOT", _DOLLARS),
    "aptc": ("APTC AMT", _DOLLARS),
    "submitted_at": ("REQUEST SUBMIT TIMESTAMP", r"^[0-9]{14,16}$"),
}


def case_rejections(
    conn: sa.Connection, run: Run, partner_id: str, file_id: int, folder: Path
) -> None:
    """Cases of what was rejected of a checked or staged file, whose tables are in a folder."""
    looking = Looking(run.run_id, partner_id, run.as_of)
    meet_files(conn, looking, file_id)
    ordinals = fallen_members(conn, file_id)
    meet_rejected(conn, looking, file_id, _members(folder, ordinals))


def case_book(conn: sa.Connection, run: Run, partner_id: str, on_day: date, zone: str) -> None:
    """Cases of what waits in the partner's book, and the end of those that it proves gone."""
    meet_book(conn, Looking(run.run_id, partner_id, run.as_of), on_day, zone)


def _members(folder: Path, ordinals: pa.ChunkedArray) -> pa.Table:
    """CASE_MEMBERS of the members with those ordinals."""
    if not len(ordinals):
        return CASE_MEMBERS.empty_table()
    names = [name for name in CASE_MEMBERS.names if name not in _TOLD]
    members = read_members(folder, names, ordinals)
    for column, (name, form) in _TOLD.items():
        members = members.append_column(column, _told(folder, members, name, form))
    return members.select(CASE_MEMBERS.names).cast(CASE_MEMBERS)


def _told(folder: Path, members: pa.Table, name: str, form: str) -> pa.Array:
    """What each member's set says under a name, null where it is not told or has another form."""
    wanted = (pc.field("name") == name) & pc.field("member_ordinal").isin(members["member_ordinal"])
    told = pq.read_table(
        parquet(folder / "reporting_categories.parquet"),
        columns=["member_ordinal", "value"],
        filters=wanted,
    )
    told = told.filter(pc.match_substring_regex(told["value"], form))
    place = pc.index_in(members["member_ordinal"], told["member_ordinal"].combine_chunks())
    return told["value"].take(place)
