"""The gate: a batch as a whole against `schemas/gate.toml`, judged by great-expectations.

Every figure is one that great-expectations returned. It runs in memory: no project folder, no
telemetry, no network, no Data Docs. Its import takes seconds, so it happens when a batch is judged
and at no other time.
"""

import json
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pyarrow as pa

from schemas.agreements import Bound
from schemas.errors import Terminal
from schemas.gate import Expectation, Finding, History, Outcome, figure, load_gate
from schemas.hidden import hidden

_COUNTED = "rows"  # the id of the expectation that counts the rows of a table
_FIGURES = ("observed_value", "element_count", "unexpected_count", "unexpected_percent", "details")


def judge_batch(
    tables: Mapping[str, pa.Table], history: History, bounds: Mapping[str, Bound] | None = None
) -> list[Finding]:
    """What great-expectations found for each expectation, in their order.

    `tables` holds one table for each thing that is counted, without nulls and without anything
    that tells of a person; `history` the findings of earlier nights. An expectation whose table
    has too few rows, or that knows too few nights, is observed and not judged; one whose table is
    not there is left aside. `bounds` are those agreed on with the partner, by expectation.
    """
    known = [_agreed(row, bounds or {}) for row in load_gate().expectations if row.of in tables]
    validator = _Validator()
    results = {
        name: validator.validate(
            name, tables[name], [row for row in known if row.of == name], history
        )
        for name in dict.fromkeys(row.of for row in known)
    }
    found = [_finding(row, results[row.of], history) for row in known]
    return [_told(finding, (bounds or {}).get(finding.expectation)) for finding in found]


def _agreed(row: Expectation, bounds: Mapping[str, Bound]) -> Expectation:
    """The expectation with the bound that was agreed on with the partner, if there is one."""
    bound = bounds.get(row.id)
    return row if bound is None else replace(row, at_most=bound.at_most)


def _told(finding: Finding, bound: Bound | None) -> Finding:
    """The finding, with the agreement by which it was judged in its evidence."""
    if bound is None:
        return finding
    agreement = bound.model_dump(mode="json", exclude={"expectation"})
    return replace(finding, evidence={**finding.evidence, "agreement": agreement})


class _Validator:
    """One great-expectations context, in memory."""

    def __init__(self) -> None:
        # A Spark client that is installed beside it costs a second, and ends a process that has no
        # main file (a worker of tests or of Airflow): it takes itself for under test there.
        with warnings.catch_warnings(), hidden("pyspark"):
            warnings.simplefilter("ignore")  # deprecations inside the library are not ours to mend
            import great_expectations as gx
            from great_expectations.data_context.types.base import (
                DataContextConfig,
                InMemoryStoreBackendDefaults,
                ProgressBarsConfig,
            )

            in_memory = DataContextConfig(
                store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
                analytics_enabled=False,
                progress_bars=ProgressBarsConfig(globally=False),
            )
            context = gx.get_context(mode="ephemeral", project_config=in_memory)
        self.gx = gx
        # Each table is a batch of one asset: whatever is added, the whole configuration is written.
        asset = context.data_sources.add_pandas("staged").add_dataframe_asset("table")
        self.definition = asset.add_batch_definition_whole_dataframe("whole")

    def validate(
        self, name: str, table: pa.Table, rows: Iterable[Expectation], history: History
    ) -> dict[str, dict[str, Any]]:
        """The result of each expectation by id, with that of counting the rows."""
        types = self.gx.expectations
        suite = self.gx.ExpectationSuite(
            name=name,
            expectations=[
                types.ExpectTableRowCountToBeBetween(min_value=0, meta={"id": _COUNTED}),
                *(_expected(types, row, history) for row in rows),
            ],
        )
        batch = self.definition.get_batch({"dataframe": table.to_pandas()})
        # No sample of unexpected values is asked for: figures are all that is kept.
        asked = {"result_format": "BASIC", "partial_unexpected_count": 0}
        validated: Any = batch.validate(suite, result_format=asked)
        found = json.loads(json.dumps(validated.to_json_dict()))["results"]  # plain numbers
        results = {one["expectation_config"]["meta"]["id"]: one for one in found}
        for identifier, result in results.items():
            # Without the word, the information is that of each metric that failed.
            if result["exception_info"].get("raised_exception", True):
                raise Terminal(
                    f"The gate's expectation {identifier} could not be evaluated. "
                    "Correct its row in schemas/gate.toml, then run the night again."
                )
        return results


