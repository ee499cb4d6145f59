"""What the bytes of our 834s say, compared with what was decided: which sets say otherwise."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.issuer_expectations import (
    Said,
    expected_coverages,
    expected_former_ids,
    expected_members,
    expected_sets,
    said_former_ids,
)
from replies.issuer_elements import element
from replies.issuer_order import InOrder
from schemas import tables
from schemas.errors import Terminal
from schemas.partners import Exchange

Places = npt.NDArray[np.int64]


def said_otherwise(
    sets: pa.Table, said: Said, order: InOrder, exchange: Exchange
) -> pa.Table | None:
    """The decisions of which the bytes say something else (tables.OBSTACLES), or None.

    `sets` is tables.TRANSACTION_SETS of the file, `order` the rows that it was written from. Raises
    Terminal when it does not hold as many sets, members or coverages as they ask for.
    """
    first = order.rows.take(pa.array(order.first_rows))
    of_rows = np.searchsorted(order.first_rows, np.arange(order.rows.num_rows), side="right") - 1
    coverages = expected_coverages(order.rows, exchange)
    covered = coverages["member_ordinal"].to_numpy() - 1
    found: dict[int, str] = {}
    for what, expected, theirs, set_of_row in (
        ("set", expected_sets(first, exchange), sets, np.arange(first.num_rows)),
        ("member", expected_members(order.rows, exchange), said.members, of_rows),
        ("former id", expected_former_ids(order.rows, exchange), said_former_ids(said), of_rows),
        ("coverage", coverages, said.coverages, of_rows[covered]),
    ):
        for name, row in _differences(what, expected, theirs):
            text = f"its 834 would say another {element(name)} than was decided: report this"
            found.setdefault(int(set_of_row[row]), text)
    places = np.array(sorted(found), dtype=np.int64)
    return told_of_sets(order, places, [found[place] for place in places]) if found else None


def told_of_sets(order: InOrder, places: Places, said: Sequence[str]) -> pa.Table:
    """A sentence about each of the sets at these places of the file, as tables.OBSTACLES."""
    rows = order.rows.take(pa.array(order.first_rows[places]))
    columns = [rows["decision_id"].combine_chunks(), pa.array(said, tables.TEXT)]
    return pa.table(columns, schema=tables.OBSTACLES)


def _differences(what: str, expected: pa.Table, said: pa.Table) -> list[tuple[str, int]]:
    """Column and row of each value that is another; an empty one equals an empty one only."""
    if len(expected) != len(said):
        raise Terminal(
            f"An 834 of ours has {len(said)} {what} rows and not {len(expected)}; not sent. "
            "Report this."
        )
    found = []
    for name in expected.column_names:
        ours, theirs = expected[name].combine_chunks(), said[name].combine_chunks()
        equal = pc.if_else(pc.is_null(ours), pc.is_null(theirs), pc.equal(ours, theirs))
        unlike = np.flatnonzero(~pc.fill_null(equal, False).to_numpy(zero_copy_only=False))
        found += [(name, row) for row in unlike.tolist()]
    return found
