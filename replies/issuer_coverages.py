"""Loop 2300: HD, its dates, and its policy numbers (tables 18, 21 and 22)."""

import pyarrow as pa
import pyarrow.compute as pc

from replies.issuer_forms import Forms
from replies.x12_writer import Composer, dates

# The end of coverage is the end of eligibility: we end a policy, never a part of one.
_DATES = (
    ("303", "maintenance_effective"),
    ("348", "benefit_begin"),
    ("349", "eligibility_end"),
    ("543", "last_premium_paid"),
)
_OF_SUBSCRIBER = ("543",)
# A new policy id beside the one that it replaces (table 22).
_ISSUER_NUMBERS = (("X9", "issuer_policy_id"), ("XM", "former_issuer_policy_id"))


def coverage(compose: Composer, rows: pa.Table, forms: Forms) -> list[pa.Array]:
    """HD to REF of each row, null where the form has no loop 2300."""
    text = compose.text
    held = forms.where(lambda form: form.coverage)
    numbered = pc.and_(held, forms.where(lambda form: form.policy_number_in == "2300"))
    kind, line = text(rows["maintenance_type"]), text(rows["insurance_line"])
    return [
        compose.segment("HD", kind, None, line, when=held),
        *(_date(compose, qualifier, rows, forms) for qualifier in _DATES),
        compose.segment("REF", "CE", text(rows["plan_id"]), when=held),
        compose.segment("REF", "1L", text(rows["exchange_policy_id"]), when=numbered),
        *(_number(compose, pair, rows, held) for pair in _ISSUER_NUMBERS),
    ]


def _date(compose: Composer, pair: tuple[str, str], rows: pa.Table, forms: Forms) -> pa.Array:
    qualifier, name = pair
    column = rows[name].combine_chunks()
    held = forms.where(lambda form: form.coverage and qualifier in form.coverage_dates)
    written = pc.and_(held, pc.is_valid(column))
    if qualifier in _OF_SUBSCRIBER:
        written = pc.and_(written, rows["is_subscriber"].combine_chunks())
    return compose.segment("DTP", qualifier, "D8", dates(column), when=written)


def _number(compose: Composer, pair: tuple[str, str], rows: pa.Table, held: pa.Array) -> pa.Array:
    qualifier, name = pair
    number = compose.text(rows[name])
    return compose.segment("REF", qualifier, number, when=pc.and_(held, pc.is_valid(number)))
