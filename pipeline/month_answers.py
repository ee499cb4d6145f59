"""An answer of the exchange, held against the file of ours that it answers."""

from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from parsers.monthly_issues import issues, refuses, together
from parsers.rcni import read_rcni
from parsers.rcno import Answered
from pipeline.wiring import House
from schemas import monthly_tables
from schemas.monthly_answers import load_rcno
from schemas.monthly_layouts import load_rcni


def unlike_what_we_sent(house: House, asked: Any, answered: Answered) -> Answered:
    """The answer with what is wrong of it beside the RCNI `asked` (a row of month_file).

    Every record of ours is answered, once; a record that names one of ours speaks of its policy;
    and our dollars come back as we sent them.
    """
    with house.landing.open(asked["storage_key"]) as file:
        sent = read_rcni(file.read(), load_rcni(asked["layout"].split()[0])).records
    records = answered.records
    traced = records.filter(pc.is_valid(records["trace_number"]))
    place = pc.index_in(traced["trace_number"], sent["trace_number"].combine_chunks())
    policies = sent["exchange_policy_id"].take(place)
    is_ours = pc.fill_null(pc.equal(policies, traced["exchange_policy_id"]), False)
    found = [
        answered.issues,
        issues(
            "month-unknown-trace",
            traced["line"].filter(pc.invert(is_ours)).to_pylist(),
            load_rcno().trace_number,
        ),
    ]
    missing = sent.num_rows - traced.num_rows
    if missing:
        found.append(issues("month-unanswered", [None], None, f"{missing:,}"))
    for name, field in (("premium", "premium_total"), ("APTC", "aptc")):
        came_back = traced[f"issuer_{name.lower()}"]
        if _sum(came_back) != _sum(sent[field]):
            found.append(issues("month-echo", [None], None, name))
    whole = together(found)
    if refuses(whole):
        return Answered(
            monthly_tables.RCNO_RECORDS.empty_table(),
            monthly_tables.RCNO_FIELDS.empty_table(),
            whole,
        )
    return Answered(records, answered.fields, whole)


def _sum(amounts: pa.ChunkedArray) -> Decimal:
    return pc.sum(amounts.cast(pa.decimal128(38, 2))).as_py() or Decimal(0)
