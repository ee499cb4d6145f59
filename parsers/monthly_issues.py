"""Issues of the exchange's monthly answers, as columns."""

from collections.abc import Sequence

import pyarrow as pa

from schemas import monthly_tables
from schemas.monthly_answers import load_issues


def issues(
    rule: str,
    lines: Sequence[int | None],
    position: int | None = None,
    name: object = "",
) -> pa.Table:
    """One issue of that rule for each of the lines (monthly_tables.MONTHLY_ISSUES)."""
    row, count = load_issues()[rule], len(lines)
    return pa.table(
        {
            "rule": [row.id] * count,
            "severity": [row.severity] * count,
            "line": lines,
            "position": [position] * count,
            "message": [row.message.format(position=position, name=name)] * count,
        },
        schema=monthly_tables.MONTHLY_ISSUES,
    )


def together(found: Sequence[pa.Table]) -> pa.Table:
    """All issues in the order of the file."""
    whole = pa.concat_tables([monthly_tables.MONTHLY_ISSUES.empty_table(), *found])
    return whole.sort_by([("line", "ascending"), ("position", "ascending")]).combine_chunks()


def refuses(found: pa.Table) -> bool:
    """Whether one of the issues is a reason to take nothing of the file."""
    return "reject" in found["severity"].unique().to_pylist()
