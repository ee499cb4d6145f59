"""What each transaction that we send must and must not hold, as data of an exchange.

The rows are `[issuer_transactions.<transaction>]` in `companions/*.toml`. What every exchange takes
alike (envelope, header, names) is in the writer; here is what differs, by transaction or exchange.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict

Transaction = Literal["effectuation", "cancellation", "termination", "maintenance", "reinstatement"]


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EndOfCoverage(_Row):
    """How many days the end lies behind the begin of eligibility: at least, and at most.

    With a reason (ADDL MAINT REASON) in `on_first_day` it may lie on the begin, too.
    """

    least: int | None = None
    most: int | None = None
    on_first_day: tuple[str, ...] = ()


class IssuerTransaction(_Row):
    """What a transaction from the issuer holds. Dates are named by their DTP01."""

    source: str
    employment_status: str  # INS08 of the subscriber
    policy_number_in: Literal["2000", "2300"]  # the loop of REF*1L
    member_dates: tuple[Literal["356", "303", "357"], ...]  # loop 2000
    demographics: bool = True  # DMG
    coverage: bool  # loop 2300; without it the loop is forbidden
    coverage_dates: tuple[Literal["348", "303", "349", "543"], ...] = ()
    categories: tuple[Literal["REQUEST SUBMIT TIMESTAMP", "ADDL MAINT REASON"], ...]
    reason_dated: tuple[str, ...] = ()  # DTP*007 of ADDL MAINT REASON: the first column with a date
    required: tuple[str, ...] = ()  # columns, beyond those that each transaction must have
    end: EndOfCoverage | None = None
