"""One row of a frozen snapshot: what a side had of a member when a night compared."""

from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from reconciliation.snapshots import snapshot_files
from strongroom.files import parquet


def row_of_member(folder: Path, policy: str | None, member: str | None) -> dict[str, Any] | None:
    """The member's row in the snapshot that lies in the folder, as the exchange's ids name it.

    Only the files' row groups that may have it are read. None where the side has no such row, or
    knows the member by other ids. Raises Terminal when the folder has no snapshot.
    """
    if policy is None or member is None:
        return None
    wanted = (pc.field("exchange_policy_id") == policy) & (pc.field("exchange_member_id") == member)
    for path in snapshot_files(folder):
        found = pq.read_table(parquet(path), filters=wanted).to_pylist()
        if found:
            return dict(found[0])
    return None
