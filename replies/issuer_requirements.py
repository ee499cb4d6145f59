"""What a row must have and say before it is written; a file that lacks it is never begun."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from replies.issuer_elements import element
from replies.issuer_forms import Forms
from replies.plain_text import is_filled
from replies.x12_writer import delimiters
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
_PLAN_CHARACTERS = 16  # with the variant of the plan
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


@dataclass(frozen=True)
class _Shortage:
    """Something that rows lack, in a program's words and in people's, and which rows do."""

    name: str
    said: str
    rows: pa.Array


def require_complete(rows: pa.Table, exchange: Exchange) -> None:
    """Raises Terminal, with policy and column, when a row is not what its transaction asks for."""
    for shortage in _shortages(rows, exchange):
        row = pc.index(shortage.rows, True).as_py()
        if row >= 0:
            policy, kind = rows["exchange_policy_id"][row].as_py(), rows["transaction"][row].as_py()
            raise Terminal(
                f"Row {row + 1} (policy {policy}, {kind}) has no {shortage.name} (CMS guide 7.2, "
                "tables 18 to 22). Complete the policy in the book first."
            )


def obstacles(rows: pa.Table, exchange: Exchange) -> pa.Table:
    """The decisions that cannot be written, each with the first thing that its rows lack.

    `rows` is tables.ISSUER_TRANSACTIONS; the answer is tables.OBSTACLES, a row a decision, in the
    order in which `rows` has them.
    """
    said = pa.nulls(rows.num_rows, tables.TEXT)
    for shortage in (_without_one_subscriber(rows), *_shortages(rows, exchange)):
        said = pc.if_else(
            pc.fill_null(shortage.rows, False), pc.coalesce(said, shortage.said), said
        )
    found = pa.table({"decision_id": rows["decision_id"], "obstacle": said})
    found = found.filter(pc.is_valid(found["obstacle"]))
    first = found.group_by("decision_id", use_threads=False).aggregate([("obstacle", "first")])
    columns = [first["decision_id"], first["obstacle_first"]]
    return pa.table(columns, schema=tables.OBSTACLES)


def _without_one_subscriber(rows: pa.Table) -> _Shortage:
    """A set has one subscriber, who stands first."""
    counted = rows.group_by("decision_id", use_threads=False).aggregate([("is_subscriber", "sum")])
    wrong = counted.filter(pc.not_equal(counted["is_subscriber_sum"].combine_chunks(), 1))
    unlike = pc.is_in(
        rows["decision_id"].combine_chunks(), value_set=wrong["decision_id"].combine_chunks()
    )
    return _Shortage("one subscriber", "not one subscriber is covered (INS01)", unlike)


def _shortages(rows: pa.Table, exchange: Exchange) -> Iterator[_Shortage]:
    """All that can be missing or wrong, whether or not a row has it so."""
    forms = Forms(exchange, rows)
    for name in _REQUIRED:
        yield _absent(name, _missing(rows, name, exchange))
    unknown = pc.invert(forms.where(lambda _: True))
    yield _Shortage(
        "transaction that the exchange takes", "the exchange takes no such transaction", unknown
    )
    for name in _columns_of(exchange):
        needed = forms.where(lambda form, name=name: name in _required(form))  # type: ignore[misc]
        yield _absent(name, pc.and_(needed, _missing(rows, name, exchange)))
    paid = forms.where(lambda form: "543" in form.coverage_dates)
    paid = pc.and_(paid, rows["is_subscriber"].combine_chunks())
    unpaid = _missing(rows, "last_premium_paid", exchange)
    yield _absent("last_premium_paid", pc.and_(paid, unpaid))
    plans = pc.replace_substring(rows["plan_id"], "-", "")  # before the variant, as some write it
    short = pc.less(pc.utf8_length(plans), _PLAN_CHARACTERS).combine_chunks()
    yield _Shortage("plan_id of 16 characters", "REF*CE is no plan id of 16 characters", short)
    for new, former in _PAIRS:
        has_former = pc.invert(_missing(rows, former, exchange))
        alone = pc.and_(has_former, _missing(rows, new, exchange))
        said = f"{element(former)} has no {element(new)} beside it"
        yield _Shortage(f"{new} beside its {former}", said, alone)
    yield _combination(rows, exchange)
    yield from _ends(rows, exchange)


def _absent(name: str, rows: pa.Array) -> _Shortage:
    return _Shortage(name, f"{element(name)} is missing", rows)


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


def _missing(rows: pa.Table, name: str, exchange: Exchange) -> pa.Array:
    """Where nothing of the column is left that may stand in an element (decision 0006)."""
    column = rows[name].combine_chunks()
    missing = pc.is_null(column)
    if column.type == tables.TEXT:
        missing = pc.invert(is_filled(column, delimiters(exchange.interchange)))
    return missing


def _combination(rows: pa.Table, exchange: Exchange) -> _Shortage:
    """Table 29: INS03, INS04 and ADDL MAINT REASON go with the transaction."""
    known = pa.array(sorted(_combinations(exchange)), tables.TEXT)
    said = pc.binary_join_element_wise(
        rows["transaction"].combine_chunks(),
        rows["maintenance_type"].combine_chunks(),
        rows["maintenance_reason"].combine_chunks(),
        _reasons(rows),
        pc.if_else(rows["is_subscriber"].combine_chunks(), *_WHO),
        pa.scalar("|", tables.TEXT),
        null_handling="replace",
        null_replacement="",
    )
    return _Shortage(
        f"combination of codes that exchange {exchange.id} takes",
        "INS03, INS04 and ADDL MAINT REASON are no combination that the exchange takes",
        pc.invert(pc.is_in(said, value_set=known)),
    )


def _reasons(rows: pa.Table) -> pa.Array:
    """ADDL MAINT REASON of each row without what spellings differ in, or null."""
    reason = rows["additional_maintenance_reason"].combine_chunks().dictionary_encode()
    spelled = [normalise_reason(value) for value in reason.dictionary.to_pylist()]
    return pa.array(spelled, tables.TEXT).take(reason.indices)


def _has_reason(rows: pa.Table, reasons: Iterable[str]) -> pa.Array:
    value_set = pa.array([normalise_reason(reason) for reason in reasons], tables.TEXT)
    return pc.is_in(_reasons(rows), value_set=value_set)


def _combinations(exchange: Exchange) -> Iterator[str]:
    for one in exchange.combinations:
        if one.direction != "issuer_to_exchange":
            continue
        for additional in map(normalise_reason, one.additional):
            codes = (one.transaction, one.maintenance_type, one.maintenance_reason, additional)
            yield "|".join((*codes, "subscriber"))
            if one.members == "all":
                yield "|".join((*codes, "dependent"))


def _ends(rows: pa.Table, exchange: Exchange) -> Iterator[_Shortage]:
    """The end of eligibility lies where its transaction wants it, seen from the begin."""
    between = pc.days_between(rows["eligibility_begin"], rows["eligibility_end"]).combine_chunks()
    for name, form in exchange.issuer_transactions.items():
        if form.end is None:
            continue
        least, most = form.end.least, form.end.most
        wrong = pc.less(between, least) if least is not None else pc.less(between, between)
        if form.end.on_first_day:
            on_first_day = pc.and_(pc.equal(between, 0), _has_reason(rows, form.end.on_first_day))
            wrong = pc.and_(wrong, pc.invert(on_first_day))
        if most is not None:
            wrong = pc.or_(wrong, pc.greater(between, most))
        is_of_form = pc.equal(rows["transaction"].combine_chunks(), name)
        said = f"DTP*357 does not lie where a {name} must have it, seen from the first day"
        yield _Shortage(f"eligibility_end of a {name}", said, pc.and_(is_of_form, wrong))
