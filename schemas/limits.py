"""How much of a file is read in one piece, and how much is told of it: `limits.toml`, read once."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True)
class Limits:
    """The numbers of `limits.toml`."""

    stretch_bytes: int
    longest_loop_bytes: int
    interchanges: int
    functional_groups: int
    transaction_sets: int
    issues_of_a_stretch: int
    issues_of_a_rule: int
    issues_of_a_file: int
    file_bytes: int
    interchange_date_days: int
    control_number_days: int


@dataclass(frozen=True)
class ReportLimits:
    """How much of an error report people are shown: `[error_report]` of `limits.toml`."""

    causes: int
    places_of_a_cause: int
    workbook_rows: int
    batch_rows: int


@dataclass(frozen=True)
class AnswerLimits:
    """How much is read of an XML answer: `[business_acknowledgement]` of `limits.toml`."""

    file_bytes: int
    answers: int
    depth: int
    text_characters: int


@dataclass(frozen=True)
class ComparisonLimits:
    """How much memory a comparison of two snapshots may use: `[comparison]` of `limits.toml`."""

    memory_bytes: int


@dataclass(frozen=True)
class SparkLimits:
    """How much is sent to a Spark cluster at once: `[spark]` of `limits.toml`."""

    items_of_a_wave: int
    whole_file_bytes: int


@cache
def load_limits() -> Limits:
    """The limits that hold when nothing else is said."""
    numbers = {name: value for name, value in _content().items() if isinstance(value, int)}
    return Limits(**numbers)


@cache
def load_report_limits() -> ReportLimits:
    """How much of an error report is shown when nothing else is said."""
    return ReportLimits(**_content()["error_report"])


@cache
def load_answer_limits() -> AnswerLimits:
    """How much is read of an XML answer when nothing else is said."""
    return AnswerLimits(**_content()["business_acknowledgement"])


@cache
def load_comparison_limits() -> ComparisonLimits:
    """How much memory a comparison may use when nothing else is said."""
    return ComparisonLimits(**_content()["comparison"])


@cache
def load_spark_limits() -> SparkLimits:
    """How much a cluster is sent at once when nothing else is said."""
    return SparkLimits(**_content()["spark"])


def _content() -> dict[str, Any]:
    return tomllib.loads(files("schemas").joinpath("limits.toml").read_text("utf-8"))
