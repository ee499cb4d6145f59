"""Verifies an export of edi834's audit trail. Run it: python3 verify_audit.py FILE [ANCHOR].

Needs nothing of edi834, and nothing but Python's standard library. ANCHOR is what `edi834 night`
printed at the end of a night, ORDINAL:HASH or the hash alone, from a copy that was kept elsewhere.
Without one, nothing tells whether entries are missing at the end, or all was written anew.

Every line of FILE is an entry, a JSON object. Its hash is the SHA-256, in hexadecimal, of the
fields below in this order, each as the number of its UTF-8 bytes, a colon, its text and a line
feed. The first entry is number 1, and its previous hash is 64 zeros.
"""
# ruff: noqa: INP001, T201 - a script that stands alone, and prints

import hashlib
import json
import sys
from collections.abc import Iterable
from pathlib import Path

FIELDS = ("ordinal", "at", "actor", "action", "object_kind", "object_id", "details")


def hash_of(entry: dict[str, object]) -> str:
    """The hash that the entry has when nobody has changed it."""
    texts = [str(entry[field]).encode() for field in (*FIELDS, "previous_hash")]
    return hashlib.sha256(b"".join(b"%d:%b\n" % (len(text), text) for text in texts)).hexdigest()


def walk(lines: Iterable[str], anchor: str | None) -> tuple[int, str, str | None]:
    """Number and hash of the last entry that holds, and what is wrong after it, if anything."""
    ordinal, before, is_anchored = 0, "0" * 64, anchor is None
    for line in lines:
        entry = json.loads(line)
        number = f"entry {ordinal + 1}"
        if set(entry) != {*FIELDS, "previous_hash", "hash"}:
            return ordinal, before, f"{number} has other fields than an entry has"
        if entry["ordinal"] != ordinal + 1:
            return ordinal, before, f"{number} is missing"
        if entry["previous_hash"] != before:
            return ordinal, before, f"{number} does not follow the one before it"
        if entry["hash"] != hash_of(entry):
            return ordinal, before, f"{number} of {entry['at']} was altered"
        ordinal, before = ordinal + 1, entry["hash"]
        is_anchored = is_anchored or anchor in (before, f"{ordinal}:{before}")
    return ordinal, before, None if is_anchored else f"entry {ordinal + 1} or the anchor is missing"


def main(path: str, anchor: str | None = None) -> int:
    """The exit code: 0 when the export is whole, otherwise 1."""
    with Path(path).open(encoding="utf-8") as lines:
        ordinal, last, fault = walk(lines, anchor)
    print(f"Not whole: {fault}." if fault else f"Whole: {ordinal} entries.")
    print(f"The last that holds: {ordinal}:{last}")
    return 1 if fault else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
