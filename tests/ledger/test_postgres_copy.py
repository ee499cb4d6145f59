"""What goes into PostgreSQL by COPY comes out again as it was."""

from datetime import date
from decimal import Decimal

import pyarrow as pa
import pytest
import sqlalchemy as sa

from schemas.errors import Terminal
from schemas.postgres_copy import copy_into, copy_out, copy_to_temporary
from schemas.tables import BYTE, DATE, ELEMENT, MONEY, TEXT

ODD_TEXTS = [
    "plain",
    "",
    None,
    'say "so", twice',
    "two\nlines",
    "back\\slash",
    "\\N",
    "Zoë",
    "100%",
]


def test_every_type_survives_the_way_in_and_out(conn):
    """Quotes, line breaks, empty texts and nulls included."""
    count = len(ODD_TEXTS)
    data = pa.table(
        {
            "place": pa.array(range(count), BYTE),
            "text": pa.array(ODD_TEXTS, TEXT),
            "day": pa.array([date(2027, 2, 28), None] * 4 + [date(1900, 1, 1)], DATE),
            "money": pa.array([Decimal("-0.05"), None] * 4 + [Decimal("9999999999.99")], MONEY),
            "flag": pa.array([True, False, None] * 3),
            "small": pa.array([1, None, 3] * 3, ELEMENT),
        }
    )

    table = copy_to_temporary(conn, "odd", data)
    back = copy_out(conn, sa.select(table).order_by(table.c.place), data.schema)

    assert back.to_pylist() == data.to_pylist()


def test_a_table_of_many_chunks_arrives_whole(conn):
    """More rows than are made into CSV at a time."""
    data = pa.table({"number": pa.array(range(120_001), BYTE)})

    table = copy_to_temporary(conn, "many", data)

    counted = sa.select(sa.func.count(), sa.func.sum(table.c.number))
    assert tuple(conn.execute(counted).one()) == (120_001, 120_000 * 120_001 // 2)


def test_a_list_of_texts_arrives_as_it_was(conn):
    """With whatever stands in them, empty or not there, in a chunk of its own or after others."""
    lists = [["1", "I6"], [], None, ['a "b"', "c, {d}", "e\\", "NULL", " "], [""]] * 20_001
    data = pa.table(
        {
            "place": pa.array(range(len(lists)), BYTE),
            "codes": pa.array(lists, pa.list_(TEXT)),
        }
    )

    table = copy_to_temporary(conn, "listed", data)

    found = conn.scalars(sa.select(table.c.codes).order_by(table.c.place)).all()
    assert found == lists


def test_a_temporary_table_is_replaced_within_a_transaction(conn):
    """The next file of the same transaction finds no rows of the one before."""
    copy_to_temporary(conn, "again", pa.table({"number": pa.array([1, 2], BYTE)}))

    table = copy_to_temporary(conn, "again", pa.table({"other": pa.array(["x"], TEXT)}))

    assert list(conn.scalars(sa.select(table.c.other))) == ["x"]


def test_a_result_without_rows_has_its_columns(conn):
    """An empty result is an empty table of the asked schema."""
    schema = pa.schema([("number", BYTE)])

    assert copy_out(conn, sa.select(1).where(sa.false()), schema).schema.equals(schema)


def test_a_refused_row_tells_the_place_and_no_value(conn):
    """The message has the SQLSTATE and the constraint, nothing of the row."""
    table = sa.Table("guarded", sa.MetaData(), sa.Column("ssn", sa.Text, nullable=False),
                     prefixes=["TEMPORARY"])  # fmt: skip
    table.create(conn)
    conn.execute(sa.text("ALTER TABLE guarded ADD CONSTRAINT short CHECK (length(ssn) < 3)"))

    with pytest.raises(Terminal) as failure:
        copy_into(conn, table, pa.table({"ssn": pa.array(["SECRET"], TEXT)}))

    assert "SQLSTATE 23514 at short" in str(failure.value)
    assert "SECRET" not in str(failure.value)
    assert failure.value.__cause__ is None
