"""Published code sets: `codes/*.csv`, of which `codes.toml` says where each comes from."""

import csv
import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files

from schemas.errors import Terminal


@dataclass(frozen=True)
class CodeSet:
    """Where a code set comes from. The codes are the first column of `codes/<name>.csv`."""

    name: str
    title: str
    source: str
    licence: str
    effective_from: date
    look_again: date  # by when somebody looks whether there is a newer edition: ours


@cache
def load_code_sets() -> dict[str, CodeSet]:
    """All code sets by name."""
    rows = tomllib.loads(_text("codes.toml"))["code_sets"]
    return {row["name"]: CodeSet(**row) for row in rows}


@cache
def load_codes(name: str) -> frozenset[str]:
    """The codes of a set. Raises Terminal when there is no set of that name."""
    return frozenset(code for code, _ in load_pairs(name))


@cache
def load_pairs(name: str) -> frozenset[tuple[str, str]]:
    """The codes of a set, each with what stands beside it. Raises Terminal when there is none."""
    if name not in load_code_sets():
        raise Terminal(f"schemas/codes/codes.toml has no code set {name!r}. Correct the rule.")
    rows = csv.reader(_text(f"{name}.csv").splitlines()[1:])
    return frozenset((row[0], row[1]) for row in rows)


def _text(name: str) -> str:
    return files("schemas").joinpath("codes", name).read_text("utf-8")
