"""What a row must have and say before it is written; a file that lacks it is never begun."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from replies.issuer_forms import Forms
from replies.issuer_order import PLAN_CHARACTERS
from schemas import tables
from schemas.errors import Terminal
from schemas.issuer_transactions import IssuerTransaction
from schemas.partners import Exchange, normalise_reason

# Tables 18 to 22 require these of every row.
_REQUIRED = (
    "transaction", "exchange_policy_id", "plan_id", "reference", "total_count", "sponsor_name",
    "sponsor_qualifier", "sponsor_id", "payer_name", "payer_id", "is_subscriber",
    "relationship_code", "maintenance_type", "exchange_subscriber_id", "exchange_member_id",
    "last_name",
)  # fmt: skip
# Columns of the dates that a form must have; DTP*303 stands only where something changes.
_REQUIRED_DATES = {
    "356": "eligibility_begin",
    "357": "eligibility_end",
    "348": "benefit_begin",
    "349": "eligibility_end",
}
# Of whom a combination of codes is said.
_WHO = tuple(pa.scalar(who, tables.TEXT) for who in ("subscriber", "dependent"))
# What replaces an id, and the id: one without the other is no change (table 22).
_PAIRS = (
    ("issuer_policy_id", "former_issuer_policy_id"),
    ("issuer_subscriber_id", "former_issuer_subscriber_id"),
    ("issuer_member_id", "former_issuer_member_id"),
)


def require_complete(rows: pa.Table, exchange: Exchange) -> None:
    """Raises Terminal, with policy and column, when a row is not what its transaction asks for."""
    forms = Forms(exchange, rows)
    for name in _REQUIRED:
        _require(rows, name, _missing(rows, name))
    _require(rows, "transaction that the exchange takes", pc.invert(forms.where(lambda _: True)))
    for name in _columns_of(exchange):
        needed = forms.where(lambda form, name=name: name in _required(form))  # type: ignore[misc]
        _require(rows, name, pc.and_(needed, _missing(rows, name)))
    paid = forms.where(lambda form: "543" in form.coverage_dates)
    subscriber = rows["is_subscriber"].combine_chunks()
    unpaid = _missing(rows, "last_premium_paid")
    _require(rows, "last_premium_paid", pc.and_(pc.and_(paid, subscriber), unpaid))
    short = pc.less(pc.utf8_length(rows["plan_id"]), PLAN_CHARACTERS)
    _require(rows, "plan_id of 16 characters", short.combine_chunks())
    for new, former in _PAIRS:
        alone = pc.and_(pc.invert(_missing(rows, former)), _missing(rows, new))
        _require(rows, f"{new} beside its {former}", alone)
    _require_combination(rows, exchange)
    _require_end(rows, exchange)


def _required(form: IssuerTransaction) -> Iterator[str]:
    """Further columns that a row of the form must have."""
    yield from form.required
    yield from ("eligibility_begin",) if form.end else ()
    yield from ("insurance_line",) if form.coverage else ()
    for qualifier in (*form.member_dates, *form.coverage_dates):
        if qualifier in _REQUIRED_DATES:
            yield _REQUIRED_DATES[qualifier]


def _columns_of(exchange: Exchange) -> list[str]:
    forms = exchange.issuer_transactions.values()
    return sorted({name for form in forms for name in _required(form)})


def _missing(rows: pa.Table, name: str) -> pa.Array:
    column = rows[name].combine_chunks()
    missing = pc.is_null(column)
    if column.type == tables.TEXT:
        blank = pc.equal(pc.utf8_trim_whitespace(column), "")
        missing = pc.or_(missing, pc.fill_null(blank, False))
    return missing


def _require(rows: pa.Table, name: str, missing: pa.Array) -> None:
    row = pc.index(missing, True).as_py()
    if row >= 0:
        policy, kind = rows["exchange_policy_id"][row].as_py(), rows["transaction"][row].as_py()
        raise Terminal(
            f"Row {row + 1} (policy {policy}, {kind}) has no {name} (CMS guide 7.2, tables 18 to "
            "22). Complete the policy in the book first."
        )


def _require_combination(rows: pa.Table, exchange: Exchange) -> None:
    """Table 29: INS03, INS04 and ADDL MAINT REASON go with the transaction."""
    known = pa.array(sorted(_combinations(exchange)), tables.TEXT)
    reason = rows["additional_maintenance_reason"].combine_chunks().dictionary_encode()
    spelled = [normalise_reason(value) for value in reason.dictionary.to_pylist()]
    said = pc.binary_join_element_wise(
        rows["transaction"].combine_chunks(),
        rows["maintenance_type"].combine_chunks(),
        rows["maintenance_reason"].combine_chunks(),
        pa.array(spelled, tables.TEXT).take(reason.indices),
        pc.if_else(rows["is_subscriber"].combine_chunks(), *_WHO),
        pa.scalar("|", tables.TEXT),
        null_handling="replace",
        null_replacement="",
    )
    unknown = pc.invert(pc.is_in(said, value_set=known))
    _require(rows, f"combination of codes that exchange {exchange.id} takes", unknown)


def _combinations(exchange: Exchange) -> Iterator[str]:
    for one in exchange.combinations:
        if one.direction != "issuer_to_exchange":
            continue
        for additional in map(normalise_reason, one.additional):
            codes = (one.transaction, one.maintenance_type, one.maintenance_reason, additional)
            yield "|".join((*codes, "subscriber"))
            if one.members == "all":
                yield "|".join((*codes, "dependent"))


def _require_end(rows: pa.Table, exchange: Exchange) -> None:
    """The end of eligibility lies where its transaction wants it, seen from the begin."""
    between = pc.days_between(rows["eligibility_begin"], rows["eligibility_end"]).combine_chunks()
    for name, form in exchange.issuer_transactions.items():
        if form.end is None:
            continue
        least, most = form.end.least, form.end.most
        wrong = pc.less(between, least) if least is not None else pc.less(between, between)
        if most is not None:
            wrong = pc.or_(wrong, pc.greater(between, most))
        is_of_form = pc.equal(rows["transaction"].combine_chunks(), name)
        _require(rows, f"eligibility_end of a {name}", pc.and_(is_of_form, wrong))
