"""What the HIX 820 pays and charges, and how it is compared with the book: schemas/premium.toml."""

from decimal import Decimal
from functools import cache
from typing import Literal

from schemas.rows import Row, read_rows

Amount = Literal["aptc", "csr", "user_fee"]
Role = Literal["monthly", "adjustment", "program"]
Sign = Literal["positive", "negative", "either"]


class _Fact(Row):
    """A row that somebody published, or that we suppose (`confirmed` is false)."""

    source: str
    confirmed: bool


class PaymentType(_Fact):
    """One value of RMR02 (005010X306). `amount` is None for what is of no policy."""

    code: str
    name: str
    amount: Amount | None = None
    role: Role
    sign: Sign


class UserFee(_Fact):
    """The user fee of an exchange in a plan year, as a share of the total premium."""

    exchange: str
    plan_year: int
    rate: Decimal


class Matching(_Fact):
    """How payments find their policies, and when two amounts agree. Tolerances are cents."""

    identifiers: tuple[str, ...]
    tolerance_cents: dict[Amount, int]
    prorated: tuple[Amount, ...]
    paid_statuses: tuple[str, ...]


class PremiumDifference(Row):
    """Of which kind a category of `PREMIUM_MONTHS` is as a difference, and what a person does."""

    category: str
    kind: Literal["differs", "missing_at_carrier", "missing_in_book"]
    action: str


class PremiumRules(Row):
    """All rows of schemas/premium.toml."""

    payment_types: tuple[PaymentType, ...]
    user_fees: tuple[UserFee, ...]
    matching: Matching
    differences: tuple[PremiumDifference, ...]


@cache
def load_premium_rules() -> PremiumRules:
    """The rows of schemas/premium.toml."""
    return read_rows(PremiumRules, "premium.toml")
