"""SNIP 1 for the TA1s in an interchange: each answers one that we sent.

Source: X12.5, TA1; the codes of TA104 and TA105 are those of the guide.
"""

import re

import pyarrow as pa

from parsers.envelope import Envelope
from schemas.guide import load_guide
from validators.envelope_rules import issue, issue_table

_FORMS = {"control_number": r"[0-9]{9}", "date": r"[0-9]{6}", "time": r"[0-9]{4}"}


def find_acknowledgement_faults(envelope: Envelope) -> pa.Table:
    """Issues (`tables.ISSUES`) of TA1s that answer nothing, because an element is none."""
    segment = next(s for s in load_guide().segments if s.segment_id == "TA1")
    codes = {"code": segment.elements[3].codes, "note": segment.elements[4].codes}
    return issue_table(
        [
            issue("acknowledgement-malformed", "TA1", _of_interchange(row))
            for row in envelope.acknowledgements.to_pylist()
            if not all(re.fullmatch(form, row[name] or "") for name, form in _FORMS.items())
            or not all(row[name] in (known or ()) for name, known in codes.items())
        ]
    )


def _of_interchange(row: dict[str, object]) -> dict[str, object]:
    """The row without the ordinals of a group or set, which a TA1 belongs to no part of."""
    return {k: v for k, v in row.items() if k not in ("group_ordinal", "set_ordinal")}
