"""Packed tables come back as they were, and take no more than their own rows."""

import pyarrow as pa

from parsers.packed import pack, unpack


def test_a_slice_is_packed_without_the_rest():
    """Columns are often slices of something long; only the rows of the table travel."""
    numbers = pa.array(range(1_000_000))
    whole = pa.table({"number": numbers, "text": numbers.cast(pa.large_string())})
    part = whole.slice(500_000, 10)
    packed = pack(part)

    assert unpack([packed]).equals(part)
    assert packed.content.size < 5_000


def test_a_table_without_rows_keeps_its_columns():
    """As the trailers of a stretch that has none."""
    empty = pa.schema([("count", pa.large_string())]).empty_table()

    assert unpack([pack(empty)]).equals(empty)


def test_columns_that_hold_nothing_come_back():
    """A column may be empty in one stretch and filled in the next, or empty in all of them."""
    schema = pa.schema([("code", pa.large_string()), ("count", pa.int64())])
    parts = [
        pa.table([["A", "B"], [None, None]], schema=schema),
        pa.table([[None, None], [None, None]], schema=schema),
        pa.table([[None], [3]], schema=schema),
    ]

    assert unpack(pack(part) for part in parts).equals(pa.concat_tables(parts))