def _expected(types: Any, row: Expectation, history: History) -> Any:
    """The expectation as great-expectations calls it; without bounds while they are not known."""
    known = {"meta": {"id": row.id}}
    minimum, maximum = _bounds(row, history)
    if row.kind == "rows":
        return types.ExpectTableRowCountToBeBetween(min_value=minimum, max_value=maximum, **known)
    if row.kind == "mean":
        return types.ExpectColumnMeanToBeBetween(
            column=row.column, min_value=minimum, max_value=maximum, **known
        )
    if row.kind == "sum":
        # Without a bound it is observed all the same, and great-expectations wants one.
        most = float("inf") if maximum is None else maximum
        return types.ExpectColumnSumToBeBetween(
            column=row.column, min_value=0, max_value=most, **known
        )
    if row.kind == "share":
        assert maximum is not None
        return types.ExpectColumnValuesToBeInSet(
            column=row.column, value_set=[False], mostly=1 - maximum, **known
        )
    shares = _usual_shares(row, history) or {"": 1.0}
    return types.ExpectColumnKLDivergenceToBeLessThan(
        column=row.column,
        partition_object={"values": list(shares), "weights": list(shares.values())},
        threshold=maximum,
        tail_weight_holdout=load_gate().unseen_share,
        **known,
    )


def _bounds(row: Expectation, history: History) -> tuple[float | None, float | None]:
    """The least and the most that may be observed; None where there is no such bound (yet)."""
    past = _past(row, history)
    if len(past) < row.minimum_nights:
        return None, None
    if row.kind != "rows":
        return row.at_least, row.at_most
    mean = sum(night.rows for night in past) / len(past)
    return _times(mean, row.at_least), _times(mean, row.at_most)


def _times(mean: float, factor: float | None) -> float | None:
    return None if factor is None else factor * mean


def _past(row: Expectation, history: History) -> list[Finding]:
    """What those of the earlier nights that brought anything found, as many as count."""
    found = [night[row.id] for night in history if row.id in night and night[row.id].rows]
    return found[-load_gate().history_nights :]


def _usual_shares(row: Expectation, history: History) -> dict[str, float]:
    """The share of each value in the rows of earlier nights together; empty without any."""
    past = _past(row, history)
    rows = sum(night.rows for night in past) or 1
    counts: dict[str, float] = {}
    for night in past:
        for value, share in _observed_shares(night.evidence):
            counts[value] = counts.get(value, 0.0) + share * night.rows
    return {value: count / rows for value, count in counts.items() if count}


def _observed_shares(evidence: Mapping[str, Any]) -> Iterable[tuple[str, float]]:
    observed = evidence["details"]["observed_partition"]
    return zip(observed["values"], observed["weights"], strict=True)


def _finding(row: Expectation, results: dict[str, dict[str, Any]], history: History) -> Finding:
    result = results[row.id]
    figures = result["result"]
    rows = int(results[_COUNTED]["result"]["observed_value"])
    observed = figures.get("observed_value")
    if row.kind == "share" and rows:
        observed = figures["unexpected_percent"] / 100
    minimum, maximum = _bounds(row, history)
    known = minimum is not None or maximum is not None
    judged = known and observed is not None and rows >= row.minimum_rows
    outcome: Outcome = "within" if result["success"] else "outside"
    return Finding(
        expectation=row.id,
        severity=row.severity,
        rows=rows,
        observed=observed if known or row.kind != "mix" else None,
        minimum=minimum,
        maximum=maximum,
        outcome=outcome if judged else "not_judged",
        sentence=_sentence(row, rows, observed=observed, minimum=minimum, maximum=maximum)
        if judged and outcome == "outside"
        else None,
        evidence={
            "type": result["expectation_config"]["type"],
            "success": result["success"],
            **{name: figures[name] for name in _FIGURES if name in figures},
        },
    )


def _sentence(row: Expectation, rows: int, **figures: float | None) -> str:
    """The row's wording with the figures that there are."""
    written = {
        name: figure(row.kind, number) for name, number in figures.items() if number is not None
    }
    return row.wording.format(rows=f"{rows:,}", **written)
