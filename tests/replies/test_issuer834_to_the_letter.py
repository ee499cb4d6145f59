"""Each transaction from the issuer, segment by segment as tests/cases/ours.py has it by hand."""

from datetime import UTC, date, datetime

import pytest

from replies.issuer834 import count_groups, count_sets, said_sets, write_issuer_transactions
from replies.issuer_requirements import obstacles
from replies.x12_writer import ControlNumbers, Envelope
from schemas import tables
from schemas.errors import Terminal
from schemas.partners import load_exchange, load_partner
from tests.cases.ours import SETS, interchange

MORNING = datetime(2026, 3, 1, 11, 30, 15, 250_000, tzinfo=UTC)  # 06:30:15.25 in New York
BEGIN = date(2026, 1, 1)


def jane(transaction, codes, **changes):
    """Jane's row; `codes` are INS03, INS04 and ADDL MAINT REASON."""
    kind, code, reason = codes
    row = {
        "decision_id": 1,
        "transaction": transaction,
        "maintenance_type": kind,
        "maintenance_reason": code,
        "additional_maintenance_reason": reason,
        "exchange_policy_id": "9100000001",
        "issuer_policy_id": "P-9001",
        "plan_id": "91002NC001000101",
        "insurance_line": "HLT",
        "reference": "12456",
        "total_count": 1,
        "sponsor_name": "JANE DOE",
        "sponsor_qualifier": "94",
        "sponsor_id": "0000011111",
        "payer_name": "HARBOR LIGHT INSURANCE",
        "payer_id": "007654321",
        "is_subscriber": True,
        "relationship_code": "18",
        "exchange_subscriber_id": "0000011111",
        "exchange_member_id": "0000011111",
        "issuer_subscriber_id": "S-11111",
        "issuer_member_id": "M-11111",
        "eligibility_begin": BEGIN,
        "benefit_begin": BEGIN,
        "last_name": "DOE",
        "first_name": "JANE",
        "middle_name": "Q",
        "birth_date": date(1980, 2, 29),
        "gender_code": "F",
    }
    return row | changes


def john(row, **changes):
    """The row of Jane's child beside hers."""
    of_john = {
        "is_subscriber": False,
        "relationship_code": "19",
        "exchange_member_id": "0000033333",
        "issuer_member_id": "M-33333",
        "first_name": "JOHN",
        "middle_name": None,
        "birth_date": date(2015, 7, 4),
        "gender_code": "M",
    }
    return row | of_john | changes


COUNTS = {"total_count": 2, "dependent_count": 1}
CONFIRMED = jane(
    "effectuation", ("021", "28", "CONFIRM"), last_premium_paid=date(2026, 1, 31), **COUNTS
)
CHANGED = jane(
    "maintenance",
    ("001", "25", "ISSUER MAINT"),
    maintenance_effective=date(2026, 3, 1),
    issuer_policy_id="P-9001-2",
    former_issuer_policy_id="P-9001",
    issuer_member_id="M-11111-2",
    former_issuer_member_id="M-11111",
    issuer_subscriber_id="S-11111-2",
    former_issuer_subscriber_id="S-11111",
    **COUNTS,
)
UNCHANGED = john(
    CHANGED,
    maintenance_reason=None,
    additional_maintenance_reason="NO CHANGE",
    maintenance_effective=None,
    **dict.fromkeys(name for name in tables.ISSUER_TRANSACTIONS.names if "issuer_" in name),
)
CANCELLED = jane("cancellation", ("024", "59", "CANCEL"), eligibility_end=BEGIN)
ENDED = jane("termination", ("024", "59", "TERM"), eligibility_end=date(2026, 1, 31))
BACK = jane("reinstatement", ("025", None, "ISSUER - REINSTATEMENT"))
ROWS = {
    "effectuation": [CONFIRMED, john(CONFIRMED)],
    "cancellation": [CANCELLED],
    "termination": [ENDED],
    "maintenance": [CHANGED, UNCHANGED],
    "reinstatement": [BACK],
}


def written(rows, partner="harbor-light-nc"):
    """The bytes of rows, from one of our partners to its exchange."""
    chosen = load_partner(partner)
    envelope = Envelope(chosen, load_exchange(chosen.exchange), 7, MORNING)
    numbers = ControlNumbers(range(21, 21 + count_groups(rows)), range(501, 501 + count_sets(rows)))
    return write_issuer_transactions(rows, envelope, numbers)


