"""A HIX 820 added up by payment type, without any database."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from schemas.premium_tables import PREMIUM_PAYMENTS, REMITTANCES
from validators.check import Terms, check_file

_GOOD = ("accepted", "accepted_with_errors")


class _Kept:
    """A sink that keeps the tables of payments."""

    def __init__(self) -> None:
        self.parts: dict[str, list[pa.Table]] = {}

    def write(self, name: str, table: pa.Table) -> None:
        if name in ("remittances", "premium_payments"):
            self.parts.setdefault(name, []).append(table)


def totals_of(path: Path) -> dict[str, Any] | None:
    """Amounts by payment type, their sum, and BPR02; None when the file holds no payments."""
    kept = _Kept()
    checked = check_file(path, Terms(), kept)
    if "premium_payments" not in kept.parts:
        return None
    payments = pa.concat_tables([PREMIUM_PAYMENTS.empty_table(), *kept.parts["premium_payments"]])
    remittances = pa.concat_tables([REMITTANCES.empty_table(), *kept.parts["remittances"]])
    by_type = payments.group_by("payment_type").aggregate([("amount", "sum"), ([], "count_all")])
    itemised = (pc.sum(payments["amount"]).as_py() or 0) + (
        pc.sum(payments["adjustment_amount"]).as_py() or 0
    )
    stated = pc.sum(remittances["total_amount"]).as_py() or 0
    return {
        "file": str(path),
        "verdict": checked.verdict.file_verdict,
        "is_good": checked.verdict.file_verdict in _GOOD and itemised == stated,
        "stated": f"{stated:.2f}",
        "itemised": f"{itemised:.2f}",
        "types": {
            row["payment_type"] or "": {
                "payments": row["count_all"],
                "amount": f"{row['amount_sum'] or 0:.2f}",
            }
            for row in by_type.sort_by("payment_type").to_pylist()
        },
    }
