"""What a reconciliation compares, as data: `rules/reconciliation.toml`, read and checked once."""

import tomllib
from decimal import Decimal
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from schemas import records
from schemas.errors import Terminal

Kind = Literal[
    "exact", "caseless", "name", "digits", "postal_code", "money", "date", "end_date", "spans"
]
Decider = Literal["exchange", "issuer"]


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Instead(_Row):
    """The column whose value is taken where a column is blank on this side alone."""

    where_blank: str
    take: str


class ComparedField(_Row):
    """One column of both sides: when two of its values are the same, and whose value holds."""

    name: str
    kind: Kind
    decides: Decider
    members: Literal["all", "subscriber"] = "all"
    blank: Literal["unknown", "zero"] = "unknown"
    book_blank: Literal["compare", "skip"] = "compare"
    instead: Instead | None = None
    dollars: Literal["premium", "aptc", "csr"] | None = None
    spans: str | None = None  # a day that differs is the same where these cover the same
    beside: tuple[str, ...] = ()  # spans are told where these agree: else they tell it

    @property
    def columns(self) -> set[str]:
        """The columns of a side that its comparison reads."""
        others = {self.instead.where_blank, self.instead.take} if self.instead else set()
        return {self.name} | others


class Decision(_Row):
    """What is to be done where this side decides, and whose move it is."""

    action: str
    waits_for: Literal["carrier", "exchange"]


class MissingRow(_Row):
    """Who decides whether a member whom one side lacks is enrolled, and what is to be done."""

    decides: Decider
    action: str


class ComparisonRules(_Row):
    """The whole comparison: how rows are matched, which are expected, what is compared."""

    id: str
    version: int
    key: tuple[str, ...]
    may_be_absent: tuple[str, ...]
    money_tolerance: Decimal
    decisions: dict[Decider, Decision]
    missing_at_carrier: MissingRow
    missing_in_book: MissingRow
    fields: tuple[ComparedField, ...]

    @property
    def key_fields(self) -> tuple[ComparedField, ...]:
        """The key as fields: compared where other ids, a person or likeness made the pair."""
        return tuple(ComparedField(name=n, kind="exact", decides="exchange") for n in self.key)

    @model_validator(mode="after")
    def _columns_exist(self) -> "ComparisonRules":
        named = [*self.key, *(field.name for field in self.fields)]
        spans = [field.spans for field in self.fields if field.spans]
        if {*spans, *(name for field in self.fields for name in field.beside)} - set(named):
            raise ValueError("spans and beside name other fields of the comparison")
        others = [field.instead for field in self.fields if field.instead]
        for name in (*named, *(n for one in others for n in (one.where_blank, one.take))):
            if name not in records.BOOK_MEMBERS.names or name not in records.CARRIER_MEMBERS.names:
                raise ValueError(f"{name} is not a column of both sides")
        if len(set(named)) != len(named):
            raise ValueError("a column is named twice")
        return self


@cache
def load_comparison(path: Path | None = None) -> ComparisonRules:
    """The comparison's rules, shipped or from `path`. Raises Terminal when the file is wrong."""
    path = path or Path(str(files("schemas"))) / "rules" / "reconciliation.toml"
    try:
        return ComparisonRules.model_validate(tomllib.loads(path.read_text("utf-8")))
    except FileNotFoundError as error:
        raise Terminal(f"No configuration file {path}. Check the name.") from error
    except tomllib.TOMLDecodeError as error:
        raise Terminal(f"{path} is not valid TOML: {error}. Correct the file.") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise Terminal(f"{path}: {place}: {first['msg']}. Correct the file.") from error
