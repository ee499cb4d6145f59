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

from parsers.delimiters import ISA_BYTES, Region
from parsers.envelope import KINDS, Envelope
from parsers.segments import Ints
from schemas import tables
from schemas.catalog import load_rules
from schemas.guide import ENROLLMENT, Guide, Segment, load_guide
from validators.element_values import TIME

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
    ("ISA", "IEA"): ("n:interchange-without-group",),
    **{
        (before, "other"): ("n:segment-outside-transaction-set",)
        for before in ("ISA", "GS", "SE", "GE", "TA1")
    },
}
_Row = dict[str, str | int | None]
_NUMBER = re.compile(r"[0-9]+")


def find_envelope_faults(envelope: Envelope, regions: tuple[Region, ...], guide: Guide) -> pa.Table:
    """Issues (`tables.ISSUES`) of the envelope of a file that is read by that guide; SNIP 1.

    `regions` are the interchanges as they were found by their headers.
    """
    issues: list[dict[str, object]] = []
    issues.extend(_order_faults(envelope))
    for found, ordinal in (
        (_interchange_faults(envelope, regions), "interchange_ordinal"),
        (_group_faults(envelope, guide), "group_ordinal"),
    ):
        issues.extend(issue_at(envelope, fault, ordinal) for fault in found)
    return pa.concat_tables([issue_table(issues), *_issues_of_sets(envelope, guide)])


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
        "group_ordinal": row.get("group_ordinal") or None,  # 0: in no group
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
    # Segments that belong to no envelope are passed over: what counts stood before them.
    passed_over = before == KINDS.index("other")
    counts = np.maximum.accumulate(np.where(passed_over, 0, np.arange(len(before), dtype=np.int32)))
    before = before[counts]
    names = (*KINDS, "end")
    suspects = np.flatnonzero(_wrong_pairs()[before, now])
    rows = envelope.control.take(pa.array(np.minimum(suspects, len(kinds) - 1))).to_pylist()
    olds = envelope.control.take(pa.array(np.maximum(counts[suspects] - 1, 0))).to_pylist()
    for place, row, old in zip(suspects.tolist(), rows, olds, strict=True):
        pair = (names[before[place]], names[now[place]])
        yield from _pair_faults(pair, row, old)


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
        if level == "group" and not about["group_ordinal"]:
            continue  # the interchange is rejected for having none
        ordinals = {"interchange_ordinal"}
        if level in ("group", "set"):
            ordinals.add("group_ordinal")
        if level == "set":
            ordinals.add("set_ordinal")
        yield _control_issue(rule_id, about, ordinals)
    if before != "IEA" and now in ("ISA", "end"):
        rule_id = "interchange-not-closed" if now == "ISA" else "interchange-trailer-missing"
        yield _control_issue(rule_id, old, {"interchange_ordinal"})


def _control_issue(
    rule_id: str, control: dict[str, object], ordinals: set[str]
) -> dict[str, object]:
    """The issue of a segment of the envelope, about the objects whose ordinals are named."""
    kept = {k: v for k, v in control.items() if not k.endswith("ordinal") or k in ordinals}
    return issue(rule_id, str(control["segment_id"] or ""), kept)


# ---- interchanges and groups: dozens a file ------------------------------------------------------


def _interchange_faults(envelope: Envelope, regions: tuple[Region, ...]) -> Iterable[Fault]:
    good = {region.byte_start for region in regions if not region.is_damaged}
    for row in envelope.interchanges.to_pylist():
        ordinal = row["interchange_ordinal"]
        start, end = envelope.span("ISA", ordinal)
        if start not in good or end - start != ISA_BYTES - 1:
            yield Fault("interchange-header-malformed", "ISA", row)
            continue
        yield from _header_faults(row)
        yield from _trailer_faults(row)
        if envelope.element_count("IEA", ordinal) > len(_segment("IEA").elements):
            yield Fault("envelope-elements-too-many", "IEA", row)


def _segment(segment_id: str) -> Segment:
    """A segment of the envelope, as the guide describes it."""
    return next(s for s in load_guide().segments if s.segment_id == segment_id)


