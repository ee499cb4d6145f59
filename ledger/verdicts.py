"""Verdicts on received files: what a file holds, what is wrong with it, where each member went."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from schemas.catalog import load_rules
from schemas.database import (
    disposition,
    file,
    functional_group,
    interchange,
    issue,
    received_interchange,
    transaction_set,
)
from schemas.postgres_copy import copy_into
from schemas.verdict import Verdict


def record_verdict(
    conn: sa.Connection,
    file_id: int,
    verdict: Verdict,
    run_id: int,
    rules_digest: str | None = None,
) -> bool:
    """Whether the verdict was recorded now; false when the file has had one already.

    `rules_digest` names the rules that it was made by (`ledger.rule_version`).

    A file is checked from then on, or in quarantine with the reason, or remains a duplicate: one of
    which nothing was accepted. (The first of two equal files may have been refused for a reason
    that no longer holds.) The caller's transaction makes all of it appear at once or not at all.
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
        .values(
            verdict=verdict.file_verdict,
            rules_digest=rules_digest,
            state=_state(known.state, verdict),
            note=load_rules()[verdict.quarantine.rule].wording if verdict.quarantine else None,
        )
    )
    return True


def _state(state: str, verdict: Verdict) -> str:
    if verdict.quarantine is not None:
        return "quarantined"
    is_without_effect = state == "duplicate" and verdict.file_verdict == "rejected"
    return "duplicate" if is_without_effect else "checked"


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


@dataclass(frozen=True)
class EarlierFiles:
    """The files of a partner that count as earlier ones: by arrival, and not too long ago."""

    partner_id: str
    before_file_id: int
    since: datetime

    def holds(self) -> sa.ColumnElement[bool]:
        """The condition on `ledger.file`."""
        return sa.and_(
            file.c.direction == "exchange_to_issuer",
            file.c.kind != "correction",
            file.c.partner_id == self.partner_id,
            file.c.file_id < self.before_file_id,
            file.c.recorded_at >= self.since,
        )


def seen_interchange_control_numbers(
    conn: sa.Connection, earlier: EarlierFiles, pairs: Collection[tuple[str, str]]
) -> frozenset[tuple[str, str]]:
    """Those of the (ISA06, ISA13) that an earlier file brought already.

    An interchange that we rejected does not count: its number comes again when the exchange
    sends the corrected file. One that could not be checked yet (its stored bytes are damaged, say)
    does: its number is taken until somebody has decided.
    """
    checked = _seen(earlier, pairs, interchange.c.sender_id, interchange.c.control_number).where(
        interchange.c.ta1_code.is_distinct_from("R")
    )
    unchecked = _seen(
        earlier, pairs, received_interchange.c.sender_id, received_interchange.c.control_number
    ).where(file.c.verdict.is_(None), file.c.state.in_(["received", "duplicate"]))
    return _pairs(conn, checked.union(unchecked))


def seen_group_control_numbers(
    conn: sa.Connection, earlier: EarlierFiles, pairs: Collection[tuple[str, str]]
) -> frozenset[tuple[str, str]]:
    """Those of the (GS02, GS06) that an earlier file brought in a group that was not rejected."""
    of_groups = functional_group.c.sender_code, functional_group.c.control_number
    return _pairs(
        conn,
        _seen(earlier, pairs, *of_groups).where(functional_group.c.ack.is_distinct_from("R")),
    )


def _seen(
    earlier: EarlierFiles,
    pairs: Collection[tuple[str, str]],
    sender: sa.Column[str],
    number: sa.Column[str],
) -> sa.Select[str, str]:
    """The pairs of columns of the table that stand in earlier files, before any other condition."""
    table = sender.table
    return (
        sa.select(sender, number)
        .distinct()
        .join_from(table, file, file.c.file_id == table.c.file_id)
        .where(
            earlier.holds(),
            number.in_({wanted for _, wanted in pairs}),
            sender.in_({wanted for wanted, _ in pairs}),
        )
    )


def _pairs(
    conn: sa.Connection, found: sa.Select[str, str] | sa.CompoundSelect[str, str]
) -> frozenset[tuple[str, str]]:
    return frozenset((row[0], row[1]) for row in conn.execute(found))
