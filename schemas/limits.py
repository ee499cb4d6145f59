"""How much of a file is read in one piece: `limits.toml`, read once."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Limits:
    """The numbers of `limits.toml`."""

    stretch_bytes: int
    longest_loop_bytes: int
    interchanges: int
    issues_of_a_rule: int


@cache
def load_limits() -> Limits:
    """The limits that hold when nothing else is said."""
    content = files("schemas").joinpath("limits.toml").read_text("utf-8")
    return Limits(**tomllib.loads(content))
