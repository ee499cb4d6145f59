"""The tables of a report on reconciliations, and what each of their figures means."""

import pyarrow as pa

from schemas.tables import COUNT, MONEY, TEXT

# Where all rows and dollars of each look went, on both sides: one row per look, fate and measure.
FIGURES = pa.schema(
    [
        ("partner_id", TEXT),
        ("comparison", TEXT),  # carrier | monthly | premium
        ("run_id", COUNT),
        ("moment", TEXT),  # the clock of the run, UTC
        ("file", TEXT),  # of the exchange, that was looked at
        ("period", TEXT),  # coverage year
        ("fate", TEXT),
        ("measure", TEXT),  # rows | premium | aptc | csr | user_fee | other
        ("ours", MONEY),
        ("theirs", MONEY),
    ]
)

# How much of each look matched.
RATES = pa.schema(
    [
        *[FIGURES.field(name) for name in ("partner_id", "comparison", "run_id", "moment", "file")],
        ("period", TEXT),
        ("rows", COUNT),
        ("matched", COUNT),
        ("match_rate", pa.float64()),
    ]
)

# Breaks that lived in the time of the report, by what they have in common.
BREAKS = pa.schema(
    [
        ("partner_id", TEXT),
        ("comparison", TEXT),
        ("period", TEXT),
        ("kind", TEXT),
        ("field", TEXT),
        ("rule", TEXT),
        ("file", TEXT),  # behind the book's value, or the 820
        ("state", TEXT),
        ("age", TEXT),
        ("breaks", COUNT),
        ("policies", COUNT),
        ("premium", MONEY),
        ("aptc", MONEY),
        ("csr", MONEY),
        ("gross", MONEY),
    ]
)

ABOUT = pa.schema([("what", TEXT), ("value", TEXT)])

DEFINITIONS = {
    "figures": "Each row or dollar of a look is in one fate; 'all' is counted without the fates.",
    "ours, theirs": "What our book says, and what the other side says: the carrier's records, the "
    "exchange's monthly answer, or its payments.",
    "rows": "Members of policies (carrier), records of members and segments (monthly), policies, "
    "months and amounts (premium). A row of both sides counts on each.",
    "dollars": "Of a month, with the sign of who gets them; of payments what is due, and what this "
    "file pays and charges.",
    "matched": "All compared fields are equal, or within the tolerances of the rules.",
    "differing": "Both sides have the row, and a field or the amount differs.",
    "missing_there": "We have the row, the other side has not.",
    "missing_here": "The other side has the row, we have not.",
    "may_be_absent": "We have the row, and the carrier need not: the policy is cancelled.",
    "other": "Money of no policy, of another issuer, without a month, or not itemised.",
    "match_rate": "Matched rows of all rows of either side, those that may be absent left out.",
    "breaks": "Breaks that were open on some day of the report, in the state that they have now.",
    "age": "Days from the first sighting to the end of the break, or of the report.",
    "premium, aptc, csr": "The other side's dollars a month less the book's; 'gross' is their sum "
    "without signs.",
    "values": "No value of a member and no id of a person stands in a report.",
}
