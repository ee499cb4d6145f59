"""The audit trail as tests read it."""

from ledger import audit


def trail(engine, **wanted):
    """The entries of the committed trail."""
    with engine.connect() as conn:
        return list(audit.entries(conn, **wanted))


def verified(conn, anchor=None):
    """What a walk along the trail finds."""
    return audit.verify(audit.entries(conn), anchor)
