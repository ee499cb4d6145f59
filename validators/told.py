"""How much of what is wrong inside the transaction sets of a file is told, set by set.

One code that we do not know may stand in every member of a file of a million. Up to a limit all is
told; behind it, of each header and member, what decides its verdict: the first issue of each
severity that rejects, of those that the 999 tells and of those that it cannot. So whatever is
rejected stays rejected, every set is answered with what is wrong with it, and memory goes by the
members of a file, not by how much is wrong with each. What is left out is counted.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas import tables
from schemas.rule_sets import RuleSet
from validators.envelope_rules import issue, issue_table
from validators.in_force import in_force
from validators.members import SEGMENT_FIELDS

_UNIT = ["set_ordinal", "member_ordinal", "severity", "x12_field"]
_ORDER = [("byte_start", "ascending"), ("element", "ascending")]


class Told:
    """The issues of a file, as its stretches bring them in file order."""

    def __init__(self, rules: RuleSet) -> None:
        self._rules = rules
        self._room = rules.limits.issues_of_a_file
        self._parts: list[pa.Table] = []
        self._begin: dict[str, object] | None = None  # bytes of the first that is left out
        self.left_out = 0

    def add(self, issues: pa.Table) -> None:
        """Takes in the issues of one stretch; those of rules that are off take no room."""
        issues = in_force(issues, self._rules)
        count = pc.sum(_is_inside(issues)).as_py() or 0
        if count > self._room:
            issues = self._shortened(issues)
        self._room = max(self._room - count, 0)
        self._parts.append(issues)

    def take(self) -> list[pa.Table]:
        """All that is told, to whoever goes on with it: nothing is kept here."""
        parts, self._parts = self._parts, []
        if self._begin is not None:
            row = issue("issues-beyond-limit", "", self._begin)
            told = str(row["message"]).format(detail=self.left_out)
            parts.append(issue_table([row | {"message": told}]))
        return parts

    def _shortened(self, issues: pa.Table) -> pa.Table:
        """The issues without those inside sets that are beyond the limit and decide nothing."""
        ordered = issues.sort_by(_ORDER)  # stable: what is first is so in the whole file, too
        inside = _is_inside(ordered).to_numpy()
        places = np.flatnonzero(inside & (np.cumsum(inside) > self._room))
        later = ordered.select(_UNIT).take(pa.array(places)).append_column("place", [places])
        is_heavy = pc.is_in(later["severity"], pa.array(["reject", "error"], tables.TEXT))
        first = later.filter(is_heavy).group_by(_UNIT, use_threads=False)
        kept = first.aggregate([("place", "min")])["place_min"].to_numpy()
        left_out = np.setdiff1d(places, kept)
        if len(left_out):
            self.left_out += len(left_out)
            self._begin = self._begin or _span(ordered, int(left_out[0]))
        is_told = np.ones(len(ordered), dtype=np.bool_)
        is_told[left_out] = False
        return ordered.filter(pa.array(is_told))


def _span(issues: pa.Table, row: int) -> dict[str, object]:
    return {name: issues[name][row].as_py() for name in ("byte_start", "byte_end")}


def _is_inside(issues: pa.Table) -> pa.ChunkedArray:
    """Issues inside a transaction set: of a header, a member, or a payment."""
    field = issues["x12_field"]
    of_segments = pc.is_in(field, pa.array(SEGMENT_FIELDS, tables.TEXT))
    in_set = pc.is_valid(issues["set_ordinal"])
    return pc.fill_null(pc.and_(in_set, pc.or_(of_segments, pc.is_null(field))), False)
