"""Whether two words are one person's, where a second person is needed.

A name is what somebody calls himself: of an account of the console it may be a claim of the
provider, which changes. Each account of the console is one person's, though; one of the operating
system may be that of all who give `--by`.
"""

CONSOLE = "console:"  # how the accounts of the console begin


def plain_name(person: str) -> str:
    """The name as it is compared: whatever its letters' case, and its blanks."""
    return " ".join(person.split()).casefold()


def is_same_person(person: str, account: str | None, other: str, other_account: str | None) -> bool:
    """Whether two words, each with name and account, are of one person."""
    has_account = account is not None and account.startswith(CONSOLE)
    return plain_name(person) == plain_name(other) or (has_account and account == other_account)
