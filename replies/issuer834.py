"""834s from the issuer: effectuation, cancellation, termination, maintenance, reinstatement.

Built to the letter of CMS guide 7.2, sections 7.2.4 to 7.2.8 and tables 12-14 and 18-22; the order
of loops and segments is 005010X220A1's. What the exchange sent is echoed; new are the control
numbers, the dates of creation, the maintenance codes and the issuer's own ids. What a transaction
holds and what it must not hold is data of the exchange (`[issuer_transactions]` of its companion
file): what is forbidden is never written, what is required is checked first.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from replies.issuer_categories import reporting_categories
from replies.issuer_coverages import coverage
from replies.issuer_forms import Forms
from replies.issuer_members import member_level
from replies.issuer_order import PLAN_CHARACTERS, InOrder, in_order
from replies.issuer_requirements import require_complete
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
from schemas import tables

# Order of the pieces that stand at one row of the table.
GROUP_OPEN, SET_OPEN, MEMBER, SET_CLOSE, GROUP_CLOSE = range(5)


def count_groups(rows: pa.Table) -> int:
    """How many functional groups `write_issuer_transactions` writes: one per plan id of 14."""
    return len(in_order(rows).first_sets)


def count_sets(rows: pa.Table) -> int:
    """How many transaction sets `write_issuer_transactions` writes: one per policy."""
    return len(in_order(rows).first_rows)


def said_sets(rows: pa.Table) -> pa.Table:
    """Which set of the file says which decision (`tables.SAID_SETS`), in the order of the file."""
    order = in_order(rows)
    first = order.rows.take(pa.array(order.first_rows))
    sets_of_groups = order.last_sets - order.first_sets + 1
    columns = {
        "group_ordinal": np.repeat(np.arange(len(sets_of_groups)) + 1, sets_of_groups),
        "set_ordinal": np.arange(len(order.first_rows)) + 1,
    }
    named = {name: first[name] for name in tables.SAID_SETS.names if name not in columns}
    return pa.table(columns | named, schema=tables.SAID_SETS)


def write_issuer_transactions(rows: pa.Table, envelope: Envelope, control: ControlNumbers) -> bytes:
    """One interchange with a set per policy, in functional groups per plan; empty without rows.

    `rows` is tables.ISSUER_TRANSACTIONS. Groups stand in the order in which their plans first
    appear; sets keep the order of the rows. Raises Terminal, with policy and column, when a row
    lacks what its transaction requires or says what the exchange does not take, and when the
    control numbers do not match the counts.
    """
    order = in_order(rows)
    require_complete(rows, envelope.exchange)
    control.require(groups=len(order.first_sets), sets=len(order.first_rows))
    if not rows.num_rows:
        return b""
    members, member_segments = _members(order.rows, envelope)
    opening, opening_segments = _set_opening(order, envelope, control)
    segments = np.add.reduceat(member_segments, order.first_rows) + opening_segments + 1
    closing = Composer(envelope.exchange.interchange, len(segments)).segment(
        "SE", numbers(segments), set_control_numbers(control.sets)
    )
    group_opening, group_closing = _groups(order, envelope, control)
    body = in_file_order(
        [
            (order.first_rows[order.first_sets] * 5 + GROUP_OPEN, group_opening),
            (order.first_rows * 5 + SET_OPEN, opening),
            (np.arange(rows.num_rows) * 5 + MEMBER, members),
            (order.last_rows * 5 + SET_CLOSE, closing),
            (order.last_rows[order.last_sets] * 5 + GROUP_CLOSE, group_closing),
        ]
    )
    return (
        open_interchange(envelope, acknowledgment_requested=True)
        + body
        + close_interchange(envelope, len(order.first_sets))
    )


def _groups(order: InOrder, envelope: Envelope, control: ControlNumbers) -> tuple[pa.Array, ...]:
    """GS and GE of each plan (table 13: GS02 is the plan, GS03 the tenant)."""
    first_rows = order.rows.take(pa.array(order.first_rows[order.first_sets]))
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
    sets = order.last_sets - order.first_sets + 1
    return opening, compose.segment("GE", numbers(sets), numbers(control.groups))


def _set_opening(
    order: InOrder, envelope: Envelope, control: ControlNumbers
) -> tuple[pa.Array, Rows]:
    """ST to loop 1000B of each set, and how many segments that is (table 14)."""
    policies = order.rows.take(pa.array(order.first_rows))
    compose = Composer(envelope.exchange.interchange, policies.num_rows)
    text, dependents = compose.text, policies["dependent_count"]
    sponsor = (text(policies[f"sponsor_{name}"]) for name in ("name", "qualifier", "id"))
    segments = [
        compose.segment(
            "ST", "834", set_control_numbers(control.sets), envelope.exchange.group.version
        ),
        compose.segment("BGN", "00", text(policies["reference"]), *_created(envelope), "2"),
        compose.segment("QTY", "TO", numbers(policies["total_count"])),
        compose.segment("QTY", "DT", numbers(dependents), when=pc.greater(dependents, 0)),
        compose.segment("N1", "P5", *sponsor),
        compose.segment("N1", "IN", text(policies["payer_name"]), "FI", text(policies["payer_id"])),
    ]
    return join_segments(segments), count_segments(segments)


def _created(envelope: Envelope) -> tuple[str | None, ...]:
    """BGN03 to BGN07; an issuer sends no time code (CMS guide 7.2, table 14: BGN05)."""
    now = envelope.local_time
    return f"{now:%Y%m%d}", f"{now:%H%M%S}", None, None, None


def _members(rows: pa.Table, envelope: Envelope) -> tuple[pa.Array, Rows]:
    """Loop 2000 of each member, and how many segments it has."""
    compose = Composer(envelope.exchange.interchange, rows.num_rows)
    forms = Forms(envelope.exchange, rows)
    segments = [
        *member_level(compose, rows, forms),
        *coverage(compose, rows, forms),
        *reporting_categories(compose, rows, forms, envelope.local_time),
    ]
    return join_segments(segments), count_segments(segments)
