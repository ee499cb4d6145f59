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
from schemas import tables
from schemas.cases import CASE_MEMBERS
from strongroom.files import parquet

_AMOUNTS = {"premium": "PRE AMT TOT", "aptc": "APTC AMT"}
_DOLLARS = r"^[0-9]{1,7}(\.[0-9]{1,2})?$"


def case_rejections(
    conn: sa.Connection, run: Run, partner_id: str, file_id: int, folder: Path
) -> None:
    """Cases of what was rejected of a checked or staged file, whose tables are in a folder."""
    looking = Looking(run.run_id, partner_id, run.as_of)
    meet_files(conn, looking, file_id)
    ordinals = fallen_members(conn, file_id)
    meet_rejected(conn, looking, file_id, _members(folder, ordinals))


def case_book(conn: sa.Connection, run: Run, partner_id: str, on_day: date) -> None:
    """Cases of what waits in the partner's book, and the end of those that it proves gone."""
    meet_book(conn, Looking(run.run_id, partner_id, run.as_of), on_day)


def _members(folder: Path, ordinals: pa.ChunkedArray) -> pa.Table:
    """CASE_MEMBERS of the members with those ordinals."""
    if not len(ordinals):
        return CASE_MEMBERS.empty_table()
    names = [name for name in CASE_MEMBERS.names if name not in _AMOUNTS]
    members = read_members(folder, names, ordinals)
    for column, name in _AMOUNTS.items():
        members = members.append_column(column, _amounts(folder, members, name))
    return members.cast(CASE_MEMBERS)


def _amounts(folder: Path, members: pa.Table, name: str) -> pa.Array:
    """What each member's set says of an amount, null where it is not told or is no amount."""
    wanted = (pc.field("name") == name) & pc.field("member_ordinal").isin(members["member_ordinal"])
    told = pq.read_table(
        parquet(folder / "reporting_categories.parquet"),
        columns=["member_ordinal", "value"],
        filters=wanted,
    )
    told = told.filter(pc.match_substring_regex(told["value"], _DOLLARS))
    place = pc.index_in(members["member_ordinal"], told["member_ordinal"].combine_chunks())
    return told["value"].cast(tables.MONEY).take(place)
