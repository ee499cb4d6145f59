"""999: the answer to each functional group (005010X231A1; CMS guide 7.2, section 5.1, table 4).

Acknowledgement codes come from the verdict and are never worked out again. Each received group is
answered by one functional group with one 999, whose GS02 and GS03 are the received ones swapped.
IK404, the copy of a bad value, is never written: it may be PHI; CTX tells whose error it is by the
subscriber number that the exchange itself assigned (decision 0007).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from replies.error_lines import COMPONENT, LARGEST_COUNT, Issue, Line, set_lines
from replies.x12_writer import (
    Composer,
    ControlNumbers,
    Envelope,
    Rows,
    close_interchange,
    count_segments,
    in_file_order,
    join_segments,
    numbers,
    open_interchange,
    set_control_numbers,
)
from schemas.partners import InterchangeFacts
from schemas.verdict import Verdict

FUNCTIONAL_IDENTIFIER = "FA"
VERSION = "005010X231A1"
CODES_AT_MOST = 5  # IK502-06, AK905-09
_TOLD = [  # what IK3, CTX and IK4 are made of
    *("rule", "severity", "x12_field", "x12_code", "set_ordinal", "member_ordinal", "segment_id"),
    *("segment_ordinal", "loop", "element", "component", "repetition", "data_element"),
]
_ROWS_AT_ONCE = 20_000
OPEN, SETS, CLOSE = 0, 1, 2  # order of the pieces within a group


@dataclass(frozen=True)
class _Answered:
    """The groups that a 999 answers, and their sets, in file order with the verdict's columns."""

    groups: pa.Table
    sets: pa.Table
    group_of_set: Rows


def count_groups(verdict: Verdict) -> int:
    """How many group control numbers (GS06) `write_999` needs, and as many for ST02."""
    return int(_answered(verdict).groups.num_rows)


def write_999(verdict: Verdict, envelope: Envelope, control: ControlNumbers) -> bytes | None:
    """One interchange with a 999 for every functional group, None when there is none to answer.

    Groups of an interchange whose TA1 is R have no 999, and a 999 (FA) is never answered by one.
    """
    answered = _answered(verdict)
    count = answered.groups.num_rows
    if not count:
        return None
    control.require(groups=count, sets=count)
    facts = envelope.exchange.interchange
    set_texts, set_segments = _sets(answered, _error_segments(verdict, facts), facts)
    segments = np.bincount(answered.group_of_set, weights=set_segments, minlength=count)
    groups = Composer(facts, count)
    opening = _opening(groups, answered.groups, envelope, control)
    closing = _closing(groups, answered.groups, control, segments.astype(np.int64))
    ordinals = np.arange(count) * 3
    body = in_file_order(
        [
            (ordinals + OPEN, opening),
            (answered.group_of_set * 3 + SETS, set_texts),
            (ordinals + CLOSE, closing),
        ]
    )
    return (
        open_interchange(envelope, acknowledgment_requested=False)
        + body
        + close_interchange(envelope, count)
    )


def _answered(verdict: Verdict) -> _Answered:
    refused = verdict.interchange_verdicts.filter(
        pc.equal(verdict.interchange_verdicts["ta1_code"], "R")
    )["interchange_ordinal"]
    received = verdict.functional_groups
    if not verdict.is_answered:
        received = received.slice(0, 0)
    is_refused = pc.is_in(received["interchange_ordinal"], value_set=refused.combine_chunks())
    is_999 = pc.fill_null(pc.equal(received["functional_identifier"], FUNCTIONAL_IDENTIFIER), False)
    received = received.filter(pc.invert(pc.or_(is_refused, is_999)))
    groups = _with_columns(
        received,
        verdict.group_verdicts,
        "group_ordinal",
        ("ack", "codes", "set_count_included", "set_count_received", "set_count_accepted"),
    )
    all_sets = _with_columns(
        verdict.transaction_sets, verdict.set_verdicts, "set_ordinal", ("ack", "codes")
    )
    place = pc.index_in(
        all_sets["group_ordinal"], value_set=groups["group_ordinal"].combine_chunks()
    )
    answered = pc.is_valid(place)
    return _Answered(
        groups=groups,
        sets=all_sets.filter(answered),
        group_of_set=place.filter(answered).to_numpy().astype(np.int64),
    )


def _with_columns(left: pa.Table, right: pa.Table, key: str, names: tuple[str, ...]) -> pa.Table:
    """The left table with columns of the right row of the same ordinal."""
    rows = pc.index_in(left[key], value_set=right[key].combine_chunks())
    for name in names:
        left = left.append_column(name, right[name].combine_chunks().take(rows))
    return left


def _opening(
    compose: Composer, groups: pa.Table, envelope: Envelope, control: ControlNumbers
) -> pa.Array:
    """GS, ST and AK1 of each answered group."""
    now = envelope.local_time
    partner, exchange = envelope.partner, envelope.exchange
    gs = compose.segment(
        "GS",
        FUNCTIONAL_IDENTIFIER,
        _fitting(compose, groups["receiver_code"], r"^.{2,15}$", partner.trading_partner_id),
        _fitting(compose, groups["sender_code"], r"^.{2,15}$", exchange.interchange.exchange_id),
        f"{now:%Y%m%d}",
        f"{now:%H%M}",
        numbers(control.groups),
        "X",
        VERSION,
    )
    st = compose.segment("ST", "999", set_control_numbers(control.sets), VERSION)
    ak1 = compose.segment(
        "AK1",
        _fitting(
            compose,
            groups["functional_identifier"],
            r"^[A-Z0-9]{2}$",
            exchange.group.functional_identifier,
        ),
        _fitting(compose, groups["control_number"], r"^[0-9]{1,9}$", "0"),
        _fitting(compose, groups["version"], r"^.{1,12}$", exchange.group.version),
    )
    return join_segments([gs, st, ak1])