@pytest.mark.parametrize("transaction", SETS)
def test_a_transaction_is_written_to_the_letter(transactions, segments, transaction):
    """What tables 12-14 and 18-22 ask for stands there, in the guide's order, and nothing else."""
    content = written(transactions(*ROWS[transaction]))
    assert segments(content) == list(interchange(SETS[transaction]).segments())


def test_one_file_holds_transactions_of_every_kind(
    transactions, segments, complaints_of_pyx12, member
):
    """A file of many decisions is the sets one after the other, each under its own number."""
    rows = [
        row | {"exchange_policy_id": f"910000000{number}", "decision_id": number}
        for number, transaction in enumerate(ROWS, 1)
        for row in ROWS[transaction]
    ]
    content = written(transactions(*rows))
    by_hand = [
        tuple(part.replace("9100000001", f"910000000{number}") for part in body)
        for number, body in enumerate(SETS.values(), 1)
    ]
    assert segments(content) == list(interchange(*by_hand).segments())
    assert complaints_of_pyx12(content) == ""
    said = said_sets(transactions(*rows))
    assert said.schema.equals(tables.SAID_SETS)
    assert said["transaction"].to_pylist() == list(SETS)
    assert said["decision_id"].to_pylist() == said["set_ordinal"].to_pylist() == [1, 2, 3, 4, 5]


def test_the_plan_decides_the_place_of_a_set(transactions):
    """Sets of one plan stand together; each is known by its place in the file."""
    other = {"plan_id": "91002NC001000201"}
    rows = [
        row | {"exchange_policy_id": str(number), "decision_id": number} | plan
        for number, (row, plan) in enumerate([(ENDED, {}), (BACK, other), (CANCELLED, {})], 1)
    ]
    said = said_sets(transactions(*rows)).to_pylist()
    assert [(s["decision_id"], s["group_ordinal"], s["set_ordinal"]) for s in said] == [
        (1, 1, 1),
        (3, 1, 2),
        (2, 2, 3),
    ]


def test_an_exchange_that_wants_coverage_in_what_ends_gets_it(transactions, segments):
    """In the manner of DC Health Link a stop has begin and end in 2300, and no AMRC."""
    row = ENDED | {
        "plan_id": "91003DC001000101",
        "payer_id": "009876543",
        "additional_maintenance_reason": None,
    }
    found = segments(written(transactions(row), "potomac-dc"))
    start = found.index("HD*024**HLT")
    assert found[start : found.index("LE*2700")] == [
        "HD*024**HLT",
        "DTP*348*D8*20260101",
        "DTP*349*D8*20260131",
        "REF*CE*91003DC001000101",
        "REF*1L*9100000001",
        "REF*X9*P-9001",
        "LS*2700",
        "LX*1",
        "N1*75*REQUEST SUBMIT TIMESTAMP",
        "REF*17*2026030106301525",
    ]


@pytest.mark.parametrize(
    ("row", "changes", "missing"),
    [
        (CANCELLED, {"eligibility_end": None}, "no eligibility_end"),
        (CANCELLED, {"eligibility_end": date(2026, 1, 2)}, "eligibility_end of a cancellation"),
        (CANCELLED, {"eligibility_end": date(2025, 12, 30)}, "eligibility_end of a cancellation"),
        (ENDED, {"eligibility_end": BEGIN}, "eligibility_end of a termination"),
        (ENDED, {"additional_maintenance_reason": "CANCEL"}, "no combination of codes"),
        (ENDED, {"additional_maintenance_reason": None}, "no additional_maintenance_reason"),
        (ENDED, {"maintenance_reason": "14"}, "no combination of codes"),
        (BACK, {"eligibility_begin": None}, "no eligibility_begin"),
        (BACK, {"insurance_line": " "}, "no insurance_line"),
        (BACK, {"transaction": "audit"}, "no transaction that the exchange takes"),
        (CHANGED, {"issuer_policy_id": None}, "issuer_policy_id beside its former"),
        (CHANGED, {"issuer_member_id": ""}, "issuer_member_id beside its former"),
    ],
)
def test_what_the_exchange_would_refuse_is_not_written(transactions, row, changes, missing):
    """Policy, transaction and column are named; no value of a person is."""
    with pytest.raises(Terminal, match=missing) as told:
        written(transactions(row | changes))
    assert "policy 9100000001" in str(told.value)
    assert "DOE" not in str(told.value)


