"""What the bytes of our 834s must say, column by column, and where they say it.

Each pair of functions makes two tables of the same columns and rows: the expected one from the rows
that were decided, the other from what our parser read. Both in the order of the file.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from replies.x12_writer import clean_text
from schemas import tables
from schemas.issuer_transactions import IssuerTransaction
from schemas.partners import Exchange

_OF_SET = (
    "reference", "total_count", "sponsor_name", "sponsor_qualifier", "sponsor_id", "payer_name",
    "payer_id",
)  # fmt: skip
_OF_MEMBER = (
    "exchange_policy_id", "is_subscriber", "relationship_code", "maintenance_type",
    "maintenance_reason", "exchange_subscriber_id", "exchange_member_id", "issuer_subscriber_id",
    "issuer_member_id", "last_name", "first_name", "middle_name", "name_suffix",
)  # fmt: skip
_MEMBER_DATES = (
    ("356", "eligibility_begin"),
    ("357", "eligibility_end"),
    ("303", "maintenance_effective"),
)
_OF_COVERAGE = ("maintenance_type", "insurance_line", "plan_id", "issuer_policy_id")
_COVERAGE_DATES = (
    ("348", "benefit_begin", "benefit_begin"),
    ("349", "eligibility_end", "benefit_end"),
    ("303", "maintenance_effective", "maintenance_effective"),
)
_FORMER = (
    ("XM", "former_issuer_policy_id"),
    ("ABB", "former_issuer_member_id"),
    ("Q4", "former_issuer_subscriber_id"),
)


@dataclass(frozen=True)
class Said:
    """What was read: tables.MEMBERS, tables.COVERAGES and the detail table of references."""

    members: pa.Table
    coverages: pa.Table
    references: pa.Table


def expected_sets(policies: pa.Table, exchange: Exchange) -> pa.Table:
    """Columns of tables.TRANSACTION_SETS; `policies` are the first rows of each."""
    dependents = policies["dependent_count"].combine_chunks()
    written = pc.fill_null(pc.greater(dependents, 0), False)
    nothing = pa.scalar(None, dependents.type)
    counted = {"dependent_count": pc.if_else(written, dependents, nothing)}
    return pa.table({name: _text(policies, name, exchange) for name in _OF_SET} | counted)


def expected_members(rows: pa.Table, exchange: Exchange) -> pa.Table:
    """Columns of tables.MEMBERS."""
    columns = {name: _text(rows, name, exchange) for name in _OF_MEMBER}
    for qualifier, name in _MEMBER_DATES:
        held = _where(rows, exchange, lambda form, q=qualifier: q in form.member_dates)  # type: ignore[misc]
        columns[name] = _only(held, rows[name].combine_chunks())
    reasoned = _where(rows, exchange, lambda form: "ADDL MAINT REASON" in form.categories)
    reason = _text(rows, "additional_maintenance_reason", exchange)
    columns["additional_maintenance_reason"] = _only(reasoned, reason)
    gender, born = _text(rows, "gender_code", exchange), rows["birth_date"].combine_chunks()
    known = pc.and_(pc.is_valid(gender), pc.is_valid(born))
    told = pc.and_(known, _where(rows, exchange, lambda form: form.demographics))
    columns |= {"birth_date": _only(told, born), "gender_code": _only(told, gender)}
    subscriber = rows["is_subscriber"].combine_chunks()
    columns["employment_status"] = _only(subscriber, _statuses(rows, exchange))
    return pa.table(columns)


def expected_coverages(rows: pa.Table, exchange: Exchange) -> pa.Table:
    """Columns of tables.COVERAGES, for the rows whose transaction has a loop 2300."""
    columns = {name: _text(rows, name, exchange) for name in _OF_COVERAGE}
    for qualifier, source, name in _COVERAGE_DATES:
        held = _where(rows, exchange, lambda form, q=qualifier: q in form.coverage_dates)  # type: ignore[misc]
        columns[name] = _only(held, rows[source].combine_chunks())
    paid = _where(rows, exchange, lambda form: "543" in form.coverage_dates)
    paid = pc.and_(paid, rows["is_subscriber"].combine_chunks())
    columns["last_premium_paid"] = _only(paid, rows["last_premium_paid"].combine_chunks())
    numbered = _where(rows, exchange, lambda form: form.policy_number_in == "2300")
    columns["exchange_policy_id"] = _only(numbered, _text(rows, "exchange_policy_id", exchange))
    columns["member_ordinal"] = pa.array(np.arange(rows.num_rows) + 1)
    return pa.table(columns).filter(_where(rows, exchange, lambda form: form.coverage))


def expected_former_ids(rows: pa.Table, exchange: Exchange) -> pa.Table:
    """The ids that are replaced, a column each."""
    columns = {name: _text(rows, name, exchange) for _, name in _FORMER}
    covered = _where(rows, exchange, lambda form: form.coverage)
    columns["former_issuer_policy_id"] = _only(covered, columns["former_issuer_policy_id"])
    return pa.table(columns)


def said_former_ids(said: Said) -> pa.Table:
    """The same columns, from the references XM, ABB and Q4 of each member."""
    ordinals = said.members["member_ordinal"].combine_chunks()
    columns = {}
    for qualifier, name in _FORMER:
        found = said.references.filter(pc.equal(said.references["qualifier"], qualifier))
        place = pc.index_in(ordinals, value_set=found["member_ordinal"].combine_chunks())
        columns[name] = found["value"].combine_chunks().take(place)
    return pa.table(columns)


def _where(
    rows: pa.Table, exchange: Exchange, holds: Callable[[IssuerTransaction], bool]
) -> pa.Array:
    """Per row: whether that holds for its transaction at this exchange."""
    names = [name for name, form in exchange.issuer_transactions.items() if holds(form)]
    return pc.is_in(rows["transaction"].combine_chunks(), pa.array(names, tables.TEXT))


def _statuses(rows: pa.Table, exchange: Exchange) -> pa.Array:
    forms = exchange.issuer_transactions
    place = pc.index_in(rows["transaction"].combine_chunks(), pa.array(forms, tables.TEXT))
    statuses = [form.employment_status for form in forms.values()]
    return pa.array(statuses, tables.TEXT).take(place)


def _text(rows: pa.Table, name: str, exchange: Exchange) -> pa.Array:
    """The column as elements may hold it (decision 0006)."""
    column = rows[name].combine_chunks()
    return clean_text(column, exchange.interchange) if column.type == tables.TEXT else column


def _only(held: pa.Array, column: pa.Array) -> pa.Array:
    return pc.if_else(held, column, pa.scalar(None, column.type))
