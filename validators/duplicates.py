"""What was received before: interchange and group control numbers, in this file and earlier ones.

ISA13 is never repeated, in the same file or another one, on the same or another day (CMS guide 7.2,
section 3.2). GS06 must differ within its interchange (X12.5); the guide also asks that it goes on
counting, so one that comes again elsewhere is worth a warning. ST02 must differ within its group,
and X220A1 lets it begin anew in each interchange: nothing more is asked of it.
"""

from collections.abc import Callable, Collection

import pyarrow as pa

from parsers.envelope import Envelope
from strongroom.files import Content
from validators.envelope_rules import Fault, issue_at, issue_table

_COMPARED_BYTES = 1_000_000  # at a time
Span = tuple[int, int]
Numbers = Collection[tuple[str, str]]
Recall = Callable[[Numbers], Numbers]  # those of the pairs that an earlier file brought


def recall_nothing(_: Numbers) -> Numbers:
    """No pair: there are no earlier files."""
    return ()


def find_repeated_interchanges(
    envelope: Envelope, content: Content, seen: Numbers, *, is_copy: bool
) -> pa.Table:
    """Issues of interchanges whose (sender, control number) was received before.

    Args:
        envelope: The envelope of the file.
        content: The bytes of the file.
        seen: Pairs of ISA06 and ISA13 of earlier files. Within the file the first one counts.
        is_copy: Whether an earlier file had the same bytes.
    """
    first: dict[tuple[object, object], Span] = {}
    issues = []
    for row in envelope.interchanges.to_pylist():
        pair = (row["sender_id"], row["control_number"])
        span = (row["byte_start"], row["byte_end"])
        if pair in seen or pair in first:
            is_same = is_copy if pair in seen else _are_equal(content, first[pair], span)
            rule = "interchange-duplicate" if is_same else "interchange-number-reused"
            issues.append(issue_at(envelope, Fault(rule, "ISA", row), "interchange_ordinal"))
        first.setdefault(pair, span)
    return issue_table(issues)


def _are_equal(content: Content, one: Span, other: Span) -> bool:
    """Whether two spans hold the same bytes, of which few are in memory at a time."""
    length = one[1] - one[0]
    return length == other[1] - other[0] and all(
        content[one[0] + done : min(one[0] + done + _COMPARED_BYTES, one[1])]
        == content[other[0] + done : min(other[0] + done + _COMPARED_BYTES, other[1])]
        for done in range(0, length, _COMPARED_BYTES)
    )


def find_repeated_groups(envelope: Envelope, recall: Recall) -> pa.Table:
    """Issues of groups whose (sender, control number) came before in another interchange."""
    groups = envelope.functional_groups.to_pylist()
    pairs = {(row["sender_code"], row["control_number"]) for row in groups}
    # No earlier group has a NUL: no database takes it, and none asks for it.
    asked = {(one, two) for one, two in pairs if one and two and "\0" not in one + two}
    seen = recall(asked)
    first: dict[tuple[object, object], object] = {}
    issues = []
    for row in groups:
        pair = (row["sender_code"], row["control_number"])
        of = first.setdefault(pair, row["interchange_ordinal"])
        if pair in seen or of != row["interchange_ordinal"]:
            fault = Fault("group-control-number-seen", "GS", row)
            issues.append(issue_at(envelope, fault, "group_ordinal"))
    return issue_table(issues)
