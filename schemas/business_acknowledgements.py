"""Business acknowledgements as data: what their elements are called, and what can be wrong.

The names are `[business_acknowledgement]` of an exchange in `companions/*.toml`; the rules are the
rows of `rules/business_acknowledgements.toml`.
"""

import tomllib
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from schemas.errors import Terminal

_OF_TRANSACTION = (
    "interchange_control_number",
    "group_control_number",
    "transaction_set_control_number",
    "exchange_subscriber_id",
    "exchange_member_id",
    "exchange_policy_id",
)
_OF_ERROR = ("severity", "element", "code", "message")


class BusinessAcknowledgementNames(BaseModel):
    """What an exchange calls the elements of its business acknowledgements, without namespaces."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    root: str
    trading_partner_id: str
    transaction: str
    interchange_control_number: str
    group_control_number: str
    transaction_set_control_number: str
    exchange_subscriber_id: str
    exchange_member_id: str
    exchange_policy_id: str
    error: str
    severity: str
    element: str
    code: str
    message: str
    rejected: tuple[str, ...]  # values of `severity`
    warning: tuple[str, ...]

    @property
    def of_transaction(self) -> dict[str, str]:
        """Our columns by the names of the elements in a transaction."""
        return {getattr(self, column): column for column in _OF_TRANSACTION}

    @property
    def of_error(self) -> dict[str, str]:
        """Our columns by the names of the elements in an error."""
        return {getattr(self, column): column for column in _OF_ERROR}

    @property
    def severities(self) -> dict[str, str]:
        """Our severities by those of the exchange."""
        return dict.fromkeys(self.rejected, "rejected") | dict.fromkeys(self.warning, "warning")


class AnswerRule(BaseModel):
    """What can be wrong with a business acknowledgement, and a file that is so.

    An example names a text of the good file and what stands in its place; `bad` may be a whole one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    severity: Literal["reject", "error", "warning"]
    wording: str
    fix: str
    source: str
    bad: dict[str, str] | str
    good: dict[str, str] = {}


@cache
def load_answer_rules() -> dict[str, AnswerRule]:
    """The rules by id, in the order of their file. Raises Terminal when a row is wrong."""
    path = Path(str(files("schemas"))) / "rules" / "business_acknowledgements.toml"
    try:
        rows = tomllib.loads(path.read_text("utf-8"))["rules"]
        rules = [AnswerRule.model_validate(row) for row in rows]
    except (tomllib.TOMLDecodeError, KeyError, ValidationError) as error:
        raise Terminal(f"{path}: {error}. Correct the file.") from error
    return {rule.id: rule for rule in rules}
