"""Issues to dispositions: which members are rejected, and the rule that is the reason.

A member falls with its interchange, group or transaction set when X12 rejects one of them. It
falls alone, or a subscriber with its dependents, by an error inside it; and all members of a set,
group or interchange fall by an error that X12 has no code for. Warnings never reject anybody.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from parsers.envelope import Envelope
from parsers.segments import Ints
from schemas import tables
from validators.members import Members

_FIELDS_OF = {
    "interchange_ordinal": ("TA105",),
    "group_ordinal": ("AK905",),
    "set_ordinal": ("IK502", "IK304", "IK403"),
}
_STATES = ("accepted", "rejected")  # no array: the first one made would load pandas


def dispose_members(
    envelope: Envelope, issues: pa.Table, sets: pa.Table, members: Members
) -> pa.Table:
    """`tables.DISPOSITIONS`: who is rejected with the first reason, the others accepted so far.

    Args:
        envelope: The envelope of the file.
        issues: All issues of the file, in file order.
        sets: `tables.SET_VERDICTS`.
        members: The members of the file.
    """
    count = len(members.set_ordinals)
    reasons = np.zeros(count, dtype=np.int64)
    rejected = np.zeros(count, dtype=np.uint8)
    of_sets = _reasons_of_sets(envelope, issues)
    is_rejected_set = np.append(False, pc.equal(sets["ack"], "R").to_numpy())
    if is_rejected_set.any() or of_sets.any():
        fallen = is_rejected_set[members.set_ordinals]
        reasons = np.where(fallen, of_sets[members.set_ordinals], reasons)
        rejected |= fallen
    reasons = np.where(reasons > 0, reasons, reasons_of_members(issues, members))
    of_business = _reasons_without_code(envelope, issues)
    if of_business.any():
        reasons = np.where(reasons > 0, reasons, of_business[members.set_ordinals])
    rejected |= reasons > 0
    return pa.table(
        {
            "set_ordinal": members.set_ordinals,
            "member_ordinal": np.arange(1, count + 1),
            "state": pa.array(_STATES, tables.TEXT).take(pa.array(rejected)),
            "reason": issues["rule"].combine_chunks().take(pa.array(reasons - 1, mask=reasons == 0))
            if rejected.any()
            else pa.nulls(count, tables.TEXT),
        },
        schema=tables.DISPOSITIONS,
    )


def reasons_of_members(issues: pa.Table, members: Members) -> Ints:
    """Per member: the place (from 1) of the issue that rejects it or its subscriber, or 0."""
    count = len(members.set_ordinals)
    errors = _first_places(issues, _is_error_of_member(issues), "member_ordinal", count)[1:]
    if not errors.any():
        return errors
    households = members.households()
    of_household = np.zeros(int(households[-1]) + 1, dtype=errors.dtype)
    fallen = np.flatnonzero(members.is_subscriber & (errors > 0))[::-1]
    of_household[households[fallen]] = errors[fallen]
    reasons: Ints = np.where(errors > 0, errors, of_household[households])
    return reasons


def _is_error_of_member(issues: pa.Table) -> pa.ChunkedArray:
    """Errors inside a member; and rejections that X12 has no code for."""
    without_code = pc.is_null(issues["x12_field"])
    rejects = pc.and_(pc.equal(issues["severity"], "reject"), without_code)
    heavy = pc.or_(pc.equal(issues["severity"], "error"), rejects)
    return pc.and_(heavy, pc.is_valid(issues["member_ordinal"]))


def _first_places(issues: pa.Table, chosen: pa.ChunkedArray, by: str, count: int) -> Ints:
    """Per ordinal (entry 0 unused): the place (from 1) of the first chosen issue, or 0."""
    first = np.zeros(count + 1, dtype=np.int64)
    places = np.flatnonzero(pc.fill_null(chosen, False).to_numpy())[::-1]
    if len(places):
        first[issues[by].take(pa.array(places)).to_numpy()] = places + 1
    return first


def _reasons_of_sets(envelope: Envelope, issues: pa.Table) -> Ints:
    """Per set (entry 0 unused): the issue by which X12 rejects it, its group or interchange."""
    severe = pc.equal(issues["severity"], "reject")
    of_objects = {
        by: pc.and_(
            pc.and_(severe, pc.is_in(issues["x12_field"], pa.array(fields, tables.TEXT))),
            pc.is_valid(issues[by]),
        )
        for by, fields in _FIELDS_OF.items()
    }
    return _innermost(envelope, issues, of_objects)


def _reasons_without_code(envelope: Envelope, issues: pa.Table) -> Ints:
    """Per set (entry 0 unused): an error of all of it that X12 has no code for."""
    heavy = pc.is_in(issues["severity"], pa.array(["reject", "error"], tables.TEXT))
    open_ones = pc.and_(heavy, pc.is_null(issues["x12_field"]))
    of_objects = {}
    for by, inner in zip(
        _FIELDS_OF, ("group_ordinal", "set_ordinal", "member_ordinal"), strict=True
    ):
        at_level = pc.and_(pc.is_valid(issues[by]), pc.is_null(issues[inner]))
        of_objects[by] = pc.and_(open_ones, at_level)
    return _innermost(envelope, issues, of_objects)


def _innermost(
    envelope: Envelope, issues: pa.Table, of_objects: dict[str, pa.ChunkedArray]
) -> Ints:
    """Per set (entry 0 unused): the first issue chosen for it, else its group's, interchange's."""
    sets = envelope.transaction_sets
    reasons = np.zeros(len(sets) + 1, dtype=np.int64)
    counts = (len(envelope.interchanges), len(envelope.functional_groups), len(sets))
    for (by, chosen), count in zip(of_objects.items(), counts, strict=True):
        first = _first_places(issues, chosen, by, count)
        own = first[sets[by].to_numpy()]
        reasons[1:] = np.where(own > 0, own, reasons[1:])
    return reasons
