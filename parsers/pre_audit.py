"""The reader of the exchange's flat pre-audit file: a line for each member and segment.

The layout is `schemas/monthly/pre-audit.toml`. The file has neither a header nor a total: whether
it is whole shows only in its last line, and in how much it tells (`pipeline/pre_audit.py`).
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from parsers.monthly_issues import issues, refuses, together
from parsers.pipe_lines import Lines, Undecodable, cut_lines
from schemas import monthly_tables, tables
from schemas.partners import Partner
from schemas.pre_audit import PreAuditField, PreAuditLayout

_TEXT = pa.large_string()
_AMOUNT = r"^-?\d{1,10}(\.\d{1,2})?$"
_KEY = ("exchange_policy_id", "exchange_member_id", "benefit_begin")


@dataclass(frozen=True)
class PreAudit:
    """A pre-audit file as tables. With an issue that refuses it there are no rows."""

    rows: pa.Table  # monthly_tables.PRE_AUDIT_ROWS, in the order of the file
    not_compared: pa.Array  # ids of policies of which a line cannot be read
    issues: pa.Table  # monthly_tables.MONTHLY_ISSUES

    @property
    def is_refused(self) -> bool:
        """Whether nothing of the file is taken."""
        return refuses(self.issues)

    def refused_for(self, found: pa.Table) -> "PreAudit":
        """The file without rows, for these issues beside its own."""
        return PreAudit(
            monthly_tables.PRE_AUDIT_ROWS.empty_table(),
            pa.array([], _TEXT),
            together([self.issues, found]),
        )


def nothing_of(found: pa.Table) -> PreAudit:
    """A file that is refused for these issues."""
    nobody = pa.array([], _TEXT)
    return PreAudit(monthly_tables.PRE_AUDIT_ROWS.empty_table(), nobody, found)


def read_pre_audit(content: bytes, layout: PreAuditLayout, partner: Partner) -> PreAudit:
    """The rows of a pre-audit file for the partner, and what is wrong with it.

    A line of another width, or without a key, is set aside. Of a policy with a line that cannot be
    read no line is among the rows, and it is in `not_compared`: half of a policy says wrong things.
    Of a line of another width it is whatever may be its policy's id.
    """
    lines = cut_lines(content, layout.delimiter)
    if isinstance(lines, Undecodable):
        return nothing_of(issues("month-not-utf-8", [lines.line], lines.position))
    if not len(lines.number):
        return nothing_of(issues("month-empty", [None]))
    if not content.endswith(b"\n"):
        return nothing_of(issues("pre-audit-cut", [int(lines.number[-1])]))
    fitting = lines.widths == layout.width
    found = [
        issues("pre-audit-width", lines.number[lines.widths == width].tolist(), None, width)
        for width in np.unique(lines.widths[~fitting])
    ]
    return _judged(lines.pick(fitting), lines.pick(~fitting), found, layout, partner)


def _judged(
    lines: Lines, odd: Lines, found: list[pa.Table], layout: PreAuditLayout, partner: Partner
) -> PreAudit:
    columns = {field.position: _unquoted(lines.column(field.position)) for field in layout.fields}
    found += _somebody_elses(lines, columns, layout, partner)
    rows, wrong, of_values = _rows(lines, columns, layout)
    keyed, of_keys = _with_key(rows, wrong, layout)
    twice = _twice(rows) & keyed
    found += [*of_values, *of_keys, issues("pre-audit-twice", lines.number[twice].tolist())]
    bad = len(odd.number) + int((~keyed | wrong | twice).sum())
    whole = len(lines.number) + len(odd.number)
    if bad > layout.bad_lines_at_most * whole:
        share = f"{bad / whole:.0%}"
        found.append(issues("pre-audit-many-bad", [None], None, share))
    read = PreAudit(rows, pa.array([], _TEXT), together(found))
    if read.is_refused:
        return nothing_of(read.issues)
    policies = rows["exchange_policy_id"].combine_chunks()
    unread = policies.filter(pa.array(wrong | twice | ~keyed)).drop_null()
    left_out = pc.unique(pa.concat_arrays([unread, _policies_of(odd, layout)]))
    kept = pc.and_(pa.array(keyed), pc.invert(pc.is_in(policies, left_out)))
    return replace(read, rows=rows.filter(kept), not_compared=left_out)


def _policies_of(odd: Lines, layout: PreAuditLayout) -> pa.Array:
    """What may be the policy's id in lines of another width: where it stands, or has moved to."""
    place = next(one.position for one in layout.read if one.column == "exchange_policy_id")
    found = []
    for cells in odd.cells:
        ends = sorted((place, place + len(cells) - layout.width))
        found += cells.values[max(ends[0], 0) : ends[1] + 1].to_pylist()
    return _unquoted(pc.utf8_trim(pa.array(found, _TEXT), characters=" ")).drop_null()


