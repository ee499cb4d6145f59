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
        ("insurance_line", TEXT),  # HLT, DEN; null where the comparison does not tell it
        ("plan_year", TEXT),
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
        ("insurance_line", TEXT),  # `all`: of the whole look
        ("plan_year", TEXT),
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
        ("insurance_line", TEXT),
        ("plan_year", TEXT),
        ("state", TEXT),  # at the end of the report
        ("age", TEXT),
        ("breaks", COUNT),
        ("policies", COUNT),
        ("premium", MONEY),
        ("aptc", MONEY),
        ("csr", MONEY),
        ("gross", MONEY),
    ]
)

# How good the work was: each rate with what it counts, and what that means.
MEASURES = pa.schema(
    [
        ("partner_id", TEXT),
        ("measure", TEXT),
        ("insurance_line", TEXT),
        ("plan_year", TEXT),
        ("good", COUNT),
        ("of", COUNT),
        ("rate", pa.float64()),
        ("definition", TEXT),
    ]
)

# What persons let stand, and who.
WAIVERS = pa.schema(
    [
        ("partner_id", TEXT),
        ("break_id", COUNT),
        ("comparison", TEXT),
        ("kind", TEXT),
        ("field", TEXT),
        ("insurance_line", TEXT),
        ("plan_year", TEXT),
        ("person", TEXT),
        ("account", TEXT),
        ("said_at", TEXT),
        ("until", TEXT),  # its last day, as it was said
        ("state", TEXT),  # at the end of the report
        ("premium", MONEY),
        ("aptc", MONEY),
        ("csr", MONEY),
        ("gross", MONEY),
    ]
)

# Whole days that a break has lived, both ends included: issuers have 60 days for appeals, and a
# state exchange 60 and 90 for inaccuracies, so the borders are where clocks run out.
AGES = ("0-2", "3-5", "6-10", "11-30", "31-60", "61-90", "over 90")

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
    "may_be_absent": "We have the row, and the carrier need not: the policy is cancelled, or the "
    "member was never covered.",
    "other": "Money of no policy, of another issuer, without a month, or not itemised.",
    "match_rate": "Matched rows of all rows of either side, those that may be absent left out.",
    "insurance_line, plan_year": "The book's line of the policy and the year in which its benefit "
    "begins; where the book has no such row the carrier's; of payments the month's year, of a "
    "monthly answer its coverage year. 'all' is the whole look.",
    "breaks": "Breaks that lived on some day of the report, in the state that they had at its end.",
    "age": "Whole days from the first sighting to the end of the break, of the report, or to the "
    "last night, whichever came first.",
    "premium, aptc, csr": "The other side's dollars a month less the book's; 'gross' is their sum "
    "without signs. As the last look before the end of the report found them (carrier), else as "
    "they were found last.",
    "waivers": "Words by which persons let a break stand that lived in the report. Why they did is "
    "on the break itself.",
    "values": "No value of a member and no id of a person stands in a report.",
}

_OURS = (
    "Of the {}s that received files have earned and that were due in the report, by the drop by "
    "which we expect the exchange's (answers_due_drops), those delivered by then."
)
_THEIRS = (
    "Of the enrollment files whose {} was due in the report, by the drop that the exchange has for "
    "it (answers_due_drops), those whose answer came by then, as its file is dated."
)

# What a rate of MEASURES counts: the good ones, of all.
MEASURE_DEFINITIONS = {
    "first_time_right": "Of the transaction sets in enrollment files received in the report, "
    "copies left out, those without an error that were in the book after the run that received "
    "them.",
    "reopened": "Of the breaks that were found to be gone in the report, those found again before "
    "its end.",
    "ta1_to_exchange": _OURS.format("TA1"),
    "999_to_exchange": _OURS.format("999"),
    "ta1_from_exchange": _THEIRS.format("TA1"),
    "999_from_exchange": _THEIRS.format("999"),
}
