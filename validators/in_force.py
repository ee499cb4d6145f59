"""The rules that hold, laid over what was found.

A finding says which rule is broken where; the rule set says whether that counts, and how much.
"""

import pyarrow as pa
import pyarrow.compute as pc

from schemas import tables
from schemas.rule_sets import RuleSet

_OF_THE_RULE = ("severity", "snip", "x12_field", "x12_code")


def in_force(issues: pa.Table, rules: RuleSet) -> pa.Table:
    """The issues (`tables.ISSUES`) of rules that hold, with severity and X12 code of their rows."""
    known = pa.Table.from_pylist(
        [
            {"rule": rule.id, **rule.model_dump(include=set(_OF_THE_RULE))}
            for rule in rules.rules.values()
        ],
        schema=pa.schema([tables.ISSUES.field(name) for name in ("rule", *_OF_THE_RULE)]),
    )
    place = pc.index_in(issues["rule"], value_set=known["rule"].combine_chunks())
    if place.null_count:  # what is filtered is copied, and a file may have millions of issues
        issues = issues.filter(pc.is_valid(place))
        place = place.drop_null()
    for name in _OF_THE_RULE:
        column = tables.ISSUES.get_field_index(name)
        issues = issues.set_column(column, tables.ISSUES.field(column), known[name].take(place))
    return issues
