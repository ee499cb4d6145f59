"""Sessions: a random token in the browser, its SHA-256 in the database, and an end when idle."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from console.access import EMERGENCY
from schemas.console import session

IDLE_MINUTES = 15  # ARC-AMPE AC-11
LONGEST_HOURS = 12
EMERGENCY_MINUTES = 30

_FOUND = sa.text("""
UPDATE console.session s SET last_seen_at = now()
FROM console.account a
WHERE s.token_sha256 = :digest AND s.account_id = a.account_id AND a.state = 'active'
  AND s.ended_at IS NULL
  AND s.last_seen_at > now() - :idle * interval '1 minute'
  AND s.began_at > now() - :longest * interval '1 hour'
RETURNING s.session_id, a.account_id, a.name, a.issuer, a.roles, a.partners,
  CASE WHEN s.emergency_until > now() THEN s.emergency_until END AS emergency_until
""")
_BEGUN = sa.text("""
WITH seen AS (
  UPDATE console.account SET last_seen_at = now() WHERE account_id = :account_id
)
INSERT INTO console.session (token_sha256, account_id) VALUES (:digest, :account_id)
""")
_EMERGENCY = sa.text("""
UPDATE console.session
SET emergency_until = now() + :minutes * interval '1 minute', emergency_reason = :reason
WHERE session_id = :session_id
""")


@dataclass(frozen=True)
class Guest:
    """Who has signed in, and what that person may now."""

    session_id: int
    account_id: int
    name: str
    issuer: str
    all_roles: tuple[str, ...]
    partners: tuple[str, ...]
    emergency_until: datetime | None

    @property
    def roles(self) -> frozenset[str]:
        """The roles in effect: that of an emergency only while one is declared."""
        held = frozenset(self.all_roles)
        return held if self.emergency_until else held - {EMERGENCY}


def new_token() -> str:
    """A secret for a cookie."""
    return secrets.token_urlsafe(32)


def form_token(token: str) -> str:
    """What forms send back to prove that they are pages of ours, for whoever holds the token."""
    return hmac.new(token.encode(), b"form", hashlib.sha256).hexdigest()


def begin(conn: sa.Connection, account_id: int) -> str:
    """The token of a new session of the account."""
    token = new_token()
    conn.execute(_BEGUN, {"account_id": account_id, "digest": _digest(token)})
    return token


def guest_of(conn: sa.Connection, token: str) -> Guest | None:
    """Who holds the token, seen just now; None when the session is over or there is none."""
    limits = {"idle": IDLE_MINUTES, "longest": LONGEST_HOURS}
    row = conn.execute(_FOUND, {"digest": _digest(token), **limits}).one_or_none()
    if row is None:
        return None
    return Guest(
        row.session_id,
        row.account_id,
        row.name,
        row.issuer,
        tuple(row.roles),
        tuple(row.partners),
        row.emergency_until,
    )


def end(conn: sa.Connection, session_id: int) -> None:
    """Ends a session."""
    over = sa.update(session).where(session.c.session_id == session_id)
    conn.execute(over.where(session.c.ended_at.is_(None)).values(ended_at=sa.func.now()))


def end_all(conn: sa.Connection, account_id: int, *, but: int = 0) -> None:
    """Ends the sessions of an account, all but one."""
    of_account = (session.c.account_id == account_id) & (session.c.session_id != but)
    over = sa.update(session).where(of_account, session.c.ended_at.is_(None))
    conn.execute(over.values(ended_at=sa.func.now()))


def declare_emergency(conn: sa.Connection, session_id: int, reason: str) -> None:
    """Gives the session its account's wider rights for half an hour."""
    told = {"session_id": session_id, "reason": reason, "minutes": EMERGENCY_MINUTES}
    conn.execute(_EMERGENCY, told)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
