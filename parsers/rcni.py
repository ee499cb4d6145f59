"""The reader of our own RCNI: what we are about to send, as the exchange will read it."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from parsers.pipe_lines import Undecodable, cut_lines
from schemas.errors import Terminal
from schemas.monthly_layouts import RcniLayout


@dataclass(frozen=True)
class ReadRcni:
    """The records of the file as texts, a column a field, and the total by the names of its fields.

    Blank fields are null, in the total empty.
    """

    records: pa.Table
    total: dict[str, str]


def read_rcni(content: bytes, layout: RcniLayout) -> ReadRcni:
    """The file's records and its total.

    Raises Terminal, with line and field, when a line is not what the layout says: the file is ours.
    """
    lines = cut_lines(content, layout.delimiter)
    if isinstance(lines, Undecodable):
        raise Terminal(
            f"RCNI line {lines.line}, field {lines.position}: no ASCII. Report the writer's fault."
        )
    detail, total = (fields[0].fixed for fields in (layout.fields, layout.total))
    codes = lines.first()
    is_detail = pc.equal(codes, detail).to_numpy(zero_copy_only=False)
    wanted = np.where(is_detail, len(layout.fields), len(layout.total))
    wrong = np.flatnonzero(lines.widths != wanted)
    if len(wrong):
        raise Terminal(
            f"RCNI line {lines.number[wrong[0]]} has {lines.widths[wrong[0]]} fields, not "
            f"{wanted[wrong[0]]}. Report the writer's fault."
        )
    if is_detail[-1:].any() or int((~is_detail).sum()) != 1 or codes[-1].as_py() != total:
        raise Terminal("The RCNI does not end with its one total. Report the writer's fault.")
    details, totals = lines.pick(is_detail), lines.pick(~is_detail)
    return ReadRcni(
        pa.table({field.name: details.column(field.position) for field in layout.fields}),
        {field.name: totals.column(field.position)[0].as_py() or "" for field in layout.total},
    )
