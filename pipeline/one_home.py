"""A database and a home that belong together: neither knows of files that the other has not.

Each may be named by itself, in a variable or a file that is read elsewhere the next time. Then a
night would begin with an empty book and number one, and a backup would hold half of what it says.
"""

from pathlib import Path

import sqlalchemy as sa

from schemas.errors import Terminal

_NO_RUN = sa.text("SELECT NOT EXISTS (SELECT FROM ledger.run)")
_NEWEST = sa.text("""
SELECT storage_key FROM ledger.file f
WHERE NOT EXISTS (SELECT FROM ledger.audit_entry e
  WHERE e.object_kind = 'file' AND e.object_id = f.file_id AND e.action = 'content removed')
ORDER BY file_id DESC LIMIT 100
""")


def require_known(conn: sa.Connection, landing: Path) -> None:
    """Raises Terminal when files are stored here and the database knows of no run at all."""
    if next(landing.glob("[0-9a-f][0-9a-f]/*"), None) and conn.execute(_NO_RUN).scalar_one():
        raise Terminal(
            f"The database knows of no night, and {landing} has files of some: it is that of "
            "another home. Name the home's own in database_url, or another home."
        )


def require_stored(conn: sa.Connection, landing: Path) -> None:
    """Raises Terminal when of the newest files that the database names none is stored here."""
    keys = conn.execute(_NEWEST).scalars().all()
    if keys and not any((landing / key).exists() for key in keys):
        raise Terminal(
            f"The database names files, and {landing} has none of the newest {len(keys):,}: it is "
            "that of another home. Name the nights' own in EDI834_HOME."
        )
