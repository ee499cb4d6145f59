"""The part of an 834 of ours that a slow reader is shown: every group, and sets of every shape."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from replies.issuer_order import InOrder
from schemas import tables
from schemas.verdict import Verdict

# Codes by which segments differ; of all other columns it counts whether they are filled.
_CODES = (
    "transaction", "maintenance_type", "maintenance_reason", "additional_maintenance_reason",
    "insurance_line", "sponsor_qualifier",
)  # fmt: skip

Ints = npt.NDArray[np.int64]


def bytes_for_pyx12(content: bytes, verdict: Verdict, order: InOrder, most: int) -> bytes:
    """The whole file when it has at most so many members, else a file with a part of its sets.

    That part holds the first set of every group, and then the first one of each shape, in the order
    of the file, until there are so many members. GE01 is the number of sets that are left.
    """
    if order.rows.num_rows <= most:
        return content
    chosen = _chosen(order, most)
    sets, groups = verdict.transaction_sets, verdict.functional_groups
    starts, ends = (sets[name].to_numpy() for name in ("byte_start", "byte_end"))
    begins = groups["byte_start"].to_numpy()
    pieces = [content[: begins[0]]]
    for number, (first, last) in enumerate(zip(order.first_sets, order.last_sets, strict=True)):
        inside = chosen[(chosen >= first) & (chosen <= last)]
        pieces.append(content[begins[number] : starts[first]])
        pieces += [content[starts[one] : ends[one] + 1] for one in inside.tolist()]
        behind = begins[number + 1] if number + 1 < len(begins) else content.rindex(b"IEA")
        pieces.append(_recounted(content[ends[last] + 1 : behind], len(inside)))
    pieces.append(content[content.rindex(b"IEA") :])
    return b"".join(pieces)


def of_the_same_shape(order: InOrder, places: Ints) -> Ints:
    """Places of all sets, ascending, that have the shape of one of these."""
    shapes = _shapes(order)
    return np.flatnonzero(np.isin(shapes, shapes[places]))


def _recounted(trailer: bytes, sets: int) -> bytes:
    """GE with another number of sets; the delimiter is the byte behind its id."""
    delimiter = trailer[2:3]
    return delimiter.join([b"GE", str(sets).encode(), *trailer.split(delimiter)[2:]])


def _chosen(order: InOrder, most: int) -> Ints:
    """Places of the sets that are shown, ascending."""
    _, first_of_shape = np.unique(_shapes(order), return_index=True)
    of_groups = order.first_sets
    others = np.setdiff1d(first_of_shape, of_groups)
    members = order.last_rows - order.first_rows + 1
    room = most - int(members[of_groups].sum())
    kept = others[np.cumsum(members[others]) <= room]
    return np.union1d(of_groups, kept)


def _shapes(order: InOrder) -> Ints:
    """A number per set that is the same for sets of one shape.

    It is made of the subscriber's shape and the different shapes of the dependents, however many
    have each: a loop that comes once more is no new shape.
    """
    shapes = _member_shapes(order.rows)
    set_of_row = np.repeat(np.arange(len(order.first_rows)), order.last_rows - order.first_rows + 1)
    count = int(shapes.max()) + 1 if len(shapes) else 1
    different = np.unique(set_of_row * count + shapes)
    weights = np.random.default_rng(834).integers(1, 2**62, count, dtype=np.int64)
    numbers = np.zeros(len(order.first_rows), dtype=np.int64)
    np.add.at(numbers, different // count, weights[different % count])  # wraps around
    return numbers


def _member_shapes(rows: pa.Table) -> Ints:
    """A number per row: which of its columns are filled, and its codes."""
    numbers = np.zeros(rows.num_rows, dtype=np.int64)
    for name in rows.column_names:
        column = rows[name].combine_chunks()
        if name in _CODES:
            values = column.dictionary_encode(null_encoding="encode").indices.to_numpy()
        elif column.type == pa.bool_():
            values = column.to_numpy(zero_copy_only=False)
        elif name == "dependent_count":
            values = pc.fill_null(pc.greater(column, 0), False).to_numpy(zero_copy_only=False)
        elif column.type == tables.TEXT:
            values = pc.fill_null(pc.not_equal(column, ""), False).to_numpy(zero_copy_only=False)
        else:
            values = pc.is_valid(column).to_numpy(zero_copy_only=False)
        pairs = numbers * (int(values.max(initial=0)) + 1) + values
        numbers = np.unique(pairs, return_inverse=True)[1].astype(np.int64)
    return numbers
