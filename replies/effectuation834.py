"""Effectuation 834: coverage is in effect, the binder payment was made.

Built to the letter of CMS guide 7.2, section 7.2.4 and tables 12-14 and 18; the order of loops and
segments is 005010X220A1's. What the exchange sent is echoed; new are the control numbers, the
dates of creation, the maintenance codes, the issuer's own ids and the last premium paid date.
The reporting categories carry no DTP*007: table 18 lists none, and the guide's 2750 does not
require one.
"""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from replies.x12_writer import (
    Composer,
    ControlNumbers,
    Envelope,
    Rows,
    close_interchange,
    count_segments,
    dates,
    in_file_order,
    join_segments,
    numbers,
    open_interchange,
    set_control_numbers,
)
from schemas import tables
from schemas.errors import Terminal
from schemas.partners import Combination, Exchange

PLAN_CHARACTERS = 14  # GS02 holds a plan id without its variant
# BGN05 (data element 623) of the clocks that exchanges keep; BGN05 is optional elsewhere.
TIME_CODES = {
    "America/New_York": "ET",
    "America/Chicago": "CT",
    "America/Denver": "MT",
    "America/Los_Angeles": "PT",
}
# Table 18 requires these on every member; the last one on the subscriber only.
REQUIRED = (
    "exchange_policy_id", "plan_id", "insurance_line", "reference", "total_count",
    "sponsor_name", "sponsor_qualifier", "sponsor_id", "payer_name", "payer_id",
    "is_subscriber", "relationship_code", "exchange_subscriber_id", "exchange_member_id",
    "eligibility_begin", "benefit_begin", "last_name",
)  # fmt: skip

# Order of the pieces that stand at one row of the table.
GROUP_OPEN, SET_OPEN, MEMBER, SET_CLOSE, GROUP_CLOSE = range(5)


@dataclass(frozen=True)
class _Layout:
    """The rows in the order of the file, and at which row each set and group begins and ends.

    `first_sets` and `last_sets` are positions among the sets; the others are rows.
    """

    rows: pa.Table
    first_rows: Rows
    last_rows: Rows
    first_sets: Rows
    last_sets: Rows


def count_groups(effectuations: pa.Table) -> int:
    """How many functional groups `write_effectuations` writes: one per 14-character plan id."""
    return len(_layout(effectuations).first_sets)


def count_sets(effectuations: pa.Table) -> int:
    """How many transaction sets `write_effectuations` writes: one per policy."""
    return len(_layout(effectuations).first_rows)


def write_effectuations(
    effectuations: pa.Table, envelope: Envelope, control: ControlNumbers
) -> bytes:
    """One interchange with a set per policy, in functional groups per plan; empty without rows.

    `effectuations` is tables.EFFECTUATIONS. Groups stand in the order in which their plans first
    appear; sets keep the order of the rows. Raises Terminal when a row lacks what table 18
    requires, or the control numbers do not match the counts.
    """
    _require_complete(effectuations)
    layout = _layout(effectuations)
    control.require(groups=len(layout.first_sets), sets=len(layout.first_rows))
    if not effectuations.num_rows:
        return b""
    members, member_segments = _members(layout.rows, envelope)
    opening, opening_segments = _set_opening(layout, envelope, control)
    segments = np.add.reduceat(member_segments, layout.first_rows) + opening_segments + 1
    facts = envelope.exchange.interchange
    closing = Composer(facts, len(segments)).segment(
        "SE", numbers(segments), set_control_numbers(control.sets)
    )
    group_opening, group_closing = _groups(layout, envelope, control)
    body = in_file_order(
        [
            (layout.first_rows[layout.first_sets] * 5 + GROUP_OPEN, group_opening),
            (layout.first_rows * 5 + SET_OPEN, opening),
            (np.arange(layout.rows.num_rows) * 5 + MEMBER, members),
            (layout.last_rows * 5 + SET_CLOSE, closing),
            (layout.last_rows[layout.last_sets] * 5 + GROUP_CLOSE, group_closing),
        ]
    )
    return (
        open_interchange(envelope, acknowledgment_requested=True)
        + body
        + close_interchange(envelope, len(layout.first_sets))
    )


