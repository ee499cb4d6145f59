"""The tables of the guide beyond members and coverages: one row per segment, or per part of one.

Every table has the same keys: set, member (null in the header of a set), coverage (null outside
2300), loop, the segment's count in its set, and its bytes. A row of `DETAILS` says which segments
of which loops make its rows, and which elements its columns.
"""

from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from schemas.tables import BYTE, DATE, MONEY, ORDINAL, TEXT

Kind = Literal["text", "date", "count", "money"]
TYPES: dict[str, pa.DataType] = {"text": TEXT, "date": DATE, "count": pa.int64(), "money": MONEY}

KEYS = [
    ("set_ordinal", ORDINAL),
    ("member_ordinal", ORDINAL),
    ("coverage_ordinal", ORDINAL),
    ("loop_id", TEXT),
    ("segment_ordinal", ORDINAL),
    ("byte_start", BYTE),
    ("byte_end", BYTE),
]


@dataclass(frozen=True)
class DetailColumn:
    """One column, and what of the row's segment fills it: an element, or one component of it."""

    name: str
    element: int
    kind: Kind = "text"
    component: int | None = None  # 1-based; of texts only


@dataclass(frozen=True)
class Detail:
    """One table: the segments that make its rows, and its columns.

    `filled` names columns of which one must be filled, or there is no row: a PER has up to three
    numbers, each a row, from rows of `DETAILS` with the same name; and what few members have is no
    row for the others. `range_end` adds the second date of an RD8.
    """

    name: str
    segment: str
    loops: tuple[str, ...]
    columns: tuple[DetailColumn, ...]
    filled: tuple[str, ...] = ()
    range_end: str | None = None

    @property
    def schema(self) -> pa.Schema:
        """Keys and columns of the table."""
        columns = [(column.name, TYPES[column.kind]) for column in self.columns]
        if self.range_end is not None:
            columns.append((self.range_end, DATE))
        return pa.schema([*KEYS, *columns])


def _texts(*names: str) -> tuple[DetailColumn, ...]:
    """Text columns for the elements 1, 2, 3 and so on."""
    return tuple(DetailColumn(name, at) for at, name in enumerate(names, start=1))


_PEOPLE = ("2100A", "2100B", "2100C", "2100D", "2100E", "2100F", "2100G", "2100H", "2310", "2330")
_CONTACTS = ("2100A", "2100D", "2100E", "2100F", "2100G", "2310", "2330")


def _communications(position: int) -> Detail:
    return Detail(
        "communications",
        "PER",
        _CONTACTS,
        (
            DetailColumn("contact_function", 1),
            DetailColumn("contact_name", 2),
            DetailColumn("qualifier", position),
            DetailColumn("number", position + 1),
        ),
        filled=("number",),
    )


# Of INS, what is in no column of `schemas.tables.MEMBERS`: an exchange seldom sends it.
_STATUSES = (
    DetailColumn("medicare_plan", 6, component=1),
    DetailColumn("medicare_eligibility_reason", 6, component=2),
    DetailColumn("cobra_qualifying_event", 7),
    DetailColumn("student_status", 9),
    DetailColumn("confidentiality_code", 13),
    DetailColumn("birth_sequence", 17, "count"),
)

