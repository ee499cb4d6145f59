"""What a file tells of each of its accepted members, as one row of columns.

Worked out before the database sees it: so each member is copied there once, with the first of its
coverages and what its reporting categories come to.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from enrollment import categories
from schemas.columns import PERSON
from schemas.partners import normalise_reason
from schemas.tables import TEXT


@dataclass(frozen=True)
class FileTables:
    """What the book needs of a parsed file: MEMBERS, COVERAGES and REPORTING_CATEGORIES."""

    members: pa.Table
    coverages: pa.Table
    reporting_categories: pa.Table


_OF_MEMBER = (
    "set_ordinal",
    "member_ordinal",
    "exchange_member_id",
    "maintenance_type",
    "maintenance_reason",
    "additional_maintenance_reason",
    *PERSON,
    "eligibility_begin",
    "former_issuer_subscriber_id",
    "former_issuer_member_id",
    "byte_start",
    "byte_end",
)
_OF_COVERAGE = ("insurance_line", "issuer_policy_id", "former_issuer_policy_id")


def staged_events(parsed: FileTables, accepted: pa.Array) -> pa.Table:
    """One row for each member whose ordinal is `accepted`, in the order of the file.

    The columns are those of `book.event` that a file tells, and further ones of which its set is
    judged: the normalised reason, the policy's id, when the set was submitted, and a digest of the
    reporting categories. Benefit dates of loop 2300 come first, eligibility dates of loop 2000
    where there is no 2300, as in a cancellation or termination (CMS guide 7.2, tables 19 and 20).
    A policy has one plan (section 6.6): of further coverages only the insurance lines are kept.
    """
    is_accepted = pc.is_in(parsed.members.column("member_ordinal"), accepted)
    m = _those(parsed.members, pc.and_(is_accepted, pc.is_valid(parsed.members["set_ordinal"])))
    v = _first_coverages(parsed.coverages, m.column("member_ordinal"))
    columns = {name: m.column(name) for name in _OF_MEMBER}
    columns |= {name: v.column(name) for name in _OF_COVERAGE}
    columns |= {
        name: _either(m, v, name) for name in ("maintenance_effective", "exchange_policy_id")
    }
    columns |= {
        "is_subscriber": pc.fill_null(m.column("is_subscriber"), False),
        "plan_id": pc.replace_substring(v.column("plan_id"), "-", ""),
        "benefit_begin": pc.coalesce(v.column("benefit_begin"), m.column("eligibility_begin")),
        "benefit_end": pc.coalesce(v.column("benefit_end"), m.column("eligibility_end")),
        "further_lines": _further_lines(parsed.coverages, m.column("member_ordinal")),
        "normalised_reason": _normalised(m.column("additional_maintenance_reason")),
    }
    told, places = _of_members(parsed.reporting_categories, m.column("member_ordinal"))
    begins = columns["benefit_begin"].combine_chunks()
    columns["submitted_at"] = categories.submitted_at(told, places, m.num_rows)
    columns["rating_area"] = categories.rating_areas(told, places, m.num_rows)
    columns["categories"] = categories.digests(told, places, m.num_rows)
    columns |= categories.amounts(told, places, begins)
    return pa.table(columns)


def _those(rows: pa.Table, condition: pa.ChunkedArray) -> pa.Table:
    """The rows for which the condition holds; all of them, as mostly, are not written anew."""
    return rows if pc.all(condition, skip_nulls=False).as_py() else rows.filter(condition)


def _either(members: pa.Table, coverages: pa.Table, name: str) -> pa.ChunkedArray:
    return pc.coalesce(members.column(name), coverages.column(name))


def _first_coverages(coverages: pa.Table, ordinals: pa.ChunkedArray) -> pa.Table:
    """The first coverage of each of the members; a row of nulls where there is none."""
    if coverages.column("member_ordinal").equals(ordinals):
        return coverages
    members, first = np.unique(coverages.column("member_ordinal").to_numpy(), return_index=True)
    found = pc.index_in(ordinals, pa.array(members, pa.int64())).combine_chunks()
    return coverages.take(pa.array(first, pa.int64()).take(found))


def _further_lines(coverages: pa.Table, ordinals: pa.ChunkedArray) -> pa.ChunkedArray:
    """The insurance lines of each member's coverages after the first; null where there is none."""
    further = coverages.filter(pc.greater(coverages.column("coverage_ordinal"), 1))
    lines = pa.table(
        {
            "member_ordinal": further.column("member_ordinal"),
            "line": pc.fill_null(further.column("insurance_line"), "unknown"),
        }
    )
    told = lines.group_by("member_ordinal", use_threads=False).aggregate([("line", "list")])
    joined = pc.binary_join(told.column("line_list"), pa.scalar(", ", TEXT))
    found = pc.index_in(ordinals, told.column("member_ordinal").combine_chunks())
    return joined.take(found)


def _of_members(told: pa.Table, ordinals: pa.ChunkedArray) -> tuple[pa.Table, np.ndarray]:
    """The categories that are of one of the members, and of which."""
    places = pc.index_in(told.column("member_ordinal"), ordinals.combine_chunks())
    is_one = pc.is_valid(places)
    return _those(told, is_one), places.drop_null().to_numpy().astype(np.int64)


def _normalised(reasons: pa.ChunkedArray) -> pa.Array:
    """ADDL MAINT REASON in the form in which its spellings are equal; empty without one.

    Only the few distinct values are normalised one by one.
    """
    encoded = pc.dictionary_encode(reasons.combine_chunks())
    distinct = [normalise_reason(reason) for reason in encoded.dictionary.to_pylist()]
    return pc.fill_null(pa.array(distinct, TEXT).take(encoded.indices), "")
