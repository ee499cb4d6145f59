"""A packed table comes back as it was, and takes no more than its own rows."""

import pyarrow as pa

from parsers.packed import pack, unpack


def test_a_slice_is_packed_without_the_rest():
    """Columns are often slices of something long; only the rows of the table travel."""
    numbers = pa.array(range(1_000_000))
    whole = pa.table({"number": numbers, "text": numbers.cast(pa.large_string())})
    part = whole.slice(500_000, 10)
    packed = pack(part)

    assert unpack(packed).equals(part)
    assert packed.size_bytes < 5_000


def test_a_table_without_rows_keeps_its_columns():
    """As the trailers of a stretch that has none."""
    empty = pa.schema([("count", pa.large_string())]).empty_table()

    assert unpack(pack(empty)).equals(empty)
