"""SNIP 1 for the envelope: what TA1, AK9 and IK5 can say about interchanges, groups and sets.

The envelope is a regular language of fixed depth, so it is right exactly when each pair of
neighbouring envelope segments is right. `_PAIRS` names what a wrong pair means.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from parsers.envelope import KINDS, Envelope
from parsers.segments import Ints
from schemas import tables
from schemas.catalog import load_rules
from schemas.guide import load_guide

_END = len(KINDS)  # one past the last kind: the end of the file
_OPEN_GROUP = ("GS", "ST", "SE")
_CLOSED = ("ISA", "GE", "TA1")

# (what came before, what comes now) → rules. The first letter says whose fault it is:
# "b" the object that was open before, "n" the interchange of what comes now.
_PAIRS: dict[tuple[str, str], tuple[str, ...]] = {
    **{("ST", now): ("b:set-trailer-missing",) for now in ("ST", "GE")},
    **{
        ("ST", now): ("b:set-trailer-missing", "b:group-trailer-missing")
        for now in ("GS", "IEA", "ISA", "end")
    },
    **{
        (before, now): ("b:group-trailer-missing",)
        for before in ("GS", "SE")
        for now in ("GS", "IEA", "ISA", "end")
    },
    **{
        (before, now): ("n:segment-outside-transaction-set",)
        for before in (*_CLOSED, "IEA")
        for now in ("ST", "SE", "GE")
    },
    **{(before, "SE"): ("n:segment-outside-transaction-set",) for before in ("GS", "SE")},
    **{("IEA", now): ("n:segment-outside-transaction-set",) for now in ("GS", "IEA", "TA1")},
    **{(before, "TA1"): ("n:segment-outside-transaction-set",) for before in _OPEN_GROUP},
    ("GE", "TA1"): ("n:segment-outside-transaction-set",),
    ("IEA", "other"): ("n:bytes-after-interchange",),
    **{
        (before, "other"): ("n:segment-outside-transaction-set",)
        for before in ("ISA", "GS", "SE", "GE", "TA1")
    },
}
_Row = dict[str, str | int | None]
_NUMBER = re.compile(r"[0-9]+")


def find_envelope_faults(envelope: Envelope) -> pa.Table:
    """Issues (`tables.ISSUES`) of the envelope of a file; SNIP 1."""
    issues: list[dict[str, object]] = []
    issues.extend(_order_faults(envelope))
    for found, ordinal in (
        (_interchange_faults(envelope.interchanges), "interchange_ordinal"),
        (_group_faults(envelope.functional_groups), "group_ordinal"),
        (_set_faults(envelope.transaction_sets), "set_ordinal"),
    ):
        issues.extend(issue_at(envelope, fault, ordinal) for fault in found)
    return issue_table(issues)


@dataclass(frozen=True)
class Fault:
    """A rule broken by one interchange, group or set: which segment shows it, and whose row."""

    rule: str
    segment_id: str
    row: Mapping[str, object]


def issue_at(envelope: Envelope, fault: Fault, ordinal: str) -> dict[str, object]:
    """The issue row of a fault, at the bytes of the segment that shows it."""
    start, end = envelope.span(fault.segment_id, int(str(fault.row[ordinal])))
    return issue(fault.rule, fault.segment_id, {**fault.row, "byte_start": start, "byte_end": end})


def issue(rule_id: str, segment_id: str, row: Mapping[str, object]) -> dict[str, object]:
    """One issue row for an envelope object, from its row of the envelope tables."""
    rule = load_rules()[rule_id]
    return {
        "rule": rule.id,
        "severity": rule.severity,
        "snip": rule.snip,
        "x12_field": rule.x12_field,
        "x12_code": rule.x12_code,
        "interchange_ordinal": row.get("interchange_ordinal"),
        "group_ordinal": row.get("group_ordinal"),
        "set_ordinal": row.get("set_ordinal"),
        "segment_id": segment_id,
        "byte_start": row["byte_start"],
        "byte_end": row["byte_end"],
        "message": rule.wording,
    }


def issue_table(issues: list[dict[str, object]]) -> pa.Table:
    """Issue rows as `tables.ISSUES`; columns that a row does not name are null."""
    return pa.Table.from_pylist(issues, schema=tables.ISSUES)


# ---- order ------------------------------------------------------------------------------------


def _order_faults(envelope: Envelope) -> Iterable[dict[str, object]]:
    """Faults of wrong neighbours. The good path compares two columns of small integers."""
    kinds = envelope.control["kind"].to_numpy()
    if not len(kinds):
        return
    now = np.append(kinds, _END)
    before = np.append(KINDS.index("IEA"), kinds)
    before = _skip_others(before)
    names = (*KINDS, "end")
    wrong = _wrong_pairs()
    suspects = np.flatnonzero(wrong[before, now])
    rows = envelope.control.take(pa.array(np.minimum(suspects, len(kinds) - 1))).to_pylist()
    olds = envelope.control.take(pa.array(np.maximum(suspects - 1, 0))).to_pylist()
    for place, row, old in zip(suspects.tolist(), rows, olds, strict=True):
        pair = (names[before[place]], names[now[place]])
        yield from _pair_faults(pair, row, old)


def _skip_others(before: Ints) -> Ints:
    """What stood before, passing over segments that belong to no envelope."""
    places = np.where(before == KINDS.index("other"), 0, np.arange(len(before)))
    skipped: Ints = before[np.maximum.accumulate(places)]
    return skipped


def _wrong_pairs() -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    names = (*KINDS, "end")
    wrong = np.zeros((len(names), len(names)), dtype=np.bool_)
    for before, now in _PAIRS:
        wrong[names.index(before), names.index(now)] = True
    for before in ("ISA", "GS", "ST", "SE", "GE", "TA1"):
        wrong[names.index(before), [names.index("ISA"), names.index("end")]] = True
    return wrong


def _pair_faults(
    pair: tuple[str, str], row: dict[str, object], old: dict[str, object]
) -> Iterable[dict[str, object]]:
    before, now = pair
    for named in _PAIRS.get(pair, ()):
        whose, rule_id = named.split(":")
        about = old if whose == "b" else row
        level = rule_id.split("-")[0]
        ordinals = {"interchange_ordinal"}
        if level in ("group", "set"):
            ordinals.add("group_ordinal")
        if level == "set":
            ordinals.add("set_ordinal")
        kept = {k: v for k, v in about.items() if not k.endswith("ordinal") or k in ordinals}
        yield issue(rule_id, before if whose == "b" else now.upper()[:3], kept)
    if before != "IEA" and now in ("ISA", "end"):
        kept = {k: old[k] for k in ("interchange_ordinal", "byte_start", "byte_end")}
        rule_id = "interchange-not-closed" if now == "ISA" else "interchange-trailer-missing"
        yield issue(rule_id, before, kept)


# ---- interchanges and groups: dozens a file ------------------------------------------------------


def _interchange_faults(interchanges: pa.Table) -> Iterable[Fault]:
    for row in interchanges.to_pylist():
        yield from _header_faults(row)
        yield from _trailer_faults(row)


def _header_faults(row: _Row) -> Iterable[Fault]:
    isa = next(s for s in load_guide().segments if s.segment_id == "ISA")
    codes = {element.position: element.codes or frozenset() for element in isa.elements}
    tests = (
        ("interchange-authorization-qualifier-unknown", row["authorization_qualifier"] in codes[1]),
        ("interchange-security-qualifier-unknown", row["security_qualifier"] in codes[3]),
        ("interchange-qualifier-unknown", row["sender_qualifier"] in codes[5]),
        ("interchange-receiver-qualifier-unknown", row["receiver_qualifier"] in codes[7]),
        ("interchange-date-invalid", _is_time(row["date"], "%y%m%d")),
        ("interchange-time-invalid", _is_time(row["time"], "%H%M")),
        ("interchange-version-unsupported", row["version"] in codes[12]),
        ("interchange-control-number-invalid", _is_number(row["control_number"], 9, 9)),
        ("interchange-acknowledgment-invalid", row["acknowledgment_requested"] in codes[14]),
        ("interchange-usage-invalid", row["usage_indicator"] in codes[15]),
    )
    for rule_id, is_good in tests:
        if not is_good:
            yield Fault(rule_id, "ISA", row)


def _trailer_faults(row: _Row) -> Iterable[Fault]:
    if row["trailer_control_number"] is None and row["trailer_group_count"] is None:
        return  # no IEA: the order of segments has said so
    if row["trailer_control_number"] != row["control_number"]:
        yield Fault("interchange-control-number-differs", "IEA", row)
    if _whole(row["trailer_group_count"]) != row["group_count"]:
        yield Fault("interchange-group-count-differs", "IEA", row)


def _is_time(value: str | int | None, form: str) -> bool:
    try:
        datetime.strptime(str(value), form)
    except ValueError:
        return False
    return True


def _is_number(value: str | int | None, shortest: int, longest: int) -> bool:
    text = str(value or "")
    return shortest <= len(text) <= longest and _NUMBER.fullmatch(text) is not None


def _whole(value: str | int | None) -> int | None:
    return int(str(value)) if _is_number(value, 1, 9) else None


def _group_faults(groups: pa.Table) -> Iterable[Fault]:
    for row in groups.to_pylist():
        yield from _group_row_faults(row)
    for row in _repeated(groups, ["interchange_ordinal", "control_number"]):
        yield Fault("group-control-number-repeated", "GS", row)


def _group_row_faults(row: _Row) -> Iterable[Fault]:
    if row["functional_identifier"] != "BE":
        yield Fault("group-type-unsupported", "GS", row)
    elif row["version"] != load_guide().version:
        yield Fault("group-version-unsupported", "GS", row)
    if not _is_number(row["control_number"], 1, 9):
        yield Fault("group-control-number-invalid", "GS", row)
    if row["trailer_control_number"] is None and row["trailer_set_count"] is None:
        return
    if row["trailer_control_number"] != row["control_number"]:
        yield Fault("group-control-number-differs", "GE", row)
    if _whole(row["trailer_set_count"]) != row["set_count"] or row["set_count"] == 0:
        yield Fault("group-set-count-differs", "GE", row)


def _repeated(table: pa.Table, by: list[str]) -> list[dict[str, object]]:
    """Rows whose values in `by` stood in an earlier row; rows with a null value are passed over."""
    counted = table.group_by(by).aggregate([([], "count_all")])
    if len(counted) == len(table):
        return []
    seen: set[tuple[object, ...]] = set()
    repeated = []
    for row in table.to_pylist():
        values = tuple(row[name] for name in by)
        if values in seen and None not in values:
            repeated.append(row)
        seen.add(values)
    return repeated


# ---- transaction sets: up to hundreds of thousands a file ----------------------------------------


def _set_faults(sets: pa.Table) -> Iterable[Fault]:
    has_trailer = pc.or_(
        pc.is_valid(sets["trailer_control_number"]), pc.is_valid(sets["trailer_segment_count"])
    )
    number = sets["control_number"]
    length = pc.fill_null(pc.utf8_length(number), 0)
    counted = pc.cast(sets["segment_count"], pa.large_string())
    declared = pc.utf8_ltrim(pc.fill_null(sets["trailer_segment_count"], ""), "0")
    same_number = pc.fill_null(pc.equal(number, sets["trailer_control_number"]), False)
    is_834 = pc.fill_null(pc.equal(sets["identifier"], "834"), False)
    is_guide = pc.fill_null(pc.equal(sets["convention"], load_guide().version), False)
    tests = (
        ("set-type-unsupported", "ST", pc.invert(is_834)),
        ("set-convention-unsupported", "ST", pc.and_not(is_834, is_guide)),
        (
            "set-control-number-invalid",
            "ST",
            pc.or_(pc.less(length, 4), pc.greater(length, 9)),
        ),
        ("set-control-number-differs", "SE", pc.and_not(has_trailer, same_number)),
        (
            "set-segment-count-differs",
            "SE",
            pc.and_(has_trailer, pc.not_equal(declared, counted)),
        ),
        ("set-without-members", "ST", pc.and_(is_834, pc.equal(sets["member_count"], 0))),
    )
    for rule_id, segment_id, is_bad in tests:
        for row in sets.filter(is_bad).to_pylist():
            yield Fault(rule_id, segment_id, row)
    for row in _repeated(sets, ["group_ordinal", "control_number"]):
        yield Fault("set-control-number-repeated", "ST", row)
