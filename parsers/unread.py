"""What stands before and behind the interchanges of a file, which nobody reads.

A byte-order mark, blanks, line ends and NULs in front are passed over, and so is a tail that is no
X12. Anything else may be an interchange that has lost its head: somebody has to look at it.
"""

import re

from parsers.reading import ReceivedFile
from strongroom.files import first_match

_NOT_PASSED_OVER = re.compile(rb"[^ \t\r\n\0]")
_MARK = b"\xef\xbb\xbf"
# A segment that interchanges of 834, 999 and TA1 have, and two separators of its own.
_SEGMENT = re.compile(
    rb"(?<![A-Za-z0-9-])(?:ISA|TA1|GS|ST|INS|REF|AK[1-9]|IK[3-5]|SE|GE|IEA)([^A-Za-z0-9\s])"
    rb"(?:(?!\1)[^\r\n]){0,40}(?:\1|\Z)"
)


def is_headless(received: ReceivedFile) -> bool:
    """Whether more than what is passed over stands before the first ISA."""
    begin = len(_MARK) if received.content[: len(_MARK)] == _MARK else 0
    leading = received.layout.leading
    return first_match(_NOT_PASSED_OVER, received.content, begin, leading) is not None


def holds_segments(received: ReceivedFile, byte_start: int, byte_end: int) -> bool:
    """Whether what stands between two places looks as segments of X12 do."""
    return first_match(_SEGMENT, received.content, byte_start, byte_end) is not None
