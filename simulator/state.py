"""What the exchange remembers between calls, in one SQLite file: sent, answered, effectuated.

A `transaction` is one event of a policy; a `send` is one transmission of it in one file. A
transaction whose send was rejected for an injected fault is sent again.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from simulator.transactions import Transaction

_TRANSACTION: TypeAdapter[Transaction] = TypeAdapter(Transaction)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS numbers (name TEXT PRIMARY KEY, last INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS nights (
    night INTEGER PRIMARY KEY,
    whole INTEGER NOT NULL DEFAULT 0 -- 1 once both of its drops have come
);
CREATE TABLE IF NOT EXISTS files (
    file_id INTEGER PRIMARY KEY,
    night INTEGER NOT NULL,          -- in which it comes into the outbox
    made_night INTEGER NOT NULL,     -- in which it was made: earlier when it is held back
    evening INTEGER NOT NULL,        -- 1 for the second drop of its night
    partner_id TEXT NOT NULL,
    role TEXT NOT NULL,              -- enrollment | answer
    name TEXT NOT NULL,
    fault TEXT,
    set_count INTEGER NOT NULL,      -- ST segments in the bytes
    member_count INTEGER NOT NULL,   -- INS segments in the bytes
    interchange INTEGER,             -- ISA13
    ta1 TEXT,                        -- A | E | R once answered
    content BLOB,                    -- until it is in the outbox
    placement TEXT NOT NULL DEFAULT 'planned',  -- planned | moving | placed
    UNIQUE (partner_id, name)
);
CREATE TABLE IF NOT EXISTS transactions (
    transaction_id INTEGER PRIMARY KEY,
    partner_id TEXT NOT NULL,
    policy_id TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS sends (
    send_id INTEGER PRIMARY KEY,
    transaction_id INTEGER,          -- null for a policy that the exchange does not have
    file_id INTEGER NOT NULL REFERENCES files,
    fault TEXT,
    group_number INTEGER NOT NULL,   -- GS06
    set_number TEXT NOT NULL UNIQUE, -- ST02
    reference TEXT NOT NULL,         -- BGN02
    total INTEGER NOT NULL,          -- QTY*TO
    ack TEXT                         -- A | E | R once answered
);
CREATE INDEX IF NOT EXISTS sends_by_transaction ON sends (transaction_id);
CREATE INDEX IF NOT EXISTS sends_by_group ON sends (group_number);
CREATE INDEX IF NOT EXISTS transactions_by_policy ON transactions (policy_id);
CREATE TABLE IF NOT EXISTS policy_members (
    member_id TEXT NOT NULL,
    policy_id TEXT NOT NULL,
    insurance_line TEXT NOT NULL,
    PRIMARY KEY (member_id, policy_id)
);
CREATE INDEX IF NOT EXISTS members_by_policy ON policy_members (policy_id);
CREATE TABLE IF NOT EXISTS issuer_sets ( -- what the carrier said and the exchange accepted
    issuer_set_id INTEGER PRIMARY KEY,
    partner_id TEXT NOT NULL,
    policy_id TEXT NOT NULL,
    kind TEXT NOT NULL,              -- effectuation | cancellation | termination | ...
    reason TEXT NOT NULL,            -- ADDL MAINT REASON
    coverage_end TEXT,               -- 357
    said_on TEXT NOT NULL,
    after_transaction INTEGER NOT NULL, -- the last transaction of the exchange before it
    ids TEXT NOT NULL,               -- JSON: the issuer's ids of policy, subscriber and members
    night INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS issuer_sets_by_policy ON issuer_sets (policy_id);
CREATE INDEX IF NOT EXISTS issuer_sets_by_partner ON issuer_sets (partner_id);
CREATE TABLE IF NOT EXISTS forced (      -- what the scenario wants to go wrong
    forced_id INTEGER PRIMARY KEY,
    night INTEGER NOT NULL,
    partner_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL            -- a policy id, or the name of the carrier's file
);
CREATE INDEX IF NOT EXISTS forced_by_subject ON forced (subject);
CREATE TABLE IF NOT EXISTS unread (      -- policies of which a lost file of the carrier speaks
    partner_id TEXT NOT NULL,
    name TEXT NOT NULL,
    policy_id TEXT NOT NULL,
    PRIMARY KEY (partner_id, policy_id, name)
);
CREATE TABLE IF NOT EXISTS unheard (     -- rejections of which the carrier has not heard yet
    partner_id TEXT NOT NULL,
    policy_id TEXT NOT NULL,
    known_night INTEGER NOT NULL     -- in which it works with that
);
CREATE INDEX IF NOT EXISTS unheard_by_policy ON unheard (policy_id);
CREATE INDEX IF NOT EXISTS files_by_night ON files (made_night, partner_id);
CREATE INDEX IF NOT EXISTS files_by_placement ON files (placement);
CREATE INDEX IF NOT EXISTS sends_by_file ON sends (file_id);
CREATE INDEX IF NOT EXISTS files_by_interchange ON files (interchange);
CREATE TABLE IF NOT EXISTS renewals (    -- auto re-enrollments of policies that we had before
    policy_id TEXT PRIMARY KEY,
    base_policy_id TEXT NOT NULL,
    partner_id TEXT NOT NULL,
    cancel_night INTEGER             -- in which it is cancelled, since its base has ended
);
CREATE TABLE IF NOT EXISTS answers_read (
    partner_id TEXT NOT NULL,
    name TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    night INTEGER NOT NULL,
    outcome TEXT NOT NULL,           -- JSON
    PRIMARY KEY (partner_id, name, sha256)
);
CREATE TABLE IF NOT EXISTS numbers_received (
    partner_id TEXT NOT NULL,
    kind TEXT NOT NULL,              -- ISA13 | GS06 | ST02
    number TEXT NOT NULL,
    PRIMARY KEY (partner_id, kind, number)
);
"""