DETAILS = (
    Detail(
        "statuses",
        "INS",
        ("2000",),
        _STATUSES,
        filled=tuple(column.name for column in _STATUSES),
    ),
    Detail(
        "names",
        "NM1",
        _PEOPLE,
        _texts(
            *("entity_code", "entity_type", "last_name", "first_name", "middle_name"),
            *("name_prefix", "name_suffix", "id_qualifier", "id", "relationship_code"),
        ),
    ),
    Detail(
        "streets",
        "N3",
        tuple(loop for loop in _PEOPLE if loop != "2100B"),
        _texts("line_1", "line_2"),
    ),
    Detail(
        "cities",
        "N4",
        tuple(loop for loop in _PEOPLE if loop != "2100B"),
        _texts(
            *("city", "state", "postal_code", "country", "location_qualifier", "location_id"),
            "subdivision",
        ),
    ),
    *(_communications(position) for position in (3, 5, 7)),
    Detail(
        "demographics",
        "DMG",
        ("2100A", "2100B"),
        (
            DetailColumn("birth_date", 2, "date"),
            DetailColumn("gender_code", 3),
            DetailColumn("marital_status", 4),
            DetailColumn("citizenship_status", 6),
            DetailColumn("collection_code_list", 10),
            DetailColumn("collection_code", 11),
        ),
    ),
    Detail("employment_classes", "EC", ("2100A",), _texts("class_1", "class_2", "class_3")),
    Detail(
        "incomes",
        "ICM",
        ("2100A",),
        (
            DetailColumn("frequency", 1),
            DetailColumn("amount", 2, "money"),
            DetailColumn("hours", 3),
            DetailColumn("location_id", 4),
            DetailColumn("salary_grade", 5),
        ),
    ),
    Detail(
        "amounts",
        "AMT",
        ("2100A", "2300"),
        (DetailColumn("qualifier", 1), DetailColumn("amount", 2, "money")),
    ),
    Detail(
        "health",
        "HLH",
        ("2100A",),
        _texts("health_related_code", "height", "weight"),
    ),
    Detail("languages", "LUI", ("2100A",), _texts("qualifier", "code", "description", "use")),
    Detail(
        "disabilities",
        "DSB",
        ("2200",),
        (
            DetailColumn("disability_type", 1),
            DetailColumn("diagnosis_qualifier", 7),
            DetailColumn("diagnosis_code", 8),
        ),
    ),
    Detail(
        "references",
        "REF",
        ("HEADER", "2000", "2300", "2320", "2750"),
        _texts("qualifier", "value"),
    ),
    Detail(
        "dates",
        "DTP",
        ("HEADER", "2000", "2200", "2300", "2320", "2750"),
        (DetailColumn("qualifier", 1), DetailColumn("begin", 3, "date")),
        range_end="end",
    ),
    Detail(
        "late_enrollments",
        "HD",
        ("2300",),
        (DetailColumn("late_enrollment", 9),),
        filled=("late_enrollment",),
    ),
    Detail(
        "identification_cards",
        "IDC",
        ("2300",),
        _texts("description", "card_type", "count", "action"),
    ),
    Detail("providers", "LX", ("2310",), (DetailColumn("number", 1, "count"),)),
    Detail(
        "provider_changes",
        "PLA",
        ("2310",),
        (
            DetailColumn("action", 1),
            DetailColumn("entity_code", 2),
            DetailColumn("effective", 3, "date"),
            DetailColumn("reason", 5),
        ),
    ),
    Detail(
        "coordination_of_benefits",
        "COB",
        ("2320",),
        _texts("payer_responsibility", "policy_number", "coordination_code", "service_types"),
    ),
    Detail(
        "parties",
        "N1",
        ("1000A", "1000B", "1000C"),
        _texts("entity_code", "name", "id_qualifier", "id"),
    ),
    Detail(
        "accounts",
        "ACT",
        ("1100C",),
        (DetailColumn("number", 1), DetailColumn("second_number", 6)),
    ),
    Detail(
        "totals",
        "QTY",
        ("HEADER",),
        (DetailColumn("qualifier", 1), DetailColumn("count", 2, "count")),
    ),
)

# One row per repetition of DMG05.
RACES = pa.schema(
    [
        *KEYS,
        ("repetition", ORDINAL),  # 1-based
        ("race_code", TEXT),  # component 1
        ("code_list", TEXT),  # component 2, RET
        ("code", TEXT),  # component 3, CDC code
    ]
)


def detail_schemas() -> dict[str, pa.Schema]:
    """The schema of each table by its name, in the order of the guide."""
    schemas = {detail.name: detail.schema for detail in DETAILS}
    return {**schemas, "races": RACES}
