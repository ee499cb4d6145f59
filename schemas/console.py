"""Accounts and sessions of the console, in the database schema `console`.

Nothing of an enrollment stands here. Passwords, session tokens and tried names are kept as hashes.
"""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from schemas.columns import INSTANT, identity, metadata, one_of, reference, text


def _names(name: str) -> sa.Column[list[str]]:
    return sa.Column(name, ARRAY(sa.Text), nullable=False)


def _now(name: str) -> sa.Column[object]:
    return sa.Column(name, INSTANT, nullable=False, server_default=sa.func.now())


# `issuer` is who vouches for the person: `local`, by a password here, or an OpenID provider.
# Partners: `*` is all of them.
account = sa.Table(
    "account",
    metadata,
    identity("account_id"),
    text("issuer"),
    text("subject"),  # the name at the issuer, by which the person signs in
    text("name"),  # as screens and the audit trail name the person
    sa.Column("password_hash", sa.Text),
    _names("roles"),
    _names("partners"),
    sa.Column("state", sa.Text, nullable=False, server_default="active"),
    text("created_by"),
    _now("created_at"),
    sa.Column("last_seen_at", INSTANT),
    one_of("state", "active", "disabled"),
    sa.CheckConstraint("(issuer = 'local') = (password_hash IS NOT NULL)", name="password"),
    sa.UniqueConstraint("issuer", "subject"),
    schema="console",
)

# Of the token that the browser holds there is the SHA-256 only.
session = sa.Table(
    "session",
    metadata,
    identity("session_id"),
    text("token_sha256"),
    reference("account_id", "console.account.account_id"),
    _now("began_at"),
    _now("last_seen_at"),
    sa.Column("ended_at", INSTANT),
    sa.Column("emergency_until", INSTANT),  # break-glass: wider rights until then
    sa.Column("emergency_reason", sa.Text),
    sa.CheckConstraint("(emergency_until IS NULL) = (emergency_reason IS NULL)", name="emergency"),
    sa.UniqueConstraint("token_sha256"),
    sa.Index("ix_session_account_id", "account_id"),
    schema="console",
)

# What somebody looks at again and again: the filters of the queue under a name. `role`: whoever
# holds it sees the view too.
saved_view = sa.Table(
    "saved_view",
    metadata,
    identity("view_id"),
    reference("account_id", "console.account.account_id"),
    text("name"),
    text("query"),  # as in the address, `owner=-&work=case`
    sa.Column("role", sa.Text),
    sa.Column("is_default", sa.Boolean, nullable=False, server_default=sa.false()),
    _now("created_at"),
    sa.UniqueConstraint("account_id", "name"),
    sa.Index(
        "uq_saved_view_default",
        "account_id",
        unique=True,
        postgresql_where=sa.text("is_default"),
    ),
    sa.Index("ix_saved_view_role", "role"),
    schema="console",
)

# Tries of a password that failed, by what was typed and from where: both as SHA-256.
failed_sign_in = sa.Table(
    "failed_sign_in",
    metadata,
    identity("failed_id"),
    text("subject_sha256"),
    text("address_sha256"),
    _now("at"),
    sa.Index("ix_failed_sign_in_subject", "subject_sha256", "at"),
    sa.Index("ix_failed_sign_in_address", "address_sha256", "at"),
    schema="console",
)
