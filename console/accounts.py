"""Who may sign in: accounts, their roles and partners, and tries of a password."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from console import sessions
from console.access import load_access
from console.passwords import SHORTEST, hashed, matches
from schemas.console import account, failed_sign_in
from schemas.errors import Terminal

LOCAL, ALL_PARTNERS = "local", "*"
TRIES_OF_A_NAME, TRIES_OF_AN_ADDRESS, TRIES_MINUTES = 5, 30, 15
_TURN = "console sign-in"

# An account that nobody has used for so long lets nobody in: an administrator makes it active.
IDLE_DAYS = 60

_TRIES = sa.text("""
SELECT
  (SELECT count(*) FROM console.failed_sign_in
   WHERE subject_sha256 = :subject AND at > now() - :minutes * interval '1 minute'),
  (SELECT count(*) FROM console.failed_sign_in
   WHERE address_sha256 = :address AND at > now() - :minutes * interval '1 minute')
""")
_KNOWN = sa.text("""
SELECT account_id, password_hash,
  state = 'active' AND coalesce(last_seen_at, created_at) > now() - :days * interval '1 day'
    AS may_sign_in
FROM console.account WHERE issuer = 'local' AND subject = :subject
""")


class TooManyTries(Exception):
    """So many passwords were wrong that none is looked at for a while."""


@dataclass(frozen=True)
class Grant:
    """What an account may: its roles, and the partners that it sees (`*`: all)."""

    roles: Sequence[str]
    partners: Sequence[str]

    def __post_init__(self) -> None:
        """Raises Terminal for a role that there is not."""
        unknown = set(self.roles) - load_access().roles.keys()
        if unknown:
            known = ", ".join(load_access().roles)
            raise Terminal(f"There is no role {min(unknown)!r}. Name some of: {known}.")


def has_accounts(conn: sa.Connection) -> bool:
    """Whether anybody can sign in."""
    return bool(conn.execute(sa.select(sa.exists().select_from(account))).scalar_one())


def set_local_account(
    conn: sa.Connection, subject: str, password: str, grant: Grant, made_by: str
) -> int:
    """The id of a local account with that password, made or changed, and active.

    Whoever is in with the password of before is out: it may be known to somebody else.
    """
    told: dict[str, Any] = {
        "password_hash": hashed(password),
        "roles": list(grant.roles),
        "partners": list(grant.partners),
        "state": "active",
    }
    row = insert(account).values(
        issuer=LOCAL, subject=subject, name=subject, created_by=made_by, **told
    )
    known = row.on_conflict_do_update(
        index_elements=["issuer", "subject"], set_={**told, "last_seen_at": sa.func.now()}
    )
    account_id = int(conn.execute(known.returning(account.c.account_id)).scalar_one())
    sessions.end_all(conn, account_id)
    return account_id


def keep_guest(conn: sa.Connection, issuer: str, subject: str, name: str, grant: Grant) -> int:
    """The id of the account of somebody for whom another issuer vouches; its grant is theirs.

    Raises Terminal when an administrator has disabled it.
    """
    told = {"name": name, "roles": list(grant.roles), "partners": list(grant.partners)}
    row = insert(account).values(issuer=issuer, subject=subject, created_by=issuer, **told)
    known = row.on_conflict_do_update(index_elements=["issuer", "subject"], set_=told)
    found = conn.execute(known.returning(account.c.account_id, account.c.state)).one()
    if found.state != "active":
        raise Terminal("This account is disabled. Ask an administrator of the console.")
    return int(found.account_id)


def account_by_password(
    conn: sa.Connection, subject: str, password: str, address: str | None
) -> int | None:
    """The id of the active local account with that name and password, None when there is none.

    Notes a try that failed. Raises TooManyTries after five of a name, or thirty of an address,
    within fifteen minutes, whether there is such an account or not. Without an address, tries of
    the name alone count.
    """
    tried = {"subject": _sha256(subject.casefold()), "address": _sha256(address or "")}
    # One try of a name at a time: two at once would both be counted before either failed.
    turn = sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(_TURN + tried["subject"], 0))
    conn.execute(sa.select(turn))
    of_name, of_address = conn.execute(_TRIES, {**tried, "minutes": TRIES_MINUTES}).one()
    from_there = of_address if address else 0
    if of_name >= TRIES_OF_A_NAME or from_there >= TRIES_OF_AN_ADDRESS:
        raise TooManyTries
    known = conn.execute(_KNOWN, {"subject": subject, "days": IDLE_DAYS}).one_or_none()
    kept = known.password_hash if known else None
    if matches(password, kept) and known and known.may_sign_in:
        return int(known.account_id)
    hashes = {"subject_sha256": tried["subject"], "address_sha256": tried["address"]}
    conn.execute(sa.insert(failed_sign_in).values(**hashes))
    return None


def change_password(conn: sa.Connection, account_id: int, old: str, new: str) -> str | None:
    """What is wrong with the change, in a sentence; None when the account has the new password."""
    kept = sa.select(account.c.password_hash).where(account.c.account_id == account_id)
    if not matches(old, conn.execute(kept.with_for_update()).scalar_one()):
        return "The password that you have now is another one."
    if len(new) < SHORTEST:
        return f"A password has at least {SHORTEST} characters."
    changed = sa.update(account).where(account.c.account_id == account_id)
    conn.execute(changed.values(password_hash=hashed(new)))
    return None


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
