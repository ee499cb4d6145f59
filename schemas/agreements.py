"""What was agreed with a partner beside the guide, as rows: dated, with who agreed, and why."""

from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict, model_validator

from schemas.gate import load_gate


class Agreement(BaseModel):
    """An agreement with a partner: from when to when it holds, and with whom it was made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    effective_from: date
    effective_to: date | None = None  # the last day
    agreed_with: str
    agreed_on: date
    reason: str

    def holds_on(self, day: date | None) -> bool:
        """Whether it is in effect on a day; on an unknown day it is not."""
        return day is not None and self.effective_from <= day <= (self.effective_to or day)


class Tolerance(Agreement):
    """What a partner may do although a rule says otherwise."""

    rule: str
    effect: Literal["warning", "off"]


class Bound(Agreement):
    """The bound of one of the gate's expectations for this partner, in place of the gate's own."""

    expectation: str
    at_most: float

    @model_validator(mode="after")
    def _bounds_what_is_held(self) -> "Bound":
        known = load_gate().by_id.get(self.expectation)
        if known is None or known.kind not in ("share", "sum"):
            raise ValueError(
                f"{self.expectation} is no expectation of schemas/gate.toml of kind share or sum"
            )
        return self
