"""Households as a parser hands them over, for the benchmark of the book. Nobody in them lives."""

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from enrollment.staged_events import FileTables
from schemas import tables

_SIZES = (1, 2, 3, 4)  # persons of a household, in turn
_BEGIN = date(2027, 1, 1)
_PLAN = "91001TX001000101"


@dataclass(frozen=True)
class Saying:
    """What the sets say: INS03, INS04 and when they were submitted."""

    maintenance_type: str
    maintenance_reason: str
    submitted: str


ENROLLMENT = Saying("021", "EC", "2026113008000000")
AUDIT = Saying("030", "XN", "2026120108000000")


def parsed_households(members: int, saying: Saying) -> tuple[pa.Table, FileTables]:
    """TRANSACTION_SETS and the tables of a file with so many members, each household a set."""
    place = np.arange(members) % sum(_SIZES)
    within = np.concatenate([np.arange(size) for size in _SIZES])[place]
    is_subscriber = within == 0
    household = np.cumsum(is_subscriber)
    first = np.flatnonzero(is_subscriber)[household - 1]
    sizes = np.bincount(household)[1:]
    ids, subscribers = _ids("M", np.arange(members)), _ids("M", first)
    parsed = FileTables(
        _members(saying, household, is_subscriber, ids, subscribers),
        _coverages(saying, members, household),
        _categories(saying, members, is_subscriber),
    )
    return _sets(sizes), parsed


def _ids(letter: str, numbers: np.ndarray) -> pa.Array:
    padded = pc.utf8_lpad(pa.array(numbers + 1).cast(tables.TEXT), 9, "0")
    return pc.binary_join_element_wise(
        pa.scalar(letter, tables.TEXT), padded, pa.scalar("", tables.TEXT)
    )


def _members(
    saying: Saying, household: np.ndarray, is_subscriber: np.ndarray, ids: pa.Array, heads: pa.Array
) -> pa.Table:
    ordinals = np.arange(len(ids)) + 1
    columns = {
        "set_ordinal": household,
        "member_ordinal": ordinals,
        "is_subscriber": is_subscriber,
        "relationship_code": np.where(is_subscriber, "18", "19"),
        "exchange_subscriber_id": heads,
        "exchange_member_id": ids,
        "first_name": _ids("PERSON ", np.arange(len(ids))),
        "birth_date": pa.array(np.arange(len(ids)) % 20_000 + 1, pa.int32()).cast(pa.date32()),
        "byte_start": ordinals * 700,
        "byte_end": ordinals * 700 + 699,
    }
    constants = {
        "maintenance_type": saying.maintenance_type,
        "maintenance_reason": saying.maintenance_reason,
        "last_name": "SAMPLE",
        "gender_code": "F",
        "address_line_1": "1 SAMPLE STREET",
        "city": "AUSTIN",
        "state": "TX",
        "postal_code": "73301",
        "county_code": "48453",
        "phone": "5125550100",
        "eligibility_begin": _BEGIN,
    }
    return _table(tables.MEMBERS, columns, constants)


def _coverages(saying: Saying, members: int, household: np.ndarray) -> pa.Table:
    columns = {
        "member_ordinal": np.arange(members) + 1,
        "exchange_policy_id": _ids("P", household),
    }
    constants = {
        "coverage_ordinal": 1,
        "maintenance_type": saying.maintenance_type,
        "insurance_line": "HLT",
        "benefit_begin": _BEGIN,
        "plan_id": _PLAN,
    }
    return _table(tables.COVERAGES, columns, constants)


def _categories(saying: Saying, members: int, is_subscriber: np.ndarray) -> pa.Table:
    """Those of table 17 of the CMS guide: four of each member, and four more of a subscriber."""
    everybody, heads = np.arange(members) + 1, np.flatnonzero(is_subscriber) + 1
    kinds = [
        ("REQUEST SUBMIT TIMESTAMP", "17", saying.submitted, everybody),
        ("SOURCE EXCHANGE ID", "17", "TX0", everybody),
        ("APPLICATION ID AND ORIGIN", "6M", "123456789-1", everybody),
        ("PRE AMT 1", "9X", "300.00", everybody),
        ("PRE AMT TOT", "9X", "300.00", heads),
        ("APTC AMT", "9V", "100.00", heads),
        ("TOT RES AMT", "9V", "200.00", heads),
        ("RATING AREA", "9X", "R-TX001", heads),
    ]
    parts = []
    for name, qualifier, value, ordinals in kinds:
        dated = None if name == "REQUEST SUBMIT TIMESTAMP" else _BEGIN
        constants = {"name": name, "qualifier": qualifier, "value": value, "effective_begin": dated}
        parts.append(_table(tables.REPORTING_CATEGORIES, {"member_ordinal": ordinals}, constants))
    return pa.concat_tables(parts)


def _sets(sizes: np.ndarray) -> pa.Table:
    ordinals = np.arange(len(sizes)) + 1
    columns = {
        "set_ordinal": ordinals,
        "control_number": _ids("", ordinals),
        "member_count": sizes,
        "total_count": sizes,
    }
    constants = {
        "interchange_ordinal": 1,
        "group_ordinal": 1,
        "reference": "4711",
        "sponsor_name": "SAMPLE SPONSOR",
    }
    return _table(tables.TRANSACTION_SETS, columns, constants)


def _table(schema: pa.Schema, columns: dict[str, Any], constants: dict[str, Any]) -> pa.Table:
    rows = len(next(iter(columns.values())))
    made = {}
    for field in schema:
        if field.name in columns:
            made[field.name] = pa.array(columns[field.name]).cast(field.type)
        else:
            made[field.name] = pa.repeat(pa.scalar(constants.get(field.name), field.type), rows)
    return pa.table(made, schema=schema)
