"""What other rules would have done with the files that came in.

Each stored file is checked twice, by the rules that hold and by the changed ones, and what became
of its members is compared. The database is read by connections that cannot write, and nothing of
the home is touched: ledger, book and tables stay as they are. Nothing is said of the book either;
a member that would be accepted may still wait there.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from ledger.files import received_enrollments
from pipeline.check import terms_of
from pipeline.wiring import House
from schemas import tables
from schemas.rule_sets import Rulebook
from schemas.verdict import Verdict
from validators.check import ALONE, check_file
from validators.crews import Crew

Ints = npt.NDArray[np.int64]

REJECTED, ACCEPTED = "newly_rejected", "newly_accepted"

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

# One row per member that would be decided otherwise.
MEMBERS = pa.schema(
    [
        ("partner_id", tables.TEXT),
        ("file_id", pa.int64()),
        ("change", tables.TEXT),  # newly_rejected | newly_accepted
        ("rule", tables.TEXT),  # that rejects it now, or did
        ("transaction_set_control_number", tables.TEXT),
        ("member_ordinal", tables.ORDINAL),
        ("exchange_subscriber_id", tables.TEXT),
        ("exchange_member_id", tables.TEXT),
        ("exchange_policy_id", tables.TEXT),
        # PRE AMT TOT and APTC AMT of a month as the member's own loop states them, else 0
        ("premium_total_cents", pa.int64()),
        ("aptc_cents", pa.int64()),
    ]
)

# How often each rule is broken, before and after, file by file.
FINDINGS = pa.schema([("rule", tables.TEXT), ("before", tables.COUNT), ("after", tables.COUNT)])
_ANSWERS = {"interchange_verdicts": "ta1_code", "group_verdicts": "ack", "set_verdicts": "ack"}
_AMOUNTS = {"PRE AMT TOT": "premium_total_cents", "APTC AMT": "aptc_cents"}
_OF_A_MEMBER = tuple(name for name in MEMBERS.names if name in tables.MEMBERS.names)
_MONEY = r"^-?[0-9]{1,10}([.][0-9]{1,2})?$"


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
        both = _Both(house, row, question.rulebook, crew)
        files.append(both.file_row())
        members.append(both.members_decided_otherwise())
        findings.append(both.findings())
    return Answer(
        pa.Table.from_pylist(files, schema=FILES),
        pa.concat_tables(members),
        _summed(pa.concat_tables(findings)),
    )


class _Both:
    """One file as it is judged by the rules that hold, and by the changed ones."""

    def __init__(self, house: House, row: sa.Row[Any], rulebook: Rulebook, crew: Crew) -> None:
        self.row = row
        self.day = row.recorded_at.astimezone(UTC).date()
        path = house.landing.verified_path(row.storage_key)
        terms = terms_of(house, row, path, self.day)
        self._read = partial(check_file, path, terms, crew=crew)
        self.before: Verdict = self._read().verdict
        changed = replace(terms, rulebook=rulebook)
        self.after: Verdict = check_file(path, changed, crew=crew).verdict

    def file_row(self) -> dict[str, Any]:
        """The file's row of FILES."""
        return {
            "partner_id": self.row.partner_id,
            "file_id": self.row.file_id,
            "file_name": self.row.name,
            "received_on": self.day,
            "members": len(self.before.dispositions),
            "answered": self.row.verdict,
            "verdict_before": self.before.file_verdict,
            "verdict_after": self.after.file_verdict,
            "answers_otherwise": self._answers_otherwise(),
        }

    def _answers_otherwise(self) -> int:
        """How many interchanges, groups and sets have another acknowledgement."""
        differ = (
            pc.not_equal(getattr(self.before, level)[ack], getattr(self.after, level)[ack])
            for level, ack in _ANSWERS.items()
        )
        return sum(pc.sum(one).as_py() or 0 for one in differ)

    def findings(self) -> pa.Table:
        """FINDINGS of the file."""
        parts = []
        for name, verdict in (("before", self.before), ("after", self.after)):
            counted = verdict.issues.group_by("rule").aggregate([([], "count_all")])
            counts = dict.fromkeys(("before", "after"), pa.repeat(0, len(counted)))
            columns = {"rule": counted["rule"], **counts, name: counted["count_all"]}
            parts.append(pa.table(columns).cast(FINDINGS))
        return pa.concat_tables(parts)

    def members_decided_otherwise(self) -> pa.Table:
        """MEMBERS of the file; its own tables are read only when there is one."""
        old, new = self.before.dispositions, self.after.dispositions
        differs = pc.not_equal(old["state"], new["state"])
        old, new = old.filter(differs), new.filter(differs)
        if not len(new):
            return MEMBERS.empty_table()
        kept = _Kept()
        self._read(kept)
        told_of = kept.members()
        is_rejected = pc.equal(new["state"], "rejected")
        ordinals = new["member_ordinal"].to_numpy()
        count = len(new)
        columns = {name: told_of[name].take(ordinals - 1) for name in _OF_A_MEMBER}
        columns |= {
            "partner_id": pa.repeat(pa.scalar(self.row.partner_id, tables.TEXT), count),
            "file_id": pa.repeat(self.row.file_id, count),
            "change": pc.if_else(is_rejected, REJECTED, ACCEPTED),
            "rule": pc.if_else(is_rejected, new["reason"], old["reason"]),
        }
        columns |= {
            column: kept.cents(name, len(self.before.dispositions))[ordinals]
            for name, column in _AMOUNTS.items()
        }
        return pa.table({name: columns[name] for name in MEMBERS.names}).cast(MEMBERS)


@dataclass
class _Kept:
    """Of the tables of a file: who the members are, and what they pay. A sink."""

    _members: list[pa.Table] = field(default_factory=list)
    _amounts: list[pa.Table] = field(default_factory=list)

    def write(self, name: str, table: pa.Table) -> None:
        """Keeps the columns and rows that are wanted."""
        if name == "members":
            self._members.append(table.select(_OF_A_MEMBER))
        elif name == "reporting_categories":
            wanted = pc.is_in(table["name"], value_set=pa.array(_AMOUNTS, tables.TEXT))
            self._amounts.append(table.filter(wanted).select(["member_ordinal", "name", "value"]))

    def members(self) -> pa.Table:
        """The members in file order."""
        return pa.concat_tables(self._members)

    def cents(self, name: str, members: int) -> Ints:
        """Per member ordinal (entry 0 unused) the amount of that name that it states last."""
        amounts = pa.concat_tables(self._amounts)
        amounts = amounts.filter(pc.equal(amounts["name"], name))
        amounts = amounts.filter(pc.match_substring_regex(amounts["value"], _MONEY))
        stated = pc.multiply(pc.cast(amounts["value"], pa.decimal128(12, 2)), 100)
        cents = np.zeros(members + 1, np.int64)
        cents[amounts["member_ordinal"].to_numpy()] = pc.cast(stated, pa.int64()).to_numpy()
        return cents


def _summed(findings: pa.Table) -> pa.Table:
    summed = findings.group_by("rule").aggregate([("before", "sum"), ("after", "sum")])
    return summed.rename_columns(FINDINGS.names).cast(FINDINGS).sort_by("rule")
