"""What other rules would have done with the files that came in.

Each stored file is checked twice, by the rules that hold and by the changed ones, and what became
of its members is compared. The database is read by connections that cannot write, and nothing of
the home is touched: ledger, book and tables stay as they are. Nothing is said of the book either;
a member that would be accepted may still wait there.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from ledger.files import received_enrollments
from pipeline.check import terms_of
from pipeline.judged_twice import FINDINGS, MEMBERS, JudgedTwice
from pipeline.wiring import House
from schemas import tables
from schemas.rule_sets import Rulebook
from validators.check import ALONE, check_file
from validators.crews import Crew

FILES = pa.schema(
    [
        ("partner_id", tables.TEXT),
        ("file_id", pa.int64()),
        ("file_name", tables.TEXT),
        ("received_on", tables.DATE),
        ("members", tables.COUNT),
        ("answered", tables.TEXT),  # the verdict of the ledger; null without one
        ("verdict_before", tables.TEXT),
        ("verdict_after", tables.TEXT),
        ("answers_otherwise", tables.COUNT),  # interchanges, groups and sets: TA1, AK901, IK501
    ]
)


@dataclass(frozen=True)
class Question:
    """Which files are asked about, and what would hold for them."""

    rulebook: Rulebook
    since: date
    until: date | None = None  # included; None: to this day
    partner_id: str | None = None  # None: all


@dataclass(frozen=True)
class Answer:
    """What would be otherwise: FILES with all that were asked about, MEMBERS, and FINDINGS."""

    files: pa.Table
    members: pa.Table
    findings: pa.Table

    @property
    def is_the_same(self) -> bool:
        """Whether nothing would be otherwise."""
        same_verdicts = self.files["verdict_before"].equals(self.files["verdict_after"])
        same_findings = self.findings["before"].equals(self.findings["after"])
        otherwise = len(self.members) + (pc.sum(self.files["answers_otherwise"]).as_py() or 0)
        return not otherwise and same_verdicts and same_findings


def what_if(
    house: House, question: Question, tell: Callable[[str], None], crew: Crew = ALONE
) -> Answer:
    """What the changed rules would have done with the stored files. `tell` hears file by file."""
    files, members, findings = [], [MEMBERS.empty_table()], [FINDINGS.empty_table()]
    house = replace(house, engine=house.engine.execution_options(postgresql_readonly=True))
    with house.engine.connect() as conn:
        asked = received_enrollments(conn, question.since, question.until, question.partner_id)
    for number, row in enumerate(asked, 1):
        tell(f"file {number} of {len(asked)}")
        day = house.day_of(row.partner_id, row.recorded_at)
        both = _judged_by_both(house, row, day, question.rulebook, crew)
        files.append(_file_row(both, row.recorded_at.astimezone(UTC).date()))
        members.append(both.members_decided_otherwise())
        findings.append(both.findings())
    return Answer(
        pa.Table.from_pylist(files, schema=FILES),
        pa.concat_tables(members),
        _summed(pa.concat_tables(findings)),
    )


def _judged_by_both(
    house: House, row: sa.Row[Any], day: date, rulebook: Rulebook, crew: Crew
) -> JudgedTwice:
    """The file as it is judged by the rules that hold, and by the changed ones."""
    path = house.landing.verified_path(row.storage_key)
    terms = terms_of(house, row, path, day)
    read = partial(check_file, path, terms, crew=crew)
    after = check_file(path, replace(terms, rulebook=rulebook), crew=crew).verdict
    return JudgedTwice(row, read().verdict, after, read)


def _file_row(both: JudgedTwice, day: date) -> dict[str, Any]:
    """The file's row of FILES."""
    return {
        "partner_id": both.row.partner_id,
        "file_id": both.row.file_id,
        "file_name": both.row.name,
        "received_on": day,
        "members": len(both.before.dispositions),
        "answered": both.row.verdict,
        "verdict_before": both.before.file_verdict,
        "verdict_after": both.after.file_verdict,
        "answers_otherwise": both.answers_otherwise,
    }


def _summed(findings: pa.Table) -> pa.Table:
    summed = findings.group_by("rule").aggregate([("before", "sum"), ("after", "sum")])
    return summed.rename_columns(FINDINGS.names).cast(FINDINGS).sort_by("rule")
