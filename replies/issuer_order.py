"""In which order the rows of our 834s stand in the file: sets, in functional groups per plan."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from replies.x12_writer import Rows
from schemas.errors import Terminal

PLAN_CHARACTERS = 14  # GS02 holds a plan id without its variant


@dataclass(frozen=True)
class InOrder:
    """The rows in the order of the file, and at which row each set and group begins and ends.

    `first_sets` and `last_sets` are positions among the sets; the others are rows.
    """

    rows: pa.Table
    first_rows: Rows
    last_rows: Rows
    first_sets: Rows
    last_sets: Rows


def in_order(rows: pa.Table) -> InOrder:
    """`rows` (tables.ISSUER_TRANSACTIONS) as they stand in the file.

    Groups stand in the order in which their plans first appear; sets keep the order of the rows.
    Raises Terminal when the rows of a policy are not as declared.
    """
    policies = _codes(rows["exchange_policy_id"])
    starts = np.flatnonzero(np.diff(policies, prepend=-1))
    if len(starts) != len(np.unique(policies)):
        raise Terminal("Rows of one policy are not adjacent. Order them by policy.")
    lengths = np.diff(starts, append=len(policies))
    _require_one_subscriber_first(rows, starts)
    _require_one_transaction(rows, starts, lengths)
    plans = pc.utf8_slice_codeunits(rows["plan_id"], 0, PLAN_CHARACTERS)
    plan_of_set = _codes(plans)[starts]
    set_order = np.argsort(plan_of_set, kind="stable")
    first_rows = np.cumsum(lengths[set_order]) - lengths[set_order]
    first_sets = np.flatnonzero(np.diff(plan_of_set[set_order], prepend=-1))
    order = np.argsort(np.repeat(plan_of_set, lengths), kind="stable")
    return InOrder(
        rows=rows.take(pa.array(order)),
        first_rows=first_rows,
        last_rows=first_rows + lengths[set_order] - 1,
        first_sets=first_sets,
        last_sets=np.append(first_sets[1:], len(starts))[: len(first_sets)] - 1,
    )


def _require_one_subscriber_first(rows: pa.Table, starts: Rows) -> None:
    is_subscriber = pc.fill_null(rows["is_subscriber"], False).to_numpy()
    begins = np.zeros(rows.num_rows, dtype=np.bool_)
    begins[starts] = True
    if (begins != is_subscriber).any():
        raise Terminal(
            "A policy does not begin with its subscriber, or has a second one. Order its rows so."
        )


def _require_one_transaction(rows: pa.Table, starts: Rows, lengths: Rows) -> None:
    transactions = _codes(rows["transaction"])
    if (transactions != np.repeat(transactions[starts], lengths)).any():
        raise Terminal("The rows of a policy say two transactions. Decide on one of them.")


def _codes(column: pa.ChunkedArray) -> Rows:
    """Each value's number in the order of first appearance."""
    indices = column.combine_chunks().dictionary_encode(null_encoding="encode").indices
    return np.asarray(indices.to_numpy(zero_copy_only=False), dtype=np.int64)
