"""Moments in texts that ask a person to type them again."""

from datetime import UTC, datetime


def typed(moment: datetime) -> str:
    """The moment to the last digit, in UTC, as the options of commands take it."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
