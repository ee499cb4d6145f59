"""Where the time goes: processor time of each stage of a check, in one process."""

import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import parsers.reading
import parsers.stretch
import validators.check
import validators.contents
import validators.parts
from benchmarks.files import partner
from validators.check import Terms, check_file

STAGES: tuple[tuple[str, ModuleType, str], ...] = (
    ("parse: split", parsers.stretch, "split_segments"),
    ("parse: place in the guide", parsers.stretch, "place_segments"),
    ("parse: business tables", validators.contents, "read_business_tables"),
    ("parse: envelope", validators.parts, "read_envelope_part"),
    ("judge: shapes", validators.parts, "find_shape_faults"),
    ("judge: element table", validators.parts, "Values"),
    ("judge: values", validators.parts, "find_value_faults"),
    ("judge: composites", validators.parts, "find_composite_faults"),
    ("judge: business rules", validators.contents, "find_business_faults"),
    ("judge: envelope and verdict", validators.check, "_conclude"),
    ("tables: segments", validators.parts, "read_segments_table"),
    ("tables: details", validators.contents, "read_details"),
)


class _Drop:
    """A sink that keeps nothing, so that all tables are made."""

    def write(self, name: str, table: object) -> None:
        """Drops the table."""


def stage_seconds(path: Path) -> dict[str, float]:
    """Seconds of each stage; what is in none of them is `other`: hashing, reading, tallies."""
    spent = dict.fromkeys((name for name, _, _ in STAGES), 0.0)
    undisturbed = [(module, name, getattr(module, name)) for _, module, name in STAGES]
    for (stage, module, name), (_, _, function) in zip(STAGES, undisturbed, strict=True):
        setattr(module, name, _timed(spent, stage, function))
    try:
        begun = time.process_time()
        check_file(path, Terms(partner()), _Drop())
        total = time.process_time() - begun
    finally:
        for module, name, function in undisturbed:
            setattr(module, name, function)
    return {**spent, "other": total - sum(spent.values()), "all": total}


def _timed(spent: dict[str, float], stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any) -> Any:
        begun = time.process_time()
        try:
            return function(*arguments)
        finally:
            spent[stage] += time.process_time() - begun

    return call
