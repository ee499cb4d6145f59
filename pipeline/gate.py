"""Checked files to a batch that may change the book, or is held for a person."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import sqlalchemy as sa
import structlog

from enrollment.batches import StagedFiles, batch_tables, full_files
from enrollment.omitted import NAMED
from enrollment.staged_events import FileTables
from enrollment.staging import stage_file
from ledger import gates
from ledger.files import unstaged_files
from pipeline.cases import case_rejections
from pipeline.checked_tables import read_table
from pipeline.journal import journal
from pipeline.operators import name_of_operator
from pipeline.runs import Run, writing
from pipeline.wiring import House
from schemas.gate import load_gate
from strongroom.files import parquet
from validators.gate import judge_batch

log = structlog.get_logger()

_TABLES = ("members", "coverages", "reporting_categories")


def put_to_gate(house: House, run: Run, partner_id: str) -> None:
    """Stages the partner's checked files, makes a batch of them, and judges it.

    Each file is staged once and is in one batch; a batch is judged once, when all earlier ones of
    the partner are in the book or refused. Until then it waits, and this does nothing more.
    """
    stage_files(house, run, partner_id)
    with writing(house, run, partner_id, "batch formed") as conn:
        gates.form_batch(conn, partner_id, run.run_id)
    judge_next_batch(house, run, partner_id)


def stage_files(house: House, run: Run, partner_id: str) -> None:
    """Stages the partner's checked files that are not staged yet."""
    with house.engine.connect() as conn:
        checked = unstaged_files(conn, partner_id)
    for row in checked:
        stage_checked(house, run, partner_id, row.file_id)


def stage_checked(house: House, run: Run, partner_id: str, file_id: int) -> None:
    """Stages a checked file of the partner for the book."""
    folder = house.settings.tables_folder / str(file_id)
    parsed = FileTables(*(read_table(folder, name) for name in _TABLES))
    with writing(house, run, partner_id, "file staged") as conn:
        staged = stage_file(conn, file_id, house.exchange(partner_id), parsed, run.run_id)
        case_rejections(conn, run, partner_id, file_id, folder)
        journal(conn, run, "file staged", file=file_id, sets=staged)


def judge_next_batch(house: House, run: Run, partner_id: str) -> bool:
    """Whether a batch of the partner was there to be judged now, and is passed or held since.

    Figures, state and who ran the night appear in the ledger at once or not at all.
    """
    with writing(house, run, partner_id, "batch judged") as conn:
        batch_id = gates.next_to_judge(conn, partner_id)
        if batch_id is None:
            return False
        staged = _staged_files(house, conn, partner_id, gates.files_of(conn, batch_id))
        on_day = house.day_of(partner_id, run.as_of)
        tables = batch_tables(conn, staged, on_day)
        nights = gates.earlier_findings(conn, partner_id, load_gate().history_nights)
        bounds = house.partner(partner_id).bounds_on(on_day)
        found = judge_batch(tables, nights, bounds)
        by = name_of_operator(house.settings)
        state = gates.record_findings(conn, batch_id, found, run.run_id, by)
    outside = [finding.expectation for finding in found if finding.outcome == "outside"]
    log.info("batch judged", partner=partner_id, batch=batch_id, state=state, outside=outside)
    return True


def _staged_files(
    house: House, conn: sa.Connection, partner_id: str, file_ids: list[int]
) -> StagedFiles:
    """The batch's files, with what its full files name: rejected members are named too."""
    full = full_files(conn, file_ids)
    named = named_in(house.settings.tables_folder, full) if full else None
    return StagedFiles(partner_id, file_ids, named)


def named_in(checked: Path, file_ids: list[int]) -> pa.Table:
    """Whom checked files name (NAMED), members of rejected sets, too."""
    paths = [checked / str(file_id) / "members.parquet" for file_id in file_ids]
    named = pa.concat_tables(pq.read_table(parquet(path), columns=NAMED.names) for path in paths)
    return named.filter(pc.is_valid(named["exchange_policy_id"])).cast(NAMED)


def batches_at_gate(house: House) -> list[gates.AtGate]:
    """All batches with what was found about them, oldest first."""
    with house.engine.connect() as conn:
        return [gates.at_gate(conn, batch) for batch in gates.batches(conn)]
