"""Issues to one verdict: what TA1, 999, error report and ledger say all comes from here."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from parsers.envelope import Envelope
from parsers.segments import Flags
from schemas import tables
from schemas.partners import Partner
from schemas.verdict import FileVerdict
from validators.dispositions import reasons_of_members
from validators.members import SEGMENT_FIELDS, Members

MAX_CODES = 5  # IK502-06 and AK905-09
SEGMENTS_IN_ERROR = "5"  # IK502: one or more segments in error
_SET_FIELDS = ("IK502", *SEGMENT_FIELDS)


def _has(issues: pa.Table, severity: str, by: str, count: int, fields: tuple[str, ...]) -> Flags:
    """Per ordinal (entry 0 unused): whether it has an issue of that severity in those fields."""
    of = pc.and_(
        pc.equal(issues["severity"], severity),
        pc.is_in(issues["x12_field"], pa.array(fields, pa.large_string())),
    )
    ordinals = issues.filter(of)[by].drop_null().to_numpy()
    return np.bincount(ordinals, minlength=count + 1) > 0


def weigh(issues: pa.Table, partner: Partner | None) -> pa.Table:
    """The issues as heavy as they are with this partner.

    With `member_reject`, a fault inside a member is an error of that member and spares the rest of
    its transaction set; otherwise it rejects the set.
    """
    if partner is None or partner.on_member_error == "set_reject":
        return issues
    of_member = pc.and_(
        pc.is_valid(issues["member_ordinal"]),
        pc.is_in(issues["x12_field"], pa.array(SEGMENT_FIELDS, tables.TEXT)),
    )
    spared = pc.and_(of_member, pc.equal(issues["severity"], "reject"))
    severity = pc.if_else(spared, pa.scalar("error", tables.TEXT), issues["severity"])
    return issues.set_column(issues.schema.get_field_index("severity"), "severity", severity)


def judge_interchanges(envelope: Envelope, issues: pa.Table) -> pa.Table:
    """`tables.INTERCHANGE_VERDICTS`: A, E or R with the note of the fault that has made it so.

    What only warns, or is tolerated, has no note: A goes with 000.
    """
    count = len(envelope.interchanges)
    rejected = _has(issues, "reject", "interchange_ordinal", count, ("TA105",))
    noted = _has(issues, "error", "interchange_ordinal", count, ("TA105",))
    notes = np.full(count + 1, "000", dtype=object)
    told = issues.filter(pc.equal(issues["x12_field"], "TA105"))
    for severity in ("error", "reject"):  # the worst is written last, and of each the first
        faults = told.filter(pc.equal(told["severity"], severity))
        ordinals = faults["interchange_ordinal"].to_numpy()[::-1]
        notes[ordinals] = faults["x12_code"].to_numpy()[::-1]
    codes = np.where(rejected, "R", np.where(noted, "E", "A"))
    return pa.table(
        {
            "interchange_ordinal": envelope.interchanges["interchange_ordinal"],
            "control_number": envelope.interchanges["control_number"],
            "ta1_code": pa.array(codes[1:].tolist(), pa.large_string()),
            "ta1_note": pa.array(notes[1:].tolist(), pa.large_string()),
        },
        schema=tables.INTERCHANGE_VERDICTS,
    )


def judge_sets(
    envelope: Envelope, issues: pa.Table, interchanges: pa.Table, members: Members
) -> pa.Table:
    """`tables.SET_VERDICTS`. A set of a rejected interchange or group is rejected with it.

    So is a set in which the errors that the 999 tells leave no member.
    """
    sets = envelope.transaction_sets
    count = len(sets)
    rejected = _has(issues, "reject", "set_ordinal", count, _SET_FIELDS)[1:]
    noted = _has(issues, "error", "set_ordinal", count, _SET_FIELDS)[1:]
    if noted.any():
        rejected |= _without_members(issues, members, count)[1:]
    group_count = len(envelope.functional_groups)
    group_rejected = _has(issues, "reject", "group_ordinal", group_count, ("AK905",))
    rejected |= group_rejected[sets["group_ordinal"].to_numpy()]
    rejected |= _rejected_interchanges(interchanges)[sets["interchange_ordinal"].to_numpy()]
    ack = np.where(rejected, "R", np.where(noted, "E", "A"))
    return pa.table(
        {
            "group_ordinal": sets["group_ordinal"],
            "set_ordinal": sets["set_ordinal"],
            "control_number": sets["control_number"],
            "ack": pa.array(ack.tolist(), pa.large_string()),
            "codes": _codes(issues, "set_ordinal", count, "IK502"),
        },
        schema=tables.SET_VERDICTS,
    )


def _without_members(issues: pa.Table, members: Members, count: int) -> Flags:
    """Per set (entry 0 unused): whether errors of the 999 reject each of its members."""
    of_999 = issues.filter(pc.is_in(issues["x12_field"], pa.array(SEGMENT_FIELDS, tables.TEXT)))
    lost = reasons_of_members(of_999, members) > 0
    all_of_set = np.bincount(members.set_ordinals, minlength=count + 1)
    lost_of_set = np.bincount(members.set_ordinals[lost], minlength=count + 1)
    without: Flags = (lost_of_set > 0) & (lost_of_set == all_of_set)
    return without


def _rejected_interchanges(interchanges: pa.Table) -> Flags:
    return np.append(False, pc.equal(interchanges["ta1_code"], "R").to_numpy())


def _codes(issues: pa.Table, by: str, count: int, field: str) -> pa.Array:
    """At most five distinct codes per ordinal; IK502 tells also of segments in error."""
    found: dict[int, list[str]] = {}
    keys = [by, "x12_field", "x12_code"]
    coded = pc.and_(pc.is_valid(issues["x12_field"]), pc.is_valid(issues[by]))
    severe = issues.filter(
        pc.and_(
            coded, pc.is_in(issues["severity"], pa.array(["reject", "error"], pa.large_string()))
        )
    )
    distinct = severe.select(keys).group_by(keys, use_threads=False).aggregate([])  # in order
    for row in distinct.to_pylist():
        code = row["x12_code"] if row["x12_field"] == field else None
        if field == "IK502" and row["x12_field"] in ("IK304", "IK403"):
            code = SEGMENTS_IN_ERROR
        codes = found.setdefault(row[by], [])
        if code is not None and code not in codes and len(codes) < MAX_CODES:
            codes.append(code)
    lengths = np.zeros(count + 1, np.int32)
    for ordinal, codes in found.items():
        lengths[ordinal] = len(codes)
    values = [code for ordinal in sorted(found) for code in found[ordinal]]
    return pa.ListArray.from_arrays(
        pa.array(np.cumsum(lengths), pa.int32()), pa.array(values, pa.large_string())
    )


def judge_groups(
    envelope: Envelope, issues: pa.Table, interchanges: pa.Table, sets: pa.Table
) -> pa.Table:
    """`tables.GROUP_VERDICTS`: AK901 to AK909 of each group."""
    groups = envelope.functional_groups
    count = len(groups)
    refused = _has(issues, "reject", "group_ordinal", count, ("AK905",))[1:]
    refused |= _rejected_interchanges(interchanges)[groups["interchange_ordinal"].to_numpy()]
    of = sets["group_ordinal"].to_numpy()
    ack = sets["ack"].to_numpy()
    received = np.bincount(of, minlength=count + 1)[1:]
    accepted = np.bincount(of[ack != "R"], minlength=count + 1)[1:]
    clean = np.bincount(of[ack == "A"], minlength=count + 1)[1:]
    state = np.select(
        [refused | (accepted == 0), accepted < received, clean < received], ["R", "P", "E"], "A"
    )
    declared = pc.match_substring_regex(groups["trailer_set_count"], "^[0-9]{1,6}$")
    included = pc.if_else(declared, groups["trailer_set_count"], None).cast(pa.int64())
    return pa.table(
        {
            "interchange_ordinal": groups["interchange_ordinal"],
            "group_ordinal": groups["group_ordinal"],
            "control_number": groups["control_number"],
            "ack": pa.array(state.tolist(), pa.large_string()),
            "codes": _codes(issues, "group_ordinal", count, "AK905"),
            "set_count_included": pc.coalesce(included, pa.array(received)),
            "set_count_received": pa.array(received),
            "set_count_accepted": pa.array(np.where(refused, 0, accepted)),
        },
        schema=tables.GROUP_VERDICTS,
    )


def judge_file(
    interchanges: pa.Table, groups: pa.Table, sets: pa.Table, dispositions: pa.Table
) -> FileVerdict:
    """What became of the file as a whole, from the three tables of verdicts and its members.

    An interchange may hold no group at all, only TA1 segments.
    """
    if not len(interchanges):
        return "unreadable"
    codes = (interchanges["ta1_code"], groups["ack"], sets["ack"])
    interchange, group, of_set = (code.to_numpy() for code in codes)
    if (interchange == "R").all() or (len(group) > 0 and (group == "R").all()):
        return "rejected"
    if any((code == "R").any() for code in (interchange, group, of_set)):
        return "partially_accepted"
    if pc.any(pc.equal(dispositions["state"], "rejected")).as_py():
        return "partially_accepted"
    clean = all((code == "A").all() for code in (interchange, group, of_set))
    return "accepted" if clean else "accepted_with_errors"
