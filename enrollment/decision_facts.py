"""What decisions go by, as temporary tables: rules, codes, terms, windows, what is accepted.

They come from `schemas/decisions.toml`, the exchange's companion file and the partner's own file.
Reasons (ADDL MAINT REASON) stand in the form in which their spellings are equal.
"""

from typing import Any, get_args

import pyarrow as pa
import sqlalchemy as sa

from schemas.decisions import Decisions, TermName, load_decisions, month_and_day
from schemas.partners import Exchange, Partner, normalise_reason
from schemas.postgres_copy import copy_to_temporary
from schemas.tables import MONEY, TEXT

_INT, _TRUTH = pa.int64(), pa.bool_()
_TERMS: tuple[TermName, ...] = get_args(TermName)

# By the kind of decision and its reason: how the exchange spells it, INS03 and INS04, and whether
# it may end coverage on the first day.
CODES = pa.schema(
    [
        ("kind", TEXT),
        ("reason", TEXT),
        ("additional", TEXT),
        ("maintenance_type", TEXT),
        ("maintenance_reason", TEXT),
        ("on_first_day", _TRUTH),
    ]
)
# `place`: the first rule that holds is decided. `additional`: as the exchange spells it.
_RULES = pa.schema([("rule", TEXT), ("kind", TEXT), ("place", _INT), ("additional", TEXT)])
_ACCEPTS = pa.schema([("kind", TEXT), ("standing", TEXT), ("end_earlier", _TRUTH)])
_REASONS = pa.schema([("reason", TEXT), ("only_initial", _TRUTH), ("within_free_look", _TRUTH)])
_WINDOWS = pa.schema(
    [
        ("reason", TEXT),
        ("end_month", _INT),
        ("end_day", _INT),
        ("only_end", _TRUTH),
        ("aptc", _TRUTH),
        ("opens_month", _INT),
        ("opens_day", _INT),
        ("closes_month", _INT),
        ("closes_day", _INT),
        ("years_later", _INT),
    ]
)
_CONTINUED = pa.schema([("reason", TEXT)])
_REQUIRED = pa.schema([("kind", TEXT), ("name", TEXT), ("of_all", _TRUTH)])
_REINSTATABLE = pa.schema([("by_issuer", _TRUTH), ("insurance_line", TEXT), ("reason", TEXT)])
_TERMS_OF_YEAR = pa.schema(
    [
        ("plan_year", _INT),
        *((name, MONEY) for name in _TERMS),
        *((f"{n}_row", TEXT) for n in _TERMS),
    ]
)

_YEARS = sa.text("""
SELECT DISTINCT CAST(extract(year FROM benefit_begin) AS int)
FROM book.policy WHERE partner_id = :partner_id AND known_to = 'infinity' ORDER BY 1
""")


def copy_facts(conn: sa.Connection, partner: Partner, exchange: Exchange) -> None:
    """Makes `decision_code`, `_rule`, `_accepts`, `_reason`, `_window`, `_continued` and others."""
    decisions = load_decisions()
    codes = _codes(exchange)
    windows = [_window(row.model_dump()) for row in decisions.windows]
    _copy(conn, "decision_code", codes, CODES)
    _copy(conn, "decision_rule", _rules(decisions, codes), _RULES)
    _copy(conn, "decision_accepts", _accepts(exchange), _ACCEPTS)
    _copy(conn, "decision_reason", _reasons(decisions), _REASONS)
    _copy(conn, "decision_window", windows, _WINDOWS)
    _copy(conn, "decision_reinstatable", _reinstatable(exchange), _REINSTATABLE)
    continued = [{"reason": normalise_reason(r)} for r in exchange.effectuation.continued_for]
    _copy(conn, "decision_continued", continued, _CONTINUED)
    _copy(conn, "decision_required", _required(exchange), _REQUIRED)
    years = conn.execute(_YEARS, {"partner_id": partner.id}).scalars()
    terms = [_terms(decisions, partner, year) for year in years]
    _copy(conn, "decision_term", terms, _TERMS_OF_YEAR)


def _copy(conn: sa.Connection, name: str, rows: list[dict[str, Any]], schema: pa.Schema) -> None:
    copy_to_temporary(conn, name, pa.Table.from_pylist(rows, schema=schema))


def _codes(exchange: Exchange) -> list[dict[str, Any]]:
    on_first_day = {
        (kind, normalise_reason(reason))
        for kind, form in exchange.issuer_transactions.items()
        for reason in (form.end.on_first_day if form.end else ())
    }
    return [
        {
            "kind": row.transaction,
            "reason": normalise_reason(additional),
            "additional": additional,
            "maintenance_type": row.maintenance_type,
            "maintenance_reason": row.maintenance_reason or None,
            "on_first_day": (row.transaction, normalise_reason(additional)) in on_first_day,
        }
        for row in exchange.combinations
        if row.direction == "issuer_to_exchange"
        for additional in row.additional
    ]


def _rules(decisions: Decisions, codes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rules whose transaction the exchange knows; where it has no reasons, without one."""
    spelt = {(row["kind"], row["reason"]): row["additional"] for row in codes}
    rows = []
    for place, rule in enumerate(decisions.rules):
        row = {"rule": rule.id, "kind": rule.kind, "place": place}
        if rule.additional is None:
            rows.append(row)
            continue
        for reason in (normalise_reason(rule.additional), ""):
            if (rule.kind, reason) in spelt:
                rows.append(row | {"additional": spelt[rule.kind, reason]})
                break
    return rows


def _accepts(exchange: Exchange) -> list[dict[str, Any]]:
    return [
        {"kind": kind, "standing": standing, "end_earlier": condition == "end-earlier"}
        for kind, standings in exchange.accepts.items()
        for standing, condition in standings.items()
    ]


def _required(exchange: Exchange) -> list[dict[str, Any]]:
    """The issuer's ids without which a transaction is not taken: of all, or of the subscriber."""
    whole = {row.transaction for row in exchange.combinations if row.members == "all"}
    return [
        {"kind": kind, "name": name, "of_all": kind in whole}
        for kind, form in exchange.issuer_transactions.items()
        for name in form.required
        if name.startswith("issuer_")
    ]


def _reasons(decisions: Decisions) -> list[dict[str, Any]]:
    return [
        row.model_dump(exclude={"source"}) | {"reason": normalise_reason(row.reason)}
        for row in decisions.reasons
    ]


def _window(row: dict[str, Any]) -> dict[str, Any]:
    days = {}
    for name in ("end", "opens", "closes"):
        if row[name] is not None:
            days[f"{name}_month"], days[f"{name}_day"] = month_and_day(row[name])
    kept = {name: row[name] for name in ("only_end", "aptc", "years_later")}
    return {"reason": normalise_reason(row["reason"])} | kept | days


def _reinstatable(exchange: Exchange) -> list[dict[str, Any]]:
    ours = [
        {"by_issuer": True, "reason": normalise_reason(reason)}
        for reason in exchange.reinstatement.of_issuer
    ]
    theirs = [
        {"by_issuer": False, "insurance_line": line, "reason": normalise_reason(reason)}
        for line, reasons in exchange.reinstatement.of_exchange.items()
        for reason in reasons
    ]
    return ours + theirs


def _terms(decisions: Decisions, partner: Partner, plan_year: int) -> dict[str, Any]:
    found = decisions.terms_of(partner.exchange, partner.state, partner.terms, plan_year)
    rows = {f"{name}_row": row for name, row in found.rows.items()}
    return {"plan_year": plan_year} | found.values | rows
