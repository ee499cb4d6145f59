"""What of a file is in no interchange: passed over with a warning, or somebody has to look at it.

One interchange that has lost its head does not harm the others, and does not vanish either.
"""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from parsers.envelope import KINDS, Envelope
from parsers.reading import ReceivedFile
from parsers.unread import holds_segments, is_headless
from validators.envelope_rules import issue, issue_table

_LOST = "interchange-without-header"


def find_unread(received: ReceivedFile, envelope: Envelope) -> pa.Table:
    """Issues (`tables.ISSUES`) of what stands before the first ISA and behind each IEA."""
    return issue_table([*_leading(received), *_tails(received, envelope)])


def is_partly_unread(issues: pa.Table) -> bool:
    """Whether something of the file is read by nobody that may have been an interchange."""
    lost = pc.and_(pc.equal(issues["rule"], _LOST), pc.equal(issues["severity"], "reject"))
    return bool(pc.any(lost).as_py())


def _leading(received: ReceivedFile) -> Iterator[dict[str, object]]:
    if received.layout.leading:
        shown = {"byte_start": 0, "byte_end": received.layout.leading}
        yield issue(_LOST if is_headless(received) else "leading-bytes", "ISA", shown)


def _tails(received: ReceivedFile, envelope: Envelope) -> Iterator[dict[str, object]]:
    kinds = envelope.control["kind"].to_numpy()
    other, trailer = KINDS.index("other"), KINDS.index("IEA")
    places = np.flatnonzero((kinds[1:] == other) & (kinds[:-1] == trailer)) + 1
    # Each is looked at up to the next trailer only, so that no byte is looked at twice.
    trailers = np.append(np.flatnonzero(kinds == trailer), len(kinds))
    following = trailers[np.searchsorted(trailers, places)]
    ends = np.append(envelope.control["byte_end"].to_numpy(), received.size_bytes)[
        following
    ].tolist()
    rows = envelope.control.take(pa.array(places)).to_pylist()
    for row, trailer_end in zip(rows, ends, strict=True):
        end = min(received.layout.region_at(row["byte_start"]).byte_end, trailer_end)
        if holds_segments(received, row["byte_start"], end):
            yield issue(_LOST, "ISA", {"byte_start": row["byte_start"], "byte_end": end})
        else:
            told = {k: v for k, v in row.items() if k not in ("group_ordinal", "set_ordinal")}
            yield issue("bytes-after-interchange", str(row["segment_id"] or ""), told)