def test_the_day_before_the_first_one_cancels_too(transactions):
    """Table 19: the end is the first day of coverage, or the day before it."""
    rows = transactions(CANCELLED | {"eligibility_end": date(2025, 12, 31)})
    assert b"DTP*357*D8*20251231~" in written(rows)


def test_a_directive_may_leave_one_day_of_coverage(transactions):
    """Table 25: of terminations TERM-HICS may end on the first day, and no other one."""
    of_hics = {"maintenance_reason": "26", "additional_maintenance_reason": "TERM-HICS"}
    one_day = ENDED | {"eligibility_end": BEGIN}
    assert b"DTP*357*D8*20260101~" in written(transactions(one_day | of_hics))

    told = obstacles(transactions(one_day), FFE).to_pylist()
    assert "DTP*357 does not lie where a termination" in told[0]["obstacle"]


def test_a_dependent_in_what_ends_is_refused(transactions):
    """Table 29: the subscriber alone carries an end; a dependent has no such combination."""
    with pytest.raises(Terminal, match="no combination of codes"):
        written(transactions(ENDED, john(ENDED)))


def test_a_policy_says_one_thing_in_a_file(transactions):
    """Two transactions in one set would be a third one."""
    mixed = transactions(CONFIRMED, john(CHANGED))
    with pytest.raises(Terminal, match="two transactions"):
        count_sets(mixed)


FFE = load_exchange("ffe")
LACKS = [
    (CANCELLED, {"eligibility_end": None}, "DTP*357 is missing"),
    (CANCELLED, {"eligibility_end": date(2026, 1, 2)}, "DTP*357 does not lie where a cancellation"),
    (CONFIRMED, {"sponsor_id": None}, "N1*P5, N104 is missing"),
    (CONFIRMED, {"last_name": " *^:~\t "}, "NM1*IL, NM103 is missing"),
    (CONFIRMED, {"last_premium_paid": None}, "DTP*543 is missing"),
    (CONFIRMED, {"plan_id": "91002NC00100"}, "REF*CE is no plan id of 16 characters"),
    (CONFIRMED, {"plan_id": "91002NC0010001"}, "REF*CE is no plan id of 16 characters"),
    (CONFIRMED, {"plan_id": "91002NC0010001-0"}, "REF*CE is no plan id of 16 characters"),
    (CONFIRMED, {"is_subscriber": False}, "not one subscriber is covered"),
    (ENDED, {"maintenance_reason": "14"}, "are no combination that the exchange takes"),
    (CHANGED, {"issuer_policy_id": None}, "REF*XM has no REF*X9 beside it"),
    (BACK, {"transaction": "audit"}, "the exchange takes no such transaction"),
]


@pytest.mark.parametrize(("row", "changes", "sentence"), LACKS)
def test_what_a_decision_lacks_is_told_of_it_alone(transactions, row, changes, sentence):
    """In the exchange's words, before a file is begun; of the decision beside it nothing."""
    rows = transactions(
        ENDED | {"decision_id": 1, "exchange_policy_id": "1"}, row | changes | {"decision_id": 2}
    )
    (told,) = obstacles(rows, FFE).to_pylist()
    assert told["decision_id"] == 2
    assert sentence in told["obstacle"]


def test_several_that_lack_something_are_each_told_once(transactions):
    """The first thing that a decision lacks, however many of its members lack how much."""
    bare = {"sponsor_name": None, "payer_id": "", "last_name": None}
    rows = transactions(
        *(CONFIRMED | bare | {"decision_id": 7}, john(CONFIRMED) | bare | {"decision_id": 7}),
        *(CONFIRMED | {"decision_id": 8}, john(CONFIRMED) | {"first_name": None, "decision_id": 8}),
        CHANGED | {"decision_id": 9, "issuer_member_id": None},
    )
    told = {row["decision_id"]: row["obstacle"] for row in obstacles(rows, FFE).to_pylist()}
    assert told == {7: "N1*P5, N102 is missing", 9: "REF*ABB has no REF*23 beside it"}


def test_no_decision_lacks_what_its_transaction_does_not_ask_for(transactions):
    """All kinds, as the tables have them."""
    kinds = (CONFIRMED, CANCELLED, ENDED, CHANGED, BACK)
    rows = transactions(*(row | {"decision_id": n} for n, row in enumerate(kinds)))
    assert obstacles(rows, FFE).num_rows == 0