ACCEPTED = "s.ack IN ('A', 'E') AND ifnull(f.ta1, '') <> 'R'"
GOOD = "s.fault IS NULL AND f.fault IS NULL"


@dataclass(frozen=True)
class PlannedFile:
    """A file for the outbox. `sends` are its transaction sets in order."""

    night: int
    partner_id: str
    role: str
    name: str
    content: bytes
    fault: str | None = None
    interchange: int | None = None
    sends: tuple["PlannedSend", ...] = ()
    made_night: int | None = None  # where it is not the night in which it comes
    evening: bool = False  # it comes with the second drop of its night


@dataclass(frozen=True)
class PlannedSend:
    """One transaction set in a planned file."""

    transaction_id: int | None
    fault: str | None
    group_number: int
    set_number: str
    reference: str
    total: int


@dataclass(frozen=True)
class History:
    """A policy's transactions, in order, and how many of them from the first arrived.

    `arrived_in` is the night in which the first one did; 0 when it did not.
    """

    policy_id: str
    transaction_ids: tuple[int, ...]
    arrived: int
    arrived_in: int = 0


class State:
    """The exchange's memory. Changes are made inside `with state.transaction():`."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.connection = sqlite3.connect(path, timeout=60, isolation_level=None)
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute("PRAGMA synchronous = NORMAL")
        self._loaded: dict[int, Transaction] = {}
        self.connection.executescript(_SCHEMA)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside is kept, or nothing."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.connection.execute("ROLLBACK")
            self._loaded.clear()
            raise
        self.connection.execute("COMMIT")

    def next_number(self, name: str) -> int:
        """The next control number of that name: 1, 2, 3, ..."""
        row = self.connection.execute(
            "INSERT INTO numbers VALUES (?, 1)"
            " ON CONFLICT (name) DO UPDATE SET last = last + 1 RETURNING last",
            (name,),
        ).fetchone()
        return int(row[0])

    def nights_sent(self) -> int:
        """How many nights are planned already, with the one in which all ends."""
        return int(self.connection.execute("SELECT count(*) FROM nights").fetchone()[0])

    def add_transaction(self, transaction: Transaction) -> int:
        """The id of the stored transaction."""
        policy = transaction.policy
        cursor = self.connection.execute(
            "INSERT INTO transactions (partner_id, policy_id, body) VALUES (?, ?, ?)",
            (policy.partner_id, policy.policy_id, _TRANSACTION.dump_json(transaction).decode()),
        )
        self.connection.executemany(
            "INSERT INTO policy_members VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            [(e.person.member_id, policy.policy_id, policy.insurance_line) for e in policy.covered],
        )
        return int(cursor.lastrowid or 0)

    def last_transaction(self, policy_id: str | None = None) -> int:
        """The id of the last transaction, of that policy or of all; 0 when there is none."""
        condition = "" if policy_id is None else " WHERE policy_id = ?"
        row = self.connection.execute(
            f"SELECT ifnull(max(transaction_id), 0) FROM transactions{condition}",  # noqa: S608
            () if policy_id is None else (policy_id,),
        ).fetchone()
        return int(row[0])

    def last_sent(self, transaction_id: int) -> tuple[str, int]:
        """BGN02 and QTY*TO with which the carrier accepted that transaction last."""
        reference, total = self.connection.execute(
            "SELECT reference, total FROM sends s JOIN files f USING (file_id)"  # noqa: S608
            f" WHERE transaction_id = ? AND {ACCEPTED} ORDER BY send_id DESC LIMIT 1",
            (transaction_id,),
        ).fetchone()
        return str(reference), int(total)

    def copies_of(self, transaction_id: int) -> frozenset[str]:
        """Every BGN02 with which the carrier has accepted that transaction."""
        rows = self.connection.execute(
            "SELECT reference FROM sends s JOIN files f USING (file_id)"  # noqa: S608
            f" WHERE transaction_id = ? AND {ACCEPTED}",
            (transaction_id,),
        )
        return frozenset(reference for (reference,) in rows)

    def references_of(self, policy_id: str) -> frozenset[str]:
        """BGN02 of every set of the policy that was sent."""
        rows = self.connection.execute(
            "SELECT reference FROM sends JOIN transactions USING (transaction_id)"
            " WHERE policy_id = ?",
            (policy_id,),
        )
        return frozenset(reference for (reference,) in rows)

    def policies_of_members(self, policy_id: str, insurance_line: str) -> list[str]:
        """The other policies of that line of any member of the policy."""
        rows = self.connection.execute(
            "SELECT DISTINCT o.policy_id FROM policy_members m JOIN policy_members o"
            " USING (member_id) WHERE m.policy_id = ? AND o.policy_id <> m.policy_id"
            " AND o.insurance_line = ? ORDER BY o.policy_id",
            (policy_id, insurance_line),
        )
        return [other for (other,) in rows]

    def load_transactions(self, ids: Iterable[int]) -> Iterator[Transaction]:
        """The transactions of those ids, in that order."""
        for transaction_id in ids:
            if transaction_id not in self._loaded:
                row = self.connection.execute(
                    "SELECT body FROM transactions WHERE transaction_id = ?", (transaction_id,)
                ).fetchone()
                self._loaded[transaction_id] = _TRANSACTION.validate_json(row[0])
            yield self._loaded[transaction_id]

    def add_file(self, file: PlannedFile) -> None:
        """Remembers a file that is to be put in the outbox, with its transaction sets."""
        cursor = self.connection.execute(
            "INSERT INTO files (night, made_night, evening, partner_id, role, name, fault,"
            " set_count, member_count, interchange, content)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                file.night,
                file.made_night or file.night,
                file.evening,
                file.partner_id,
                file.role,
                file.name,
                file.fault,
                file.content.count(b"~ST*"),
                file.content.count(b"~INS*"),
                file.interchange,
                file.content,
            ),
        )
        self.connection.executemany(
            "INSERT INTO sends (transaction_id, file_id, fault, group_number, set_number,"
            " reference, total) VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(s.transaction_id, cursor.lastrowid, s.fault, *_numbers_of(s)) for s in file.sends],
        )

    def file_count(self, night: int, partner_id: str) -> int:
        """How many files were made in that night for the partner."""
        row = self.connection.execute(
            "SELECT count(*) FROM files WHERE made_night = ? AND partner_id = ?",
            (night, partner_id),
        ).fetchone()
        return int(row[0])

    def histories(
        self,
        partner_id: str,
        condition: str,
        up_to_night: int | None = None,
        policy_id: str | None = None,
    ) -> list[History]:
        """The history of each policy of the partner, or of one, in the order of first sending.

        A transaction arrived when a send of it meets `condition` and was sent after the one with
        which the transaction before it arrived; after one that did not, none counts.
        """
        limits = {"t.partner_id = ?": partner_id}
        if up_to_night is not None:
            limits["f.night <= ?"] = str(up_to_night)
        if policy_id is not None:
            limits["t.policy_id = ?"] = policy_id
        rows = self.connection.execute(
            f"SELECT t.policy_id, t.transaction_id, s.send_id, f.night, {condition}"  # noqa: S608
            " FROM transactions t LEFT JOIN sends s USING (transaction_id)"
            f" LEFT JOIN files f USING (file_id) WHERE {' AND '.join(limits)}"
            " ORDER BY t.transaction_id, s.send_id",
            tuple(limits.values()),
        )
        by_policy: dict[str, dict[int, list[int]]] = defaultdict(dict)
        nights: dict[str, int] = {}
        for policy, transaction_id, send_id, night, meets in rows:
            sends = by_policy[policy].setdefault(transaction_id, [])
            if meets:
                sends.append(send_id)
                nights.setdefault(policy, night)
        histories = []
        for policy, transactions in by_policy.items():
            arrived = _arrived(transactions.values())
            night = nights[policy] if arrived else 0
            histories.append(History(policy, tuple(transactions), arrived, night))
        return histories

    def drop_policy(self, policy_id: str) -> None:
        """Forgets a policy that the carrier has never been told of (guide, section 7.2.10)."""
        gone = f"dropped {policy_id}"
        self.connection.execute(
            "UPDATE transactions SET partner_id = '', policy_id = ? WHERE policy_id = ?",
            (gone, policy_id),
        )
        self.connection.execute("DELETE FROM policy_members WHERE policy_id = ?", (policy_id,))
        self.connection.execute("DELETE FROM renewals WHERE policy_id = ?", (policy_id,))

    def is_accepted(self, transaction_id: int) -> bool:
        """Whether the carrier has accepted it, once at least."""
        row = self.connection.execute(
            "SELECT 1 FROM sends s JOIN files f USING (file_id)"  # noqa: S608
            f" WHERE transaction_id = ? AND {ACCEPTED} LIMIT 1",
            (transaction_id,),
        ).fetchone()
        return row is not None

    def is_on_its_way(self, transaction_id: int) -> bool:
        """Whether it was sent and the carrier has not said anything of it yet."""
        row = self.connection.execute(
            "SELECT ack IS NULL FROM sends WHERE transaction_id = ? ORDER BY send_id DESC LIMIT 1",
            (transaction_id,),
        ).fetchone()
        return bool(row and row[0])

    def failed_by_fault(self, transaction_id: int) -> bool:
        """Whether the carrier rejected it because it was damaged."""
        row = self.connection.execute(
            "SELECT s.ack = 'R' AND (s.fault IS NOT NULL OR f.fault IS NOT NULL)"
            " FROM sends s JOIN files f USING (file_id) WHERE s.transaction_id = ?"
            " ORDER BY s.send_id DESC LIMIT 1",
            (transaction_id,),
        ).fetchone()
        return bool(row and row[0])


def _numbers_of(send: PlannedSend) -> tuple[int, str, str, int]:
    return send.group_number, send.set_number, send.reference, send.total


def _arrived(transactions: Iterable[list[int]]) -> int:
    arrived, last = 0, 0
    for sends in transactions:
        later = [send_id for send_id in sends if send_id > last]
        if not later:
            break
        arrived, last = arrived + 1, later[0]
    return arrived