def _unquoted(column: pa.Array) -> pa.Array:
    """The values without the quotes that CSV puts around those that would not be plain."""
    inside = pc.replace_substring(pc.utf8_slice_codeunits(column, 1, -1), '""', '"')
    is_quoted = pc.match_substring_regex(column, '^".*"$')
    bare = pc.utf8_trim(pc.if_else(is_quoted, inside, column), characters=" ")
    return pc.if_else(pc.equal(bare, ""), pa.scalar(None, _TEXT), bare)


def _somebody_elses(
    lines: Lines, columns: dict[int, pa.Array], layout: PreAuditLayout, partner: Partner
) -> list[pa.Table]:
    """Whether the file is for the partner."""
    found = []
    for field in layout.fields:
        if field.fact is not None:
            ours = pc.fill_null(
                pc.equal(columns[field.position], getattr(partner, field.fact)), False
            )
            others = lines.number[~_truths(ours)].tolist()
            found.append(issues("month-somebody-elses", others, field.position, field.name))
    return found


def _rows(
    lines: Lines, columns: dict[int, pa.Array], layout: PreAuditLayout
) -> tuple[pa.Table, npt.NDArray[np.bool_], list[pa.Table]]:
    """PRE_AUDIT_ROWS, which of them hold a value that cannot be read, and where."""
    wrong = np.zeros(len(lines.number), dtype=bool)
    found = []
    made: dict[str, pa.Array] = {"line": pa.array(lines.number)}
    for field in layout.read:
        told = columns[field.position]
        assert field.column is not None  # of `layout.read`
        made[field.column] = _made(told, field, layout.date_format)
        unread = _truths(pc.and_(pc.is_valid(told), pc.is_null(made[field.column])))
        wrong |= unread
        bad = lines.number[unread].tolist()
        found.append(issues("pre-audit-value", bad, field.position, field.name))
    schema = monthly_tables.PRE_AUDIT_ROWS
    return pa.table({name: made[name] for name in schema.names}, schema=schema), wrong, found


def _made(told: pa.Array, field: PreAuditField, date_format: str) -> pa.Array:
    """The field as its column has it; null of what cannot be read."""
    if field.kind == "date":
        eight = pc.if_else(pc.match_substring_regex(told, r"^\d{8}$"), told, None)
        moment = pc.strptime(eight, date_format, "s", error_is_null=True)
        is_day = pc.equal(pc.strftime(moment, date_format).cast(_TEXT), eight)  # no February 31
        return pc.if_else(is_day, moment, None).cast(tables.DATE)
    if field.kind == "amount":
        readable = pc.match_substring_regex(told, _AMOUNT)
        return pc.if_else(readable, told, None).cast(tables.MONEY)
    if field.kind == "yes_no":
        known = pc.is_in(told, pa.array(["Y", "N"], _TEXT))
        return pc.if_else(known, pc.equal(told, "Y"), None)
    if field.after is not None:
        told = pc.replace_substring_regex(told, f"^[^{field.after}]*{field.after}", "")
    if field.codes is not None:
        ours = pa.array(field.codes.values(), _TEXT)
        place = pc.index_in(told, pa.array(list(field.codes), _TEXT))
        told = pc.coalesce(ours.take(place), told)
    return told


def _with_key(
    rows: pa.Table, wrong: npt.NDArray[np.bool_], layout: PreAuditLayout
) -> tuple[npt.NDArray[np.bool_], list[pa.Table]]:
    """Which lines say of whom and of which segment they speak, and those with nothing there."""
    keyed = np.ones(rows.num_rows, dtype=bool)
    found = []
    for field in layout.read:
        if field.column in _KEY:
            blank = _truths(pc.is_null(rows[field.column].combine_chunks()))
            keyed &= ~blank
            lines = rows["line"].filter(pa.array(blank & ~wrong)).to_pylist()
            found.append(issues("pre-audit-key", lines, field.position, field.name))
    return keyed, found


def _twice(rows: pa.Table) -> npt.NDArray[np.bool_]:
    """Which lines have the key of a line before them."""
    keys = rows.select(_KEY).append_column("place", pa.array(np.arange(rows.num_rows)))
    first = keys.group_by(list(_KEY)).aggregate([("place", "min")])["place_min"]
    again = np.ones(rows.num_rows, dtype=bool)
    again[first.to_numpy()] = False
    return again


def _truths(column: pa.Array) -> npt.NDArray[np.bool_]:
    found: npt.NDArray[np.bool_] = column.to_numpy(zero_copy_only=False).astype(bool)
    return found
