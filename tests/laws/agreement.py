"""Compares what we say about a file with what pyx12 says: every disagreement, as a sentence.

`EXCEPTIONS` is the whole list of what may differ, with the reasons.
"""

from bisect import bisect_right

EXCEPTIONS = {
    "Segment contains trailing element terminators": (
        "nothing is lost by them: the rule separators-at-segment-end warns (faults 4.4, row 74)"
    ),
    "Segment contains a leading space": (
        "nothing is lost by it: the rule blanks-between-segments tells (faults 4.4, row 7)"
    ),
    "~~": "pyx12 takes an empty segment for the end of the file and complains of what it missed",
    "crash": "where pyx12 raises an error of its own it has said nothing of the rest of the file",
    "later complaints": (
        "pyx12 leaves a segment with a wrong qualifier out and complains of all that depend on it; "
        "we place it by its id, report its element and go on, so only the first complaint counts"
    ),
    "swap": "of two swapped segments either may be called the wrong one, so a neighbour will do",
    "gap": (
        "where a required segment is missing pyx12 may call the one behind the gap unexpected; we "
        "name the missing one"
    ),
    "levels": ("pyx12 answers a missing GE by TA1; in X231A1 it is AK905 3, so any level will do"),
    "envelope": (
        "elements of ISA, GS, ST, SE, GE and IEA are reported by TA105, AK905 and IK502, which "
        "name no element: the segment must be the same"
    ),
}
ACCEPTED = ("accepted", "accepted_with_errors")
_TELL_MISSING = {
    "set-without-members": "INS",
    "set-trailer-missing": "SE",
    "group-set-count-differs": "ST",
    "group-trailer-missing": "GE",
    "interchange-trailer-missing": "IEA",
}
_ENVELOPE = {"TA105", "AK905", "IK502"}


def segment_starts(content):
    """First byte of each segment of a content whose segments end with ~ alone."""
    starts = [0, *(place + 1 for place, byte in enumerate(content) if byte == ord("~"))]
    return starts[:-1] if starts[-1] == len(content) else starts


def counted_complaints(content, opinion):
    """The complaints of pyx12 that count: those about the first faulty segment."""
    kept = [c for c in opinion.complaints if c.said not in EXCEPTIONS]
    if b"~~" in content or not kept:
        return []
    first = min(c.segment for c in kept)
    return [c for c in kept if c.segment == first]


def disagreements(content, verdict, opinion, reach=0):
    """Sentences on what pyx12 rejects and we accept, or places elsewhere.

    A complaint is placed alike when an issue of ours is at the same segment (at most `reach`
    segments away) and, where pyx12 names an element, at the same element.
    """
    complaints = counted_complaints(content, opinion)
    if not complaints:
        return []
    if verdict.file_verdict in ACCEPTED:
        return [f"accepted although pyx12 says {complaints[0]}"]
    if opinion.crashed is not None:
        return []
    said = _Said(content, verdict)
    return [f"pyx12 alone says {c}" for c in complaints if not said.as_well(c, reach)]


class _Said:
    """What a verdict says, in the terms of pyx12."""

    def __init__(self, content, verdict):
        starts = segment_starts(content)
        issues = verdict.issues.to_pylist()
        segments = [bisect_right(starts, issue["byte_start"]) - 1 for issue in issues]
        elements = [issue["element"] for issue in issues]
        self.segments = set(segments)
        self.elements = set(zip(segments, elements, strict=True))
        self.fields = {issue["x12_field"] for issue in issues}
        self.missing = {i["segment_id"] for i in issues if i["rule"] == "segment-missing"}
        self.missing |= {name for rule, name in _TELL_MISSING.items() if rule in _rules(issues)}

    def as_well(self, complaint, reach):
        if complaint.level in ("isa", "gs", "st"):
            return bool(_ENVELOPE & self.fields)
        if complaint.level == "seg" and complaint.code == "3":
            return complaint.about in self.missing
        if complaint.level == "seg" and complaint.code == "1" and self.missing:
            return True
        if complaint.element is not None and complaint.about not in ("ISA", "GS", "ST"):
            return (complaint.segment, complaint.element) in self.elements
        near = range(complaint.segment - reach, complaint.segment + reach + 1)
        return any(segment in self.segments for segment in near)


def _rules(issues):
    return {issue["rule"] for issue in issues}
