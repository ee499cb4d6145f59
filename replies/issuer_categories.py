"""Loops 2700 to 2750: when it was written, and why (tables 18 to 22)."""

from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from replies.issuer_forms import Forms
from replies.x12_writer import Composer, dates, numbers


def reporting_categories(
    compose: Composer, rows: pa.Table, forms: Forms, created: datetime
) -> list[pa.Array]:
    """LS to LE of each row, null where the form has no category. `created` is the exchange's."""
    stamped = forms.where(lambda form: "REQUEST SUBMIT TIMESTAMP" in form.categories)
    reason = compose.text(rows["additional_maintenance_reason"])
    is_held = forms.where(lambda form: "ADDL MAINT REASON" in form.categories)
    reasoned = pc.and_(is_held, pc.is_valid(reason))
    either = pc.or_(stamped, reasoned)
    place = numbers(pc.if_else(stamped, 2, 1))
    dated = _dates_of_reason(rows, forms)
    return [
        compose.segment("LS", "2700", when=either),
        compose.segment("LX", "1", when=stamped),
        compose.segment("N1", "75", "REQUEST SUBMIT TIMESTAMP", when=stamped),
        compose.segment("REF", "17", _timestamp(created), when=stamped),
        compose.segment("LX", place, when=reasoned),
        compose.segment("N1", "75", "ADDL MAINT REASON", when=reasoned),
        compose.segment("REF", "17", reason, when=reasoned),
        compose.segment(
            "DTP", "007", "D8", dates(dated), when=pc.and_(reasoned, pc.is_valid(dated))
        ),
        compose.segment("LE", "2700", when=either),
    ]


def _timestamp(created: datetime) -> str:
    """CCYYMMDDHHMMSSss: hundredths of a second at the end."""
    return f"{created:%Y%m%d%H%M%S}{created.microsecond // 10_000:02d}"


def _dates_of_reason(rows: pa.Table, forms: Forms) -> pa.Array:
    """DTP*007 of each row's reason; null where its form dates none."""
    found = pa.nulls(rows.num_rows, pa.date32())
    for form in set(forms.exchange.issuer_transactions.values()):
        if not form.reason_dated:
            continue
        is_of_form = forms.where(lambda other, form=form: other == form)  # type: ignore[misc]
        columns = [rows[name].combine_chunks() for name in form.reason_dated]
        found = pc.if_else(is_of_form, pc.coalesce(*columns), found)
    return found
