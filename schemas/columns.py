"""Columns and constraints of which the tables in `schemas/database.py` are made."""

from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, TIMESTAMP
from sqlalchemy.sql.type_api import TypeEngine

from schemas import tables

metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

INSTANT = TIMESTAMP(timezone=True)
MONEY = sa.Numeric(12, 2)

_SQL_TYPES: dict[pa.DataType, TypeEngine[Any]] = {
    pa.large_string(): sa.Text(),
    pa.string(): sa.Text(),
    pa.int64(): sa.BigInteger(),
    pa.int16(): sa.SmallInteger(),
    pa.int8(): sa.SmallInteger(),
    pa.bool_(): sa.Boolean(),
    pa.float64(): sa.Double(),
    pa.date32(): sa.Date(),
    tables.MONEY: MONEY,
    pa.list_(pa.large_string()): ARRAY(sa.Text()),
}

# The attributes of a person that an enrollment carries, grouped as a maintenance replaces them:
# a new street without a second line means that there is none any more.
NAME = ("last_name", "first_name", "middle_name", "name_suffix")
RESIDENCE = ("address_line_1", "address_line_2", "city", "state", "postal_code", "county_code")
MAILING = (
    "mailing_line_1",
    "mailing_line_2",
    "mailing_city",
    "mailing_state",
    "mailing_postal_code",
)
SINGLE = (
    "relationship_code",
    "exchange_subscriber_id",
    "issuer_subscriber_id",
    "issuer_member_id",
    "ssn",
    "birth_date",
    "gender_code",
    "marital_status",
    "phone",
    "email",
    "tobacco_code",
)
PERSON = (*SINGLE, *NAME, *RESIDENCE, *MAILING)

# What a policy keeps of the exchange's last transaction set, because an effectuation returns it
# (CMS guide 7.2, table 18).
SET_HEADER = (
    "reference",
    "total_count",
    "dependent_count",
    "sponsor_name",
    "sponsor_qualifier",
    "sponsor_id",
    "payer_name",
    "payer_id",
)


def columns_of(schema: pa.Schema, names: Iterable[str] | None = None) -> list[sa.Column[Any]]:
    """New nullable columns for the fields of an Arrow schema, or for those of the given names."""
    wanted = schema.names if names is None else names
    return [sa.Column(name, _SQL_TYPES[schema.field(name).type]) for name in wanted]


def one_of(column: str, *values: str) -> sa.CheckConstraint:
    """A named check that the column holds one of the values, or null."""
    listed = ", ".join(f"'{value}'" for value in values)
    return sa.CheckConstraint(f"{column} IN ({listed})", name=column)


def identity(name: str) -> sa.Column[int]:
    """A primary key that the database counts up."""
    return sa.Column(name, sa.BigInteger, sa.Identity(always=True), primary_key=True)


def text(name: str) -> sa.Column[str]:
    """A text column that is never null."""
    return sa.Column(name, sa.Text, nullable=False)


def reference(name: str, to: str, *, nullable: bool = False) -> sa.Column[int]:
    """A foreign key to `to`."""
    return sa.Column(name, sa.BigInteger, sa.ForeignKey(to), nullable=nullable)


def key(name: str) -> sa.Column[int]:
    """A part of a primary key, counted by the file and not by the database."""
    return sa.Column(name, sa.BigInteger, primary_key=True, autoincrement=False)


def without(schema: pa.Schema, *names: str) -> list[sa.Column[Any]]:
    """New columns for all fields of an Arrow schema but those of the given names."""
    return columns_of(schema, [name for name in schema.names if name not in names])


def of_event(*, primary_key: bool = False) -> sa.Column[int]:
    """The event that a row comes from.

    No foreign key: rows are made of events by statements that join them, and to look up each of
    millions again takes as long as all the rest. Nobody may delete an event
    (`schemas/migrations/book_views.py`), and the tests look for rows without one.
    """
    return refers("event_id", "book.event.event_id", primary_key=primary_key)


def refers(name: str, to: str, *, primary_key: bool = False) -> sa.Column[int]:
    """A column that refers to `to` without a foreign key: see `of_event`."""
    return sa.Column(
        name,
        sa.BigInteger,
        nullable=False,
        primary_key=primary_key,
        autoincrement=False,
        info={"refers_to": to},
    )


def known() -> list[sa.schema.SchemaItem]:
    """From when to when we believed a row of the book, and the event that made us."""
    return [
        sa.Column("known_from", INSTANT, nullable=False),
        sa.Column("known_to", INSTANT, nullable=False, server_default=sa.text("'infinity'")),
        of_event(),
        sa.CheckConstraint("known_from < known_to", name="known"),
    ]
