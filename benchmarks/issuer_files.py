"""`make bench-issuer`: how long our 834s take to be written and proved, in processor seconds.

The rows are effectuations of policies of one to three members, in ten plans. Nothing here passes or
fails: figures are for people to read, in `benchmarks/RESULTS.md`.
"""

import argparse
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import TypeVar

import numpy as np
import pyarrow as pa

from benchmarks import report
from pipeline.issuer_proof import prove_issuer_transactions
from replies.issuer834 import count_groups, count_sets, write_issuer_transactions
from replies.x12_writer import ControlNumbers, Envelope
from schemas import tables
from schemas.partners import load_exchange, load_partner

_SECTION = "# Files to the exchange"
_HOW = (
    "Effectuations of policies of one to three members, from the rows to the bytes, and the proof "
    "of them: read back by our own parser with all rules, compared column by column, and in part "
    "by pyx12. Processor seconds of one process."
)
_CREATED = datetime(2026, 12, 1, 11, 30, tzinfo=UTC)
_SIZES = (1, 2, 2, 2, 3, 2, 3, 1, 3, 2)  # members of ten policies: 2.1 each

Result = TypeVar("Result")


def main() -> None:
    """Measures, prints the table, and writes it to `benchmarks/RESULTS.md`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--date", required=True, help="printed in the results")
    parser.add_argument("--policies", type=int, nargs="+", default=[10_000, 100_000])
    options = parser.parse_args()
    titles = ("policies", "members", "MB", "written in s", "proved in s")
    cells = [_measure(policies) for policies in options.policies]
    section = "\n\n".join(
        (
            _SECTION,
            f"Measured on {options.date} by `make bench-issuer`.",
            report.machine(),
            _HOW,
            report.table(titles, cells),
        )
    )
    report.put_section(_SECTION, section)
    print(section)


def _measure(policies: int) -> tuple[str, ...]:
    rows = effectuations(policies)
    partner = load_partner("harbor-light-nc")
    envelope = Envelope(partner, load_exchange(partner.exchange), 1, _CREATED)
    control = ControlNumbers(range(1, 1 + count_groups(rows)), range(1, 1 + count_sets(rows)))
    content, writing = _timed(lambda: write_issuer_transactions(rows, envelope, control))
    _, proving = _timed(lambda: prove_issuer_transactions(content, rows, envelope, control))
    size = len(content) / 1e6
    return (
        f"{policies:,}", f"{rows.num_rows:,}", f"{size:.0f}", f"{writing:.1f}", f"{proving:.1f}"
    )  # fmt: skip


def _timed(work: Callable[[], Result]) -> tuple[Result, float]:
    begun = time.process_time()
    return work(), time.process_time() - begun


def effectuations(policies: int) -> pa.Table:
    """Rows of tables.ISSUER_TRANSACTIONS: that many policies, in ten plans."""
    sizes = np.resize(_SIZES, policies)
    policy = np.repeat(np.arange(policies), sizes)
    is_subscriber = np.diff(policy, prepend=-1) > 0
    place = np.arange(len(policy)) - np.flatnonzero(is_subscriber)[policy]
    subscriber = np.char.zfill((policy * 10).astype(str), 10)
    member = np.char.zfill((policy * 10 + place).astype(str), 10)
    begin = date(2027, 1, 1)
    columns = {
        "decision_id": policy,
        "transaction": "effectuation",
        "exchange_policy_id": np.char.add("91", np.char.zfill(policy.astype(str), 8)),
        "issuer_policy_id": np.char.add("P-", policy.astype(str)),
        "plan_id": np.char.add(np.char.add("91002NC00100", (policy % 10 + 10).astype(str)), "01"),
        "insurance_line": "HLT",
        "reference": (policy + 1000).astype(str),
        "total_count": sizes[policy],
        "dependent_count": sizes[policy] - 1,
        "sponsor_name": np.char.add("SPONSOR ", policy.astype(str)),
        "sponsor_qualifier": "94",
        "sponsor_id": subscriber,
        "payer_name": "HARBOR LIGHT INSURANCE",
        "payer_id": "007654321",
        "last_premium_paid": date(2027, 1, 31),
        "is_subscriber": is_subscriber,
        "relationship_code": np.where(is_subscriber, "18", "19"),
        "maintenance_type": "021",
        "maintenance_reason": "28",
        "additional_maintenance_reason": "CONFIRM",
        "exchange_subscriber_id": subscriber,
        "exchange_member_id": member,
        "issuer_subscriber_id": np.char.add("S", subscriber),
        "issuer_member_id": np.char.add("M", member),
        "eligibility_begin": begin,
        "benefit_begin": begin,
        "last_name": np.char.add("NAME", (policy % 9973).astype(str)),
        "first_name": np.char.add("FIRST", (policy % 997 + place).astype(str)),
        "birth_date": date(1985, 5, 5),
        "gender_code": np.where(place % 2 == 0, "F", "M"),
    }
    return pa.table(
        [
            _column(columns.get(name.name), name.type, len(policy))
            for name in tables.ISSUER_TRANSACTIONS
        ],
        schema=tables.ISSUER_TRANSACTIONS,
    )


def _column(values: object, kind: pa.DataType, rows: int) -> pa.Array:
    if isinstance(values, np.ndarray):
        return pa.array(values.tolist(), kind)
    return pa.repeat(pa.scalar(values, kind), rows)


if __name__ == "__main__":
    main()
