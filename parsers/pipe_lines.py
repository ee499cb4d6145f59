"""Lines of fields between delimiters, cut into columns: RCNI, RCNO and their kind.

No field is quoted, so a delimiter always parts two fields. The bytes are cut once into lines and
once into fields; a column of lines of one width is every width-th field.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

_TEXT = pa.large_string()


@dataclass(frozen=True)
class Lines:
    """The lines of a file that are not blank. `number` counts all lines from 1."""

    number: npt.NDArray[np.int64]
    byte_start: npt.NDArray[np.int64]
    byte_end: npt.NDArray[np.int64]  # the line break not included
    cells: pa.ListArray  # the fields of each line

    @property
    def widths(self) -> npt.NDArray[np.int64]:
        """How many fields each line has."""
        counted: npt.NDArray[np.int64] = pc.list_value_length(self.cells).to_numpy(
            zero_copy_only=False
        )
        return counted.astype(np.int64)

    def first(self) -> pa.Array:
        """The first field of each line."""
        return pc.list_element(self.cells, 0)

    def pick(self, chosen: npt.NDArray[np.bool_]) -> "Lines":
        """Only those lines."""
        return Lines(
            self.number[chosen],
            self.byte_start[chosen],
            self.byte_end[chosen],
            self.cells.filter(pa.array(chosen)),
        )

    def column(self, position: int) -> pa.Array:
        """The field at that position of each line, which must all be of one width; blank = null."""
        if not len(self.number):
            return pa.array([], _TEXT)
        width = int(self.widths[0])
        taken = self.cells.flatten().take(pa.array(np.arange(len(self.number)) * width + position))
        trimmed = pc.utf8_trim(taken, characters=" ")
        return pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, _TEXT), trimmed)


@dataclass(frozen=True)
class Undecodable:
    """Where a file holds bytes that are no UTF-8: line from 1, field from 0."""

    line: int
    position: int
    byte: int


def cut_lines(content: bytes, delimiter: str) -> Lines | Undecodable:
    """The lines of the content, or the first place that cannot be read."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        begin = content.rfind(b"\n", 0, error.start) + 1
        return Undecodable(
            content.count(b"\n", 0, error.start) + 1,
            content.count(delimiter.encode(), begin, error.start),
            error.start,
        )
    lines = pc.split_pattern(pa.array([text], _TEXT), "\n").flatten()
    ends = np.cumsum(pc.binary_length(lines).to_numpy(zero_copy_only=False) + 1) - 1
    starts = np.concatenate([[0], ends[:-1] + 1]).astype(np.int64)
    whole = pc.utf8_rtrim(lines, characters="\r\x1a")
    bare = pc.utf8_ltrim(whole, characters="\ufeff")  # a byte order mark is no part of a field
    filled = pc.not_equal(pc.utf8_trim_whitespace(bare), "").to_numpy(zero_copy_only=False)
    lengths = pc.binary_length(whole).to_numpy(zero_copy_only=False)
    kept = bare.filter(pa.array(filled))
    return Lines(
        np.flatnonzero(filled).astype(np.int64) + 1,
        starts[filled],
        (starts + lengths)[filled],
        pc.split_pattern(kept, delimiter),
    )
