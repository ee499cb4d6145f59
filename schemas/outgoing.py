"""What of a night's decisions waits for persons before it is sent: `outgoing.toml` as a value."""

import tomllib
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from schemas.errors import Terminal


class Holding(BaseModel):
    """The bounds above which what ends coverage is held, and how many persons release it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    persons: int = Field(ge=1)
    endings: int = Field(ge=0)
    share_of_policies: float = Field(ge=0, le=1)
    fewest_endings: int = Field(ge=0)
    monthly_premium: Decimal  # dollars
    source: str


def load_holding(of_partner: Mapping[str, int | float] | None = None) -> Holding:
    """The bounds of the program, but for those that a partner has of its own.

    Raises Terminal when a partner names a bound that there is not.
    """
    try:
        return Holding.model_validate(_bounds() | dict(of_partner or {}))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise Terminal(f"[outgoing] of a partner: {place}: {first['msg']}. Correct it.") from error


@cache
def _bounds() -> dict[str, Any]:
    path = Path(str(files("schemas"))) / "outgoing.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))