def _require_complete(effectuations: pa.Table) -> None:
    for name in REQUIRED:
        column = effectuations[name]
        missing = pc.is_null(column)
        if column.type == tables.TEXT:
            blank = pc.equal(pc.utf8_trim_whitespace(column), "")
            missing = pc.or_(missing, pc.fill_null(blank, False))
        _require(effectuations, name, missing)
    unpaid = pc.is_null(effectuations["last_premium_paid"])
    _require(effectuations, "last_premium_paid", pc.and_(effectuations["is_subscriber"], unpaid))
    short = pc.less(pc.utf8_length(effectuations["plan_id"]), PLAN_CHARACTERS)
    _require(effectuations, "plan_id of 16 characters", short)


def _require(effectuations: pa.Table, name: str, missing: pa.ChunkedArray) -> None:
    row = pc.index(missing, True).as_py()
    if row >= 0:
        policy = effectuations["exchange_policy_id"][row].as_py()
        raise Terminal(
            f"Effectuation row {row + 1} (policy {policy}) has no {name} "
            "(CMS guide 7.2, table 18). Complete the policy in the book first."
        )


def _layout(effectuations: pa.Table) -> _Layout:
    """The layout of the file. Raises Terminal when the rows of a policy are not as declared."""
    policies = _codes(effectuations["exchange_policy_id"])
    starts = np.flatnonzero(np.diff(policies, prepend=-1))
    if len(starts) != len(np.unique(policies)):
        raise Terminal("Rows of one policy are not adjacent. Order them by policy.")
    first_is_dependent = pc.invert(effectuations["is_subscriber"].take(pa.array(starts)))
    if pc.any(first_is_dependent).as_py():
        raise Terminal("A policy does not begin with its subscriber. Order its rows so.")
    lengths = np.diff(starts, append=len(policies))
    plans = pc.utf8_slice_codeunits(effectuations["plan_id"], 0, PLAN_CHARACTERS)
    plan_of_set = _codes(plans)[starts]
    order = np.argsort(np.repeat(plan_of_set, lengths), kind="stable")
    set_order = np.argsort(plan_of_set, kind="stable")
    first_rows = np.cumsum(lengths[set_order]) - lengths[set_order]
    first_sets = np.flatnonzero(np.diff(plan_of_set[set_order], prepend=-1))
    return _Layout(
        rows=effectuations.take(pa.array(order)),
        first_rows=first_rows,
        last_rows=first_rows + lengths[set_order] - 1,
        first_sets=first_sets,
        last_sets=np.append(first_sets[1:], len(starts))[: len(first_sets)] - 1,
    )


def _codes(column: pa.ChunkedArray) -> Rows:
    """Each value's number in the order of first appearance."""
    indices = column.combine_chunks().dictionary_encode(null_encoding="encode").indices
    return np.asarray(indices.to_numpy(zero_copy_only=False), dtype=np.int64)


def _groups(
    layout: _Layout, envelope: Envelope, control: ControlNumbers
) -> tuple[pa.Array, pa.Array]:
    """GS and GE of each plan (table 13: GS02 is the plan, GS03 the tenant)."""
    first_rows = layout.rows.take(pa.array(layout.first_rows[layout.first_sets]))
    compose = Composer(envelope.exchange.interchange, first_rows.num_rows)
    now, facts = envelope.local_time, envelope.exchange.group
    opening = compose.segment(
        "GS",
        facts.functional_identifier,
        pc.utf8_slice_codeunits(compose.text(first_rows["plan_id"]), 0, PLAN_CHARACTERS),
        envelope.partner.tenant_id,
        f"{now:%Y%m%d}",
        f"{now:%H%M}",
        numbers(control.groups),
        "X",
        facts.version,
    )
    sets = layout.last_sets - layout.first_sets + 1
    return opening, compose.segment("GE", numbers(sets), numbers(control.groups))


def _set_opening(
    layout: _Layout, envelope: Envelope, control: ControlNumbers
) -> tuple[pa.Array, Rows]:
    """ST to loop 1000B of each set, and how many segments that is (tables 14 and 18)."""
    policies = layout.rows.take(pa.array(layout.first_rows))
    compose = Composer(envelope.exchange.interchange, policies.num_rows)
    now, text = envelope.local_time, compose.text
    dependents = policies["dependent_count"]
    segments = [
        compose.segment(
            "ST", "834", set_control_numbers(control.sets), envelope.exchange.group.version
        ),
        compose.segment(
            "BGN",
            "00",
            text(policies["reference"]),
            f"{now:%Y%m%d}",
            f"{now:%H%M%S}",
            TIME_CODES.get(envelope.exchange.time_zone),
            None,
            None,
            "2",
        ),
        compose.segment("QTY", "TO", numbers(policies["total_count"])),
        compose.segment("QTY", "DT", numbers(dependents), when=pc.greater(dependents, 0)),
        compose.segment(
            "N1",
            "P5",
            text(policies["sponsor_name"]),
            text(policies["sponsor_qualifier"]),
            text(policies["sponsor_id"]),
        ),
        compose.segment("N1", "IN", text(policies["payer_name"]), "FI", text(policies["payer_id"])),
    ]
    return join_segments(segments), count_segments(segments)


