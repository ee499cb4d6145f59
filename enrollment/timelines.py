"""Timelines: from what was said, one statement after another, to what holds on which day.

A statement holds from its own date on, and replaces whatever was said before about any later day;
the exchange sends no end dates (CMS guide 7.2, section 6.11).
"""

from collections.abc import Sequence

# In the order in which it was said; `valid_from` orders what one set says about several days.
_SAID = "said, valid_from"


def timeline(keys: Sequence[str], values: Sequence[str], statements: str) -> str:
    """A query for the spans that the statements leave standing, none of which overlap.

    `statements` is a query with the columns `keys`, `values`, `said`, `valid_from` and `event_id`;
    the result has `keys`, `values`, `valid_from`, `valid_to` (the last day, null = until further
    notice), `event_id` and `closed_by`, the event that ended the span. A span whose values are
    those of the one before it is no span of its own.
    """
    key, value = ", ".join(keys), ", ".join(values)
    return f"""
SELECT {key}, {value}, valid_from,
  lead(valid_from) OVER (PARTITION BY {key} ORDER BY valid_from) - 1 AS valid_to,
  event_id, lead(event_id) OVER (PARTITION BY {key} ORDER BY valid_from) AS closed_by
FROM (
  SELECT *, CAST(ROW({value}) AS text) IS NOT DISTINCT FROM
    lag(CAST(ROW({value}) AS text)) OVER (PARTITION BY {key} ORDER BY valid_from) AS repeats
  FROM (
    SELECT *, min(valid_from) OVER (
      PARTITION BY {key} ORDER BY {_SAID.replace(",", " DESC,")} DESC
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS overtaken_from
    FROM ({statements}) statement
  ) said
  WHERE overtaken_from IS NULL OR overtaken_from > valid_from
) standing
WHERE NOT repeats
"""


def news(keys: Sequence[str], values: Sequence[str], statements: str, unless: str = "false") -> str:
    """Those of the statements that say something else than the one before.

    What a maintenance repeats has the date of the maintenance, and not its own; `unless` says of
    which statements that is not so.
    """
    key, value = ", ".join(keys), ", ".join(values)
    return f"""
SELECT * FROM (
  SELECT *, CAST(ROW({value}) AS text) IS DISTINCT FROM
    lag(CAST(ROW({value}) AS text)) OVER (PARTITION BY {key} ORDER BY {_SAID}) AS is_new
  FROM ({statements}) repeated
) told
WHERE is_new OR {unless}
"""
