"""Our decisions about a policy in words: what, on what evidence, and what became of it."""

from collections.abc import Iterator

from enrollment.believed import Row
from pipeline.book_words import moment

_HINDERED = "CANNOT BE SENT: {obstacle}. Each night tries again; it goes when the book has it right"
_WORDS = {
    "open": "goes out with the next night",
    "held": "waits for persons: edi834 outgoing show {hold_id}",
    "released": "released by persons; goes out with the next night",
    "refused": "kept back by a person",
    "withdrawn": "withdrawn before it was sent: it no longer followed",
    "sent": "sent in {file_name}, set {set_ordinal}",
    "rejected": "REJECTED by the exchange ({rejected_by}): {file_name}, set {set_ordinal}",
}


def decision_lines(row: Row) -> Iterator[str]:
    """A decision in three sentences: what and when, why, and what became of it."""
    ends = f", coverage to {row['coverage_end']}" if row["coverage_end"] else ""
    reason = row["additional_maintenance_reason"]
    yield f"{row['kind']} ({reason}{ends}), decided in run {row['run_id']} of " + moment(
        row["decided_at"]
    )
    yield f"{row['rule']}{_evidence(row)}"
    yield (_HINDERED if row["obstacle"] else _WORDS[row["state"]]).format(**row)


def _evidence(row: Row) -> str:
    if row["paid_amount"] is None:
        return ""
    on = f" on {row['paid_on']}" if row["paid_on"] else ""
    through = f", paid through {row['paid_through']}" if row["paid_through"] else ""
    owed = f" of {row['responsible_amount']}" if row["responsible_amount"] is not None else ""
    return f": paid {row['paid_amount']}{owed}{on}{through}"
