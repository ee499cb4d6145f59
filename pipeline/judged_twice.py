"""One file judged twice: what has become of its members, answers and issues the second time."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from schemas import tables
from schemas.errors import Terminal
from schemas.verdict import Verdict

Ints = npt.NDArray[np.int64]

REJECTED, ACCEPTED = "newly_rejected", "newly_accepted"

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


class JudgedTwice:
    """A file with two verdicts on the same bytes; `read` gives its tables to a sink."""

    def __init__(
        self, row: sa.Row[Any], before: Verdict, after: Verdict, read: Callable[["Kept"], Any]
    ) -> None:
        if len(before.dispositions) != len(after.dispositions):
            raise Terminal(
                f"File {row.file_id} is read otherwise now: {len(before.dispositions):,} members "
                f"then, {len(after.dispositions):,} now. `edi834 check` shows each reading alone."
            )
        self.row = row
        self.before = before
        self.after = after
        self._read = read

    @property
    def answers_otherwise(self) -> int:
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
        kept = Kept()
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
class Kept:
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
