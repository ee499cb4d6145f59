"""The audit trail: one chain of entries, read, told, exported, and proved to be whole.

The database itself writes it (`schemas/migrations/audit_trail.py`): whatever changes a state, the
commit of the change appends the entry. Only what changes no row is noted here by name.

An entry's hash is the SHA-256, in hexadecimal, of ordinal, at, actor, action, object_kind,
object_id, details and previous_hash: each as the number of its UTF-8 bytes, a colon, its text and a
line feed. `at` is in UTC with six decimals of a second; `details` is the JSON text as it stands.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, astuple, dataclass
from datetime import UTC, datetime
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from schemas.audit import GENESIS, audit_entry, audit_walk
from schemas.errors import Terminal

_HASH_LENGTH = len(GENESIS)
_ENTRIES_AT_ONCE = 1_000


@dataclass(frozen=True)
class Entry:
    """One link of the chain, with every field as it is hashed."""

    ordinal: int
    at: str
    actor: str
    action: str
    object_kind: str
    object_id: int
    details: str
    previous_hash: str
    hash: str

    @property
    def hash_of_contents(self) -> str:
        """What `hash` is when nobody has changed the entry."""
        *fields, _ = (str(value).encode() for value in astuple(self))
        return hashlib.sha256(b"".join(b"%d:%b\n" % (len(f), f) for f in fields)).hexdigest()

    @property
    def as_line(self) -> str:
        """The entry as a line of an export."""
        return json.dumps(asdict(self), ensure_ascii=False) + "\n"


@dataclass(frozen=True)
class Anchor:
    """An entry that stood at the end of the chain once, as somebody has kept it elsewhere.

    The ordinal is None when only the hash was kept.
    """

    ordinal: int | None
    hash: str

    def __str__(self) -> str:
        return self.hash if self.ordinal is None else f"{self.ordinal}:{self.hash}"

    @classmethod
    def of(cls, text: str) -> Self:
        """The anchor that was written down. Raises Terminal when the text is none."""
        ordinal, _, digest = text.strip().rpartition(":")
        is_hash = len(digest) == _HASH_LENGTH and set(digest) <= set("0123456789abcdef")
        if (
            not is_hash
            or (ordinal and not ordinal.isascii())
            or (ordinal and not ordinal.isdigit())
        ):
            raise Terminal(
                "The anchor is no hash of an entry. Give it as `edi834 night` printed it: "
                "ORDINAL:HASH, or the 64 hexadecimal digits alone."
            )
        return cls(int(ordinal) if ordinal else None, digest)


NOTHING_YET = Anchor(0, GENESIS)


@dataclass(frozen=True)
class Fault:
    """The first entry that is not as it was written; `at` is None when it is not there."""

    ordinal: int
    at: str | None
    sentence: str


@dataclass(frozen=True)
class Verification:
    """What a walk along the chain found: how many entries hold, the last of them, what is wrong."""

    entries: int
    head: Anchor
    fault: Fault | None

    @property
    def is_whole(self) -> bool:
        """Whether nothing was altered, removed or moved."""
        return self.fault is None


def note(
    conn: sa.Connection,
    action: str,
    object_kind: str,
    object_id: int,
    **details: int | str | list[str],
) -> None:
    """Appends an entry with the transaction. `details` are ids, states, counts and hashes only."""
    told = sa.cast(details, JSONB)
    conn.execute(sa.select(sa.func.ledger.audit_note(action, object_kind, object_id, told)))


@dataclass(frozen=True)
class Verified:
    """When somebody walked along the trail last, and whether it was whole."""

    at: datetime
    is_whole: bool


def note_verification(conn: sa.Connection, found: Verification) -> None:
    """Keeps that somebody walked along the trail, beside it: a walk does not make it longer."""
    row = sa.insert(audit_walk).values(entries=found.entries, is_whole=found.is_whole)
    conn.execute(row)


def last_verification(conn: sa.Connection) -> Verified | None:
    """The last walk that was noted; None when there was none."""
    last = sa.select(audit_walk.c.at, audit_walk.c.is_whole)
    found = conn.execute(last.order_by(audit_walk.c.audit_walk_id.desc()).limit(1)).one_or_none()
    return Verified(*found) if found else None


def begin(conn: sa.Connection) -> datetime | None:
    """The hour of the first entry; None without any."""
    first = sa.select(audit_entry.c.at).order_by(audit_entry.c.ordinal).limit(1)
    return conn.execute(first).scalar()


def head(conn: sa.Connection) -> Anchor:
    """The end of the chain: what an auditor should have a copy of."""
    last = sa.select(audit_entry.c.ordinal, audit_entry.c.hash)
    found = conn.execute(last.order_by(audit_entry.c.ordinal.desc()).limit(1)).one_or_none()
    return Anchor(found.ordinal, found.hash) if found else NOTHING_YET


def entries(
    conn: sa.Connection,
    of_object: tuple[str, int] | None = None,
    since: datetime | None = None,
) -> Iterator[Entry]:
    """The entries in order, a thousand in memory at a time; those about one object, or since then.

    They are in the order of their ordinals, wherever the rows lie.
    """
    details = sa.cast(audit_entry.c.details, sa.Text).label("details")
    columns = [details if c.name == "details" else c for c in audit_entry.c]
    wanted: sa.Select[Any] = sa.select(*columns).order_by(audit_entry.c.ordinal)
    if of_object is not None:
        kind, number = of_object
        wanted = wanted.where(audit_entry.c.object_kind == kind, audit_entry.c.object_id == number)
    if since is not None:
        wanted = wanted.where(audit_entry.c.at >= since)
    streamed = wanted.execution_options(yield_per=_ENTRIES_AT_ONCE)
    for row in conn.execute(streamed).mappings():
        yield Entry(**{**row, "at": _in_utc(row["at"])})


def _in_utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def verify(chain: Iterable[Entry], anchor: Anchor | None = None) -> Verification:
    """Whether the chain is whole and, with an anchor, still holds what was its end then.

    Stops at the first entry that is missing, was altered, or stands where another one stood.
    """
    last, seen = NOTHING_YET, anchor in (None, NOTHING_YET)
    for entry in chain:
        fault = _fault(entry, last) or _fault_by(anchor, entry)
        if fault is not None:
            return Verification(last.ordinal or 0, last, fault)
        last = Anchor(entry.ordinal, entry.hash)
        seen = seen or (anchor is not None and entry.hash == anchor.hash)
    count = last.ordinal or 0
    return Verification(count, last, None if seen else _cut_off(count, anchor))


def _fault(entry: Entry, before: Anchor) -> Fault | None:
    expected = (before.ordinal or 0) + 1
    if entry.ordinal != expected:
        return Fault(
            expected,
            None,
            f"entry {expected} is missing: entry {entry.ordinal} of {entry.at} stands in its place",
        )
    if entry.previous_hash != before.hash:
        return Fault(
            entry.ordinal,
            entry.at,
            f"entry {entry.ordinal} of {entry.at} does not follow the one before it: its previous "
            f"hash is {entry.previous_hash}, expected {before.hash}",
        )
    if entry.hash != entry.hash_of_contents:
        return Fault(
            entry.ordinal,
            entry.at,
            f"entry {entry.ordinal} of {entry.at} was altered: its hash is {entry.hash}, expected "
            f"{entry.hash_of_contents} for what it says",
        )
    return None


def _fault_by(anchor: Anchor | None, entry: Entry) -> Fault | None:
    """A chain that was made anew hangs together; the anchor tells that it is another one."""
    if anchor is None or anchor.ordinal != entry.ordinal or anchor.hash == entry.hash:
        return None
    return Fault(
        entry.ordinal,
        entry.at,
        f"entry {entry.ordinal} of {entry.at} is not the anchored one: its hash is {entry.hash}, "
        f"expected {anchor.hash}. It or an earlier entry was written anew",
    )


def _cut_off(count: int, anchor: Anchor | None) -> Fault:
    return Fault(
        count + 1,
        None,
        f"the chain ends with entry {count} and does not hold the anchor {anchor}: entry "
        f"{count + 1} and what followed were removed, or the chain was written anew",
    )
