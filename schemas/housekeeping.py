"""What housekeeping goes by: `housekeeping.toml`, read once."""

import tomllib
from functools import cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict, Field


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Retention(_Row):
    """How many years everything is kept at least, and who says so."""

    years: int = Field(ge=1)
    source: str


class Housekeeping(_Row):
    """How many stored files are looked at a day, and how many days each chore goes by."""

    sampled_files: int = Field(ge=1)
    expiry_days: int = Field(ge=1)
    over_days: int = Field(ge=1)
    drill_days: int = Field(ge=1)
    backup_days: int = Field(ge=1)
    retention: Retention


@cache
def load_housekeeping() -> Housekeeping:
    """What housekeeping goes by."""
    text = files("schemas").joinpath("housekeeping.toml").read_text("utf-8")
    return Housekeeping.model_validate(tomllib.loads(text))
