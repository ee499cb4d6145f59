"""Which files are set apart for a person: the rules' rows say it, this module reads them."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from parsers.envelope import Envelope
from schemas import tables
from schemas.catalog import load_rules
from schemas.partners import Partner
from schemas.verdict import FileVerdict, Quarantine
from validators.envelope_rules import Fault, issue_at, issue_table

SENDER_UNKNOWN = "sender-unknown"


def spread_over_file(issues: pa.Table, envelope: Envelope, partner: Partner | None) -> pa.Table:
    """The issues; one that makes the transport suspect stands at each interchange of the file.

    Who may not have sent one interchange may not have sent the others either.
    """
    suspect = next(
        (rule for rule in _broken(issues, "silent") if not _answers(rule, partner)), None
    )
    if suspect is None:
        return issues
    known = issues.filter(pc.equal(issues["rule"], suspect))["interchange_ordinal"].to_numpy()
    others = [
        issue_at(envelope, Fault(suspect, "ISA", row), "interchange_ordinal")
        for row in envelope.interchanges.to_pylist()
        if not np.isin(row["interchange_ordinal"], known)
    ]
    return pa.concat_tables([issues, issue_table(others)])


def quarantine_of(
    issues: pa.Table, file_verdict: FileVerdict, partner: Partner | None
) -> Quarantine | None:
    """Why the file is set apart, None when it is not. What is accepted of it is never held back."""
    if file_verdict != "rejected":
        return None
    for rule in _broken(issues, "silent"):
        return Quarantine(rule, is_answered=_answers(rule, partner))
    for rule in _broken(issues, "answered"):
        return Quarantine(rule, is_answered=True)
    return None


def _answers(rule: str, partner: Partner | None) -> bool:
    """Whether the partner's file says that strangers are answered too."""
    return rule == SENDER_UNKNOWN and partner is not None and partner.on_unknown_sender == "answer"


def _broken(issues: pa.Table, quarantine: str) -> Iterator[str]:
    """Rules with that answer that are broken, in the order of the catalog."""
    named = [rule.id for rule in load_rules().values() if rule.quarantine == quarantine]
    found = issues.filter(pc.is_in(issues["rule"], pa.array(named, tables.TEXT)))["rule"].unique()
    broken = set(found.to_pylist())
    return (rule for rule in named if rule in broken)
