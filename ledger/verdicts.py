"""Verdicts on received files: what a file holds, what is wrong with it, where each member went."""

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from schemas.database import (
    disposition,
    file,
    functional_group,
    interchange,
    issue,
    transaction_set,
)
from schemas.postgres_copy import copy_into
from schemas.verdict import Verdict


def record_verdict(conn: sa.Connection, file_id: int, verdict: Verdict, run_id: int) -> bool:
    """Whether the verdict was recorded now; false when the file has had one already.

    A readable file is checked from then on, an unreadable one in quarantine, and a duplicate
    stays one. The caller's transaction makes all of it appear at once or not at all.
    """
    known = conn.execute(
        sa.select(file.c.state, file.c.verdict).where(file.c.file_id == file_id).with_for_update()
    ).one()
    if known.verdict is not None:
        return False
    _record_envelopes(conn, file_id, verdict)
    issue_ordinals = pa.array(range(1, verdict.issues.num_rows + 1), pa.int64())
    issues = verdict.issues.append_column("issue_ordinal", issue_ordinals)
    copy_into(conn, issue, issues, file_id=file_id)
    copy_into(conn, disposition, verdict.dispositions, file_id=file_id, decided_in_run=run_id)
    conn.execute(
        sa.update(file)
        .where(file.c.file_id == file_id)
        .values(verdict=verdict.file_verdict, state=_state(known.state, verdict))
    )
    return True


def _state(state: str, verdict: Verdict) -> str:
    if verdict.file_verdict == "unreadable":
        return "quarantined"
    return "duplicate" if state == "duplicate" else "checked"


def _record_envelopes(conn: sa.Connection, file_id: int, verdict: Verdict) -> None:
    interchanges = _judged(
        verdict.interchanges, verdict.interchange_verdicts, "interchange_ordinal"
    )
    groups = _judged(verdict.functional_groups, verdict.group_verdicts, "group_ordinal")
    sets = _judged(verdict.transaction_sets, verdict.set_verdicts, "set_ordinal")
    copy_into(conn, interchange, interchanges, file_id=file_id)
    copy_into(conn, functional_group, groups, file_id=file_id)
    copy_into(conn, transaction_set, sets, file_id=file_id)


def _judged(envelopes: pa.Table, verdicts: pa.Table, ordinal: str) -> pa.Table:
    """The envelopes with the columns that only their verdicts have, matched by ordinal."""
    rows = pc.index_in(
        envelopes.column(ordinal), value_set=verdicts.column(ordinal).combine_chunks()
    )
    for name in verdicts.column_names:
        if name not in envelopes.column_names:
            envelopes = envelopes.append_column(
                verdicts.schema.field(name), verdicts.column(name).take(rows)
            )
    return envelopes


def seen_interchange_control_numbers(
    conn: sa.Connection,
    partner_id: str,
    sender_id: str,
    numbers: Iterable[str],
    before_file_id: int,
) -> set[str]:
    """Those of the numbers (ISA13) that an earlier file of the sender brought already.

    An interchange that we rejected does not count: its number comes again when the exchange
    sends the corrected file.
    """
    earlier = (
        sa.select(interchange.c.control_number)
        .join(file, file.c.file_id == interchange.c.file_id)
        .where(
            file.c.direction == "exchange_to_issuer",
            file.c.partner_id == partner_id,
            file.c.file_id < before_file_id,
            interchange.c.sender_id == sender_id,
            interchange.c.control_number.in_(list(numbers)),
            interchange.c.ta1_code.is_distinct_from("R"),
        )
    )
    return set(conn.execute(earlier).scalars())