def _sets(
    answered: _Answered, errors: dict[int, tuple[str, int]], facts: InterchangeFacts
) -> tuple[pa.Array, Rows]:
    """AK2, its IK3, CTX and IK4, and IK5 of each set, and how many segments these are."""
    sets = answered.sets
    compose = Composer(facts, sets.num_rows)
    padded = pc.utf8_lpad(pc.fill_null(compose.text(sets["control_number"]), ""), 4, "0")
    ak2 = compose.segment(
        "AK2",
        _fitting(compose, sets["identifier"], r"^[0-9]{3}$", "834"),
        pc.utf8_slice_codeunits(padded, 0, 9),
        pc.utf8_slice_codeunits(compose.text(sets["convention"]), 0, 35),
    )
    ik5 = compose.segment("IK5", compose.text(sets["ack"]), _codes(sets["codes"], facts))
    ordinals = pa.array(errors.keys(), sets["set_ordinal"].type)
    row = pc.index_in(sets["set_ordinal"].combine_chunks(), value_set=ordinals)
    ik3 = pa.array([text for text, _ in errors.values()], pa.large_string()).take(row)
    ik3_count = pa.array([count for _, count in errors.values()], pa.int64()).take(row)
    counts = count_segments([ak2, ik5]) + pc.fill_null(ik3_count, 0).to_numpy()
    return join_segments([ak2, ik3, ik5]), counts


def _closing(
    compose: Composer, groups: pa.Table, control: ControlNumbers, set_segments: Rows
) -> pa.Array:
    """AK9, SE and GE of each answered group."""
    received = groups["set_count_received"]
    ak9 = compose.segment(
        "AK9",
        compose.text(groups["ack"]),
        _count(pc.coalesce(groups["set_count_included"], received)),
        _count(received),
        _count(groups["set_count_accepted"]),
        _codes(groups["codes"], compose.facts),
    )
    own_segments = 4  # ST, AK1, AK9, SE
    se = compose.segment(
        "SE", numbers(set_segments + own_segments), set_control_numbers(control.sets)
    )
    ge = compose.segment("GE", "1", numbers(control.groups))
    return join_segments([ak9, se, ge])


def _fitting(compose: Composer, column: pa.ChunkedArray, pattern: str, otherwise: str) -> pa.Array:
    """What was received where the element of our answer can hold it.

    The standard requires these elements, and a received value that breaks its own data element
    would break ours; the group's codes (AK905) say that it was wrong.
    """
    text = compose.text(column)
    fits = pc.fill_null(pc.match_substring_regex(text, pattern), False)
    return pc.if_else(fits, text, pa.scalar(otherwise, pa.large_string()))


def _codes(column: pa.ChunkedArray, facts: InterchangeFacts) -> pa.Array:
    first = pc.list_slice(column.combine_chunks(), 0, CODES_AT_MOST)
    return pc.binary_join(first, pa.scalar(facts.element_separator, pa.large_string()))


def _count(column: pa.ChunkedArray) -> pa.Array:
    return numbers(pc.min_element_wise(column.combine_chunks(), LARGEST_COUNT))


def _error_segments(verdict: Verdict, facts: InterchangeFacts) -> dict[int, tuple[str, int]]:
    """IK3, CTX and IK4 by set ordinal: their text and how many segments it holds.

    Row by row, for only sets with errors have any; and of so many sets at a time, for rows are
    large.
    """
    issues = verdict.issues.select(_TOLD)
    shown = issues.filter(
        pc.and_(
            pc.is_in(issues["x12_field"], pa.array(["IK304", "IK403"], pa.large_string())),
            pc.is_in(issues["severity"], pa.array(["reject", "error"], pa.large_string())),
        )
    )
    shown = shown.filter(pc.is_valid(shown["set_ordinal"]))
    order = pc.sort_indices(  # stable: rows of one segment stay in the order of the file
        pa.table([shown["set_ordinal"], pc.fill_null(shown["segment_ordinal"], 0)], ["set", "at"]),
        [("set", "ascending"), ("at", "ascending")],
    )
    units = verdict.business_units
    texts = {}
    for ordinal, of_set in groupby(_rows(shown, order, units), key=lambda row: row["set_ordinal"]):
        lines = list(set_lines(of_set))
        ended = [_line(elements, facts.element_separator) for elements in lines]
        text = facts.segment_terminator.join([*ended, ""])
        texts[ordinal] = (text.replace(COMPONENT, facts.component_separator), len(lines))
    return texts


def _rows(issues: pa.Table, order: pa.Array, units: pa.Table) -> Iterator[Issue]:
    """The issues in that order, each with the subscriber number of its member."""
    known = units["member_ordinal"].combine_chunks()
    for start in range(0, len(order), _ROWS_AT_ONCE):
        some = issues.take(order.slice(start, _ROWS_AT_ONCE))
        place = pc.index_in(some["member_ordinal"], value_set=known, skip_nulls=True)
        numbers_of = units["subscriber_number"].take(place)
        yield from some.append_column("subscriber_number", numbers_of).to_pylist()


def _line(elements: Line, separator: str) -> str:
    return separator.join(elements).rstrip(separator)
