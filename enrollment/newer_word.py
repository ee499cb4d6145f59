"""Whether something newer was said of a policy, and by whom.

What we say ourselves settles nothing that waits for the exchange's word.
"""

from schemas.book import SAID_BY_ISSUER

_OURS = ", ".join(f"'{name}'" for name in SAID_BY_ISSUER.values())

# The condition, as SQL, on a transaction set of the book by the alias `newer`.
BY_EXCHANGE = f"newer.transaction NOT IN ({_OURS})"


def changes_coverage(alias: str) -> str:
    """The condition, as SQL, that a set may change what a full file compares.

    Of what we say, only an end and its taking back do.
    """
    return f"{alias}.transaction NOT IN ('effectuation', 'issuer_maintenance')"