def _members(rows: pa.Table, envelope: Envelope) -> tuple[pa.Array, Rows]:
    """Loop 2000 of each covered member, and how many segments it has (table 18)."""
    compose = Composer(envelope.exchange.interchange, rows.num_rows)
    codes = _codes_of_effectuation(envelope.exchange)
    segments = [
        *_member_level(compose, rows, codes),
        *_coverage(compose, rows, codes),
        *_reporting_categories(compose, codes, envelope.local_time),
    ]
    return join_segments(segments), count_segments(segments)


def _codes_of_effectuation(exchange: Exchange) -> Combination:
    for combination in exchange.combinations:
        if (combination.direction, combination.transaction) == (
            "issuer_to_exchange",
            "effectuation",
        ):
            return combination
    raise Terminal(f"Exchange {exchange.id} names no codes for an effectuation to it.")


def _member_level(compose: Composer, rows: pa.Table, codes: Combination) -> list[pa.Array]:
    """INS to DMG."""
    text = compose.text
    is_subscriber = rows["is_subscriber"].combine_chunks()
    empty = pa.scalar(None, pa.large_string())
    segments = [
        compose.segment(
            "INS",
            pc.if_else(is_subscriber, _text("Y"), _text("N")),
            text(rows["relationship_code"]),
            codes.maintenance_type,
            codes.maintenance_reason,
            "A",
            None,
            None,
            pc.if_else(is_subscriber, _text("AC"), empty),
        )
    ]
    for qualifier, name in (
        ("0F", "exchange_subscriber_id"),
        ("17", "exchange_member_id"),
        ("23", "issuer_member_id"),
        ("ZZ", "issuer_subscriber_id"),
    ):
        identifier = text(rows[name])
        segments.append(compose.segment("REF", qualifier, identifier, when=pc.is_valid(identifier)))
    gender = text(rows["gender_code"])
    demographic = pc.and_(pc.is_valid(rows["birth_date"]), pc.is_valid(gender))
    names = ("last_name", "first_name", "middle_name")
    return [
        *segments,
        compose.segment("DTP", "356", "D8", dates(rows["eligibility_begin"])),
        compose.segment(
            "NM1",
            "IL",
            "1",
            *(text(rows[name]) for name in names),
            None,
            text(rows["name_suffix"]),
        ),
        compose.segment("DMG", "D8", dates(rows["birth_date"]), gender, when=demographic),
    ]


def _coverage(compose: Composer, rows: pa.Table, codes: Combination) -> list[pa.Array]:
    """Loop 2300: HD, its dates, and its policy numbers."""
    text = compose.text
    issuer_policy = text(rows["issuer_policy_id"])
    return [
        compose.segment("HD", codes.maintenance_type, None, text(rows["insurance_line"])),
        compose.segment("DTP", "348", "D8", dates(rows["benefit_begin"])),
        compose.segment(
            "DTP", "543", "D8", dates(rows["last_premium_paid"]), when=rows["is_subscriber"]
        ),
        compose.segment("REF", "CE", text(rows["plan_id"])),
        compose.segment("REF", "1L", text(rows["exchange_policy_id"])),
        compose.segment("REF", "X9", issuer_policy, when=pc.is_valid(issuer_policy)),
    ]


def _reporting_categories(
    compose: Composer, codes: Combination, created: datetime
) -> list[pa.Array]:
    """LS to LE with the two categories that table 18 requires."""
    timestamp = f"{created:%Y%m%d%H%M%S}{created.microsecond // 10_000:02d}"
    return [
        compose.segment("LS", "2700"),
        compose.segment("LX", "1"),
        compose.segment("N1", "75", "REQUEST SUBMIT TIMESTAMP"),
        compose.segment("REF", "17", timestamp),
        compose.segment("LX", "2"),
        compose.segment("N1", "75", "ADDL MAINT REASON"),
        compose.segment("REF", "17", codes.additional[0]),
        compose.segment("LE", "2700"),
    ]


def _text(value: str) -> pa.Scalar:
    return pa.scalar(value, pa.large_string())
