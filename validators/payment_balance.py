"""SNIP 3 of a HIX 820 (005010X306): what a transaction set pays is the sum of its payments."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from parsers.packed import Packed, unpack
from validators.envelope_rules import issue, issue_table

RULE = "payment-total-differs"


def find_imbalances(paid: Sequence[Packed]) -> pa.Table:
    """Issues of the sets of which BPR02 is not the sum of their RMR04 and ADX01.

    `paid` are `premium_tables.PREMIUM_TOTALS` of all stretches; of an 834 there are none.
    """
    if not paid:
        return issue_table([])
    places = ("interchange_ordinal", "group_ordinal", "byte_start", "byte_end")
    summed = (
        unpack(paid)
        .group_by("set_ordinal", use_threads=False)
        .aggregate([("stated", "sum"), ("paid", "sum"), *((name, "min") for name in places)])
    )
    differs = pc.not_equal(summed["stated_sum"], pc.fill_null(summed["paid_sum"], 0))
    return issue_table(
        [
            issue(RULE, "BPR", row | {name: row[f"{name}_min"] for name in places})
            for row in summed.filter(pc.fill_null(differs, False)).to_pylist()
        ]
    )
