"""The RCNI: what we believe of a coverage year, for the exchange's monthly reconciliation.

Its layout is `schemas/monthly/rcni.toml`. Fields are made column by column and joined once, so a
line is never an object.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from replies.plain_text import one_array, plain
from schemas.errors import Terminal
from schemas.monthly_layouts import RcniLayout, WrittenField
from schemas.partners import Partner

_TEXT = pa.large_string()


@dataclass(frozen=True)
class RcniHead:
    """Whose records these are, of which coverage year, as of when on the exchange's clock."""

    partner: Partner
    coverage_year: int
    extracted_at: datetime

    def facts(self, layout: RcniLayout) -> dict[str, str]:
        """The facts of the file that a layout's fields may name."""
        return {
            "trading_partner_id": self.partner.trading_partner_id,
            "tenant_id": self.partner.tenant_id,
            "hios_issuer_id": self.partner.hios_issuer_id,
            "coverage_year": str(self.coverage_year),
            "extract_date": self.extracted_at.strftime(layout.date_format),
            "extract_time": self.extracted_at.strftime(layout.time_format),
        }


def write_rcni(rows: pa.Table, head: RcniHead, layout: RcniLayout) -> bytes:
    """The file: a record for each row (monthly_tables.RCNI_ROWS), in their order, and the total.

    Raises Terminal when the layout names a fact that a file does not have.
    """
    facts = head.facts(layout) | totals_of(rows)
    _require_known(layout, facts)
    cells = [_cell(field, rows, facts, layout) for field in layout.fields]
    ends = pa.scalar(layout.line_end, _TEXT)
    details = pc.binary_join_element_wise(
        pc.binary_join_element_wise(
            *cells,
            pa.scalar(layout.delimiter, _TEXT),
            null_handling="replace",
            null_replacement="",
        ),
        ends,
        pa.scalar("", _TEXT),
    )
    total = layout.delimiter.join(
        field.fixed or facts.get(field.header or "", "") for field in layout.total
    )
    body = "".join([*_joined(details), total, layout.line_end])
    return body.encode("ascii")


def totals_of(rows: pa.Table) -> dict[str, str]:
    """The counts and dollars of the total record, by their names there."""
    subscribers = pc.sum(rows["is_subscriber"]).as_py() or 0
    return {
        "record_count": str(rows.num_rows),
        "subscriber_count": str(subscribers),
        "dependent_count": str(rows.num_rows - subscribers),
        "premium_total": str(dollars(rows["premium_total"])),
        "aptc_total": str(dollars(rows["aptc"])),
    }


def dollars(amounts: pa.ChunkedArray) -> Decimal:
    """The sum of a column of amounts; 0.00 of none."""
    return (pc.sum(amounts.cast(pa.decimal128(38, 2))).as_py() or Decimal(0)).quantize(
        Decimal("0.01")
    )


def written_text(field: WrittenField, column: pa.Array, layout: RcniLayout) -> pa.Array:
    """The values of one column in the form in which the field holds them; null where empty."""
    if field.kind == "date":
        return pc.cast(pc.strftime(column, layout.date_format), _TEXT)
    if field.kind == "amount":
        return pc.cast(pc.cast(column, pa.decimal128(12, 2)), _TEXT)
    if field.kind == "yes_no":
        return pc.if_else(column, pa.scalar("Y", _TEXT), pa.scalar("N", _TEXT))
    if field.codes is not None:
        found = pc.index_in(column, pa.array(list(field.codes), _TEXT))
        return pa.array(list(field.codes.values()), _TEXT).take(found)
    text = plain(column, layout.delimiter)
    return text if field.first is None else pc.utf8_slice_codeunits(text, 0, field.first)


def _cell(
    field: WrittenField, rows: pa.Table, facts: dict[str, str], layout: RcniLayout
) -> pa.Array:
    if field.column is None:
        fact = field.fixed if field.fixed is not None else facts.get(field.header or "", "")
        return pa.repeat(pa.scalar(fact, _TEXT), rows.num_rows)
    return written_text(field, one_array(rows[field.column]), layout)


def _joined(lines: pa.Array) -> list[str]:
    if not len(lines):
        return []
    whole = pa.LargeListArray.from_arrays(pa.array([0, len(lines)], pa.int64()), lines)
    joined: list[str] = pc.binary_join(whole, pa.scalar("", _TEXT)).to_pylist()
    return joined


def _require_known(layout: RcniLayout, facts: dict[str, str]) -> None:
    named = [field for field in (*layout.fields, *layout.total) if field.header is not None]
    for field in named:
        if field.header not in facts:
            raise Terminal(
                f"Layout {layout.id}: field {field.name} wants {field.header}, which no file has. "
                "Correct schemas/monthly."
            )