def _header_faults(row: _Row) -> Iterable[Fault]:
    codes = {element.position: element.codes or frozenset() for element in _segment("ISA").elements}
    tests = (
        ("interchange-authorization-qualifier-unknown", row["authorization_qualifier"] in codes[1]),
        ("interchange-security-qualifier-unknown", row["security_qualifier"] in codes[3]),
        ("interchange-qualifier-unknown", row["sender_qualifier"] in codes[5]),
        ("interchange-receiver-qualifier-unknown", row["receiver_qualifier"] in codes[7]),
        ("interchange-date-invalid", _is_moment(row["date"], 6, "%y%m%d")),
        ("interchange-time-invalid", _is_moment(row["time"], 4, "%H%M")),
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


def _is_moment(value: str | int | None, length: int, form: str) -> bool:
    """Whether a date or time has all its digits and exists."""
    if not _is_number(value, length, length):
        return False
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


def _group_faults(envelope: Envelope, guide: Guide) -> Iterable[Fault]:
    groups = envelope.functional_groups
    surplus = {name: len(_segment(name).elements) + 1 for name in ("GS", "GE")}
    interchanges = envelope.interchanges.select(["interchange_ordinal", "component_separator"])
    separators = dict(zip(*(c.to_pylist() for c in interchanges.columns), strict=True))
    for row in groups.to_pylist():
        yield from _group_row_faults(row, guide)
        if not _has_good_header(row, separators.get(row["interchange_ordinal"]) or "\0"):
            yield Fault("group-header-invalid", "GS", row)
        for name, count in surplus.items():
            if envelope.element_count(name, row["group_ordinal"]) >= count:
                yield Fault("envelope-elements-too-many", name, row)
    repeated = _repeated(groups, "interchange_ordinal", "control_number")
    for row in groups.take(pa.array(repeated)).to_pylist():
        yield Fault("group-control-number-repeated", "GS", row)


def _has_good_header(row: _Row, component_separator: str) -> bool:
    """GS02-05 and GS07; the other elements of GS have rules of their own."""
    return (
        _is_code(row["sender_code"], component_separator)
        and _is_code(row["receiver_code"], component_separator)
        and _is_moment(row["date"], 8, "%Y%m%d")
        and TIME.fullmatch(str(row["time"] or "")) is not None
        and row["responsible_agency"] == "X"
    )


def _is_code(value: str | int | None, component_separator: str) -> bool:
    """Whether GS02 or GS03 is a plain text of 2 to 15 characters."""
    text = str(value or "")
    is_plain = text.isprintable() and text == text.rstrip() and component_separator not in text
    return is_plain and 2 <= len(text) <= 15


def _group_row_faults(row: _Row, guide: Guide) -> Iterable[Fault]:
    if row["functional_identifier"] != guide.functional_identifier:
        yield Fault("group-type-unsupported", "GS", row)
    elif row["version"] != guide.version:
        yield Fault("group-version-unsupported", "GS", row)
    if not _is_number(row["control_number"], 1, 9):
        yield Fault("group-control-number-invalid", "GS", row)
    if row["trailer_control_number"] is None and row["trailer_set_count"] is None:
        return
    if row["trailer_control_number"] != row["control_number"]:
        yield Fault("group-control-number-differs", "GE", row)
    if _whole(row["trailer_set_count"]) != row["set_count"] or row["set_count"] == 0:
        yield Fault("group-set-count-differs", "GE", row)


def _repeated(table: pa.Table, by: str, name: str) -> Ints:
    """Rows whose text in `name` stood in an earlier row of the same `by`; nulls are passed over."""
    groups = table[by].to_numpy()
    texts = table[name].combine_chunks()
    if _counts_upwards(groups, texts):
        return np.array([], dtype=np.int64)
    encoded = texts.dictionary_encode()
    index = encoded.indices.fill_null(-1).to_numpy()
    codes = groups * (len(encoded.dictionary) + 1) + index + 1
    rows = np.flatnonzero(index >= 0)
    order = rows[np.argsort(codes[rows], kind="stable")]
    return np.sort(order[1:][codes[order[1:]] == codes[order[:-1]]])


def _counts_upwards(groups: Ints, texts: pa.Array) -> bool:
    """Whether the texts are numbers that ascend in each group, as nearly every sender has them."""
    try:
        numbers = pc.cast(texts, pa.int64())
    except pa.ArrowInvalid:
        return False
    if numbers.null_count:
        return False
    counted = numbers.to_numpy()
    is_above = (groups[1:] > groups[:-1]) | (counted[1:] > counted[:-1])
    return bool(is_above.all() and (groups[1:] >= groups[:-1]).all())


# ---- transaction sets: up to hundreds of thousands a file ----------------------------------------


def _issues_of_sets(envelope: Envelope, guide: Guide) -> Iterable[pa.Table]:
    """Issues of transaction sets, a table for each rule that is broken."""
    sets = envelope.transaction_sets
    repeated = _repeated(sets, "group_ordinal", "control_number")
    found = [
        (rule_id, segment_id, sets.filter(is_bad))
        for rule_id, segment_id, is_bad in _tests(sets, guide)
    ]
    found.append(("set-control-number-repeated", "ST", sets.take(pa.array(repeated))))
    for rule_id, segment_id, faulty in found:
        if len(faulty):
            yield _issues_of(envelope, rule_id, segment_id, faulty)


def _issues_of(envelope: Envelope, rule_id: str, segment_id: str, sets: pa.Table) -> pa.Table:
    rule = load_rules()[rule_id]
    starts, ends = envelope.spans(segment_id, sets["set_ordinal"].to_numpy())
    groups = sets["group_ordinal"].to_numpy()
    columns = {
        "interchange_ordinal": sets["interchange_ordinal"].combine_chunks(),
        "group_ordinal": pa.array(groups, mask=groups == 0),
        "set_ordinal": sets["set_ordinal"].combine_chunks(),
        "byte_start": pa.array(starts),
        "byte_end": pa.array(ends),
    }
    said = {
        "rule": rule.id,
        "severity": rule.severity,
        "snip": rule.snip,
        "x12_field": rule.x12_field,
        "x12_code": rule.x12_code,
        "segment_id": segment_id,
        "message": rule.wording,
    }
    for field in tables.ISSUES:
        if field.name not in columns:
            value = pa.scalar(said.get(field.name), field.type)
            columns[field.name] = pa.repeat(value, len(sets))
    return pa.table({field.name: columns[field.name] for field in tables.ISSUES}, tables.ISSUES)


def _tests(sets: pa.Table, guide: Guide) -> Iterable[tuple[str, str, pa.ChunkedArray]]:
    """Rules about one set, the segment that shows each, and which sets break it."""
    has_trailer = pc.or_(
        pc.is_valid(sets["trailer_control_number"]), pc.is_valid(sets["trailer_segment_count"])
    )
    number = sets["control_number"]
    is_plain = pc.match_substring_regex(pc.fill_null(number, ""), "^[ -~]{3,8}[!-~]$")
    counted = pc.cast(sets["segment_count"], pa.large_string())
    declared = pc.utf8_ltrim(pc.fill_null(sets["trailer_segment_count"], ""), "0")
    same_number = pc.fill_null(pc.equal(number, sets["trailer_control_number"]), False)
    is_known = pc.fill_null(pc.equal(sets["identifier"], guide.set_identifier), False)
    is_guide = pc.fill_null(pc.equal(sets["convention"], guide.version), False)
    has_members = pc.or_(pc.greater(sets["member_count"], 0), guide.version != ENROLLMENT)
    return (
        ("set-type-unsupported", "ST", pc.invert(is_known)),
        ("set-convention-unsupported", "ST", pc.and_not(is_known, is_guide)),
        ("set-control-number-invalid", "ST", pc.invert(is_plain)),
        ("set-control-number-differs", "SE", pc.and_not(has_trailer, same_number)),
        (
            "set-segment-count-differs",
            "SE",
            pc.and_(has_trailer, pc.not_equal(declared, counted)),
        ),
        ("set-without-members", "ST", pc.and_not(is_known, has_members)),
    )
