"""What a reconciliation compares, as data: `rules/reconciliation.toml`, read and checked once."""

import tomllib
from decimal import Decimal
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from schemas import tables
from schemas.errors import Terminal

Kind = Literal["exact", "name", "money", "date", "end_date"]


class ComparedField(BaseModel):
    """One column that both sides have, and when two of its values are the same."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    kind: Kind
    members: Literal["all", "subscriber"] = "all"
    blank: Literal["unknown", "zero"] = "unknown"
    book_blank: Literal["compare", "skip"] = "compare"


class ComparisonRules(BaseModel):
    """The whole comparison: how rows are matched, which are expected, what is compared."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    version: int
    key: tuple[str, ...]
    may_be_absent: tuple[str, ...]
    money_tolerance: Decimal
    fields: tuple[ComparedField, ...]

    @model_validator(mode="after")
    def _columns_exist(self) -> "ComparisonRules":
        names = [*self.key, *(field.name for field in self.fields)]
        for name in names:
            if name not in tables.BOOK_MEMBERS.names or name not in tables.CARRIER_MEMBERS.names:
                raise ValueError(f"{name} is not a column of both sides")
        if len(set(names)) != len(names):
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
