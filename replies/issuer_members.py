"""Loop 2000 without its coverage: INS, the ids, the dates, and the name (tables 18 to 22)."""

import pyarrow as pa
import pyarrow.compute as pc

from replies.issuer_forms import Forms
from replies.x12_writer import Composer, dates

# Each id beside the one that it replaces: a change of an id is a pair (table 22).
_SUPPLEMENTAL = (
    ("17", "exchange_member_id"),
    ("23", "issuer_member_id"),
    ("ABB", "former_issuer_member_id"),
    ("ZZ", "issuer_subscriber_id"),
    ("Q4", "former_issuer_subscriber_id"),
)
_DATES = (
    ("303", "maintenance_effective"),
    ("356", "eligibility_begin"),
    ("357", "eligibility_end"),
)


def member_level(compose: Composer, rows: pa.Table, forms: Forms) -> list[pa.Array]:
    """INS to DMG of each row."""
    in_member = forms.where(lambda form: form.policy_number_in == "2000")
    return [
        _level(compose, rows, forms),
        compose.segment("REF", "0F", compose.text(rows["exchange_subscriber_id"])),
        compose.segment("REF", "1L", compose.text(rows["exchange_policy_id"]), when=in_member),
        *(_identifier(compose, qualifier, rows[name]) for qualifier, name in _SUPPLEMENTAL),
        *(_date(compose, qualifier, rows[name], forms) for qualifier, name in _DATES),
        *_name(compose, rows, forms),
    ]


def _level(compose: Composer, rows: pa.Table, forms: Forms) -> pa.Array:
    is_subscriber = rows["is_subscriber"].combine_chunks()
    status = forms.values(lambda form: form.employment_status)
    nothing = pa.scalar(None, pa.large_string())
    return compose.segment(
        "INS",
        pc.if_else(is_subscriber, _text("Y"), _text("N")),
        compose.text(rows["relationship_code"]),
        compose.text(rows["maintenance_type"]),
        compose.text(rows["maintenance_reason"]),
        "A",
        None,
        None,
        pc.if_else(is_subscriber, status, nothing),
    )


def _identifier(compose: Composer, qualifier: str, column: pa.ChunkedArray) -> pa.Array:
    identifier = compose.text(column)
    return compose.segment("REF", qualifier, identifier, when=pc.is_valid(identifier))


def _date(compose: Composer, qualifier: str, column: pa.ChunkedArray, forms: Forms) -> pa.Array:
    is_held = forms.where(lambda form: qualifier in form.member_dates)
    written = pc.and_(is_held, pc.is_valid(column.combine_chunks()))
    return compose.segment("DTP", qualifier, "D8", dates(column), when=written)


def _name(compose: Composer, rows: pa.Table, forms: Forms) -> list[pa.Array]:
    """NM1 and DMG, whose code needs both birth date and gender to be known."""
    names = (compose.text(rows[name]) for name in ("last_name", "first_name", "middle_name"))
    gender, born = compose.text(rows["gender_code"]), rows["birth_date"].combine_chunks()
    is_held = forms.where(lambda form: form.demographics)
    known = pc.and_(pc.is_valid(born), pc.is_valid(gender))
    return [
        compose.segment("NM1", "IL", "1", *names, None, compose.text(rows["name_suffix"])),
        compose.segment("DMG", "D8", dates(born), gender, when=pc.and_(is_held, known)),
    ]


def _text(value: str) -> pa.Scalar:
    return pa.scalar(value, pa.large_string())
