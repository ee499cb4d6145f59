"""How members are matched whose ids do not say so, as data: `matching.toml`, read once."""

from functools import cache
from typing import Literal

from pydantic import model_validator

from schemas.rows import Row, read_rows


class Ids(Row):
    """Columns that name a member together, and what must not all contradict them."""

    name: str
    columns: tuple[str, ...]
    agrees: tuple[str, ...]


class Automatic(Row):
    """When a pair is matched without a person, and from which weight on it is shown to one."""

    weight: float
    margin: float
    shown_from: float
    needs: dict[str, tuple[str, ...]]


class Limits(Row):
    """How many members may share an SSN; how many of one side may lack a partner."""

    shared_ssn_max: int
    unmatched_max: int


class Block(Row):
    """Columns that two records must share to be looked at."""

    left: tuple[str, ...]
    right: tuple[str, ...] = ()


class Level(Row):
    """One outcome of a comparison, with its probability for one member (m) and for two (u)."""

    name: str
    kind: Literal["same", "swapped", "one_typo", "alike", "transposed", "else"]
    m: float
    u: float
    columns: tuple[str, ...] = ()


class MatchComparison(Row):
    """What of two records is compared; the first level that fits holds."""

    name: str
    columns: tuple[str, ...]
    levels: tuple[Level, ...]


class MatchingRules(Row):
    """All of `matching.toml`."""

    id: str
    version: int
    ids: tuple[Ids, ...]
    automatic: Automatic
    limits: Limits
    blocks: tuple[Block, ...]
    confirmed: bool
    prior: float
    comparisons: tuple[MatchComparison, ...]

    def is_too_much(self, alone: tuple[int, int]) -> bool:
        """Whether so many rows of the two sides have no partner that likeness is not tried."""
        return min(alone) > 0 and max(alone) > self.limits.unmatched_max

    @model_validator(mode="after")
    def _fits_together(self) -> "MatchingRules":
        by_name = {one.name: {level.name for level in one.levels} for one in self.comparisons}
        for name, levels in self.automatic.needs.items():
            if not set(levels) <= by_name.get(name, set()):
                raise ValueError(f"automatic.needs.{name} is no level of a comparison")
        for one in self.comparisons:
            for odds in ([level.m for level in one.levels], [level.u for level in one.levels]):
                if abs(sum(odds) - 1) > 1e-6:
                    raise ValueError(f"the probabilities of {one.name} are {sum(odds)} together")
        return self


@cache
def load_matching() -> MatchingRules:
    """The rows of `matching.toml`."""
    return read_rows(MatchingRules, "matching.toml")
