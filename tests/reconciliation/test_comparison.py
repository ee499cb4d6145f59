"""Laws and cases of the comparison between the book and the carrier's records."""

import hashlib
import json
from datetime import date
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciliation.comparison import compare, reconcile_folders
from reconciliation.snapshots import Snapshot, freeze
from schemas import records, tables
from schemas.comparison import load_comparison
from schemas.errors import Terminal

NOTHING = {
    "matched": 0,
    "differing": 0,
    "missing_at_carrier": 0,
    "missing_in_book": 0,
    "may_be_absent": 0,
}


def compared(ours, theirs):
    return compare(Snapshot.of(ours), Snapshot.of(theirs))


def test_a_book_agrees_with_itself(book, carrier, book_row):
    """Equal sides have no difference, and every row is matched."""
    rows = [book_row(n) for n in range(1, 6)]
    found = compared(book(*rows), carrier(*rows))
    assert found.differences.num_rows == 0
    assert found.differences.schema.equals(tables.DIFFERENCES)
    assert found.counts == {**NOTHING, "matched": 5}


CHANGED = {
    "issuer_policy_id": "OTHER",
    "issuer_subscriber_id": "OTHER",
    "issuer_member_id": "OTHER",
    "last_name": "LOCKHARD",
    "first_name": "AVERIE",
    "birth_date": date(1984, 3, 10),
    "gender_code": "M",
    "plan_id": "91001TX001000104",
    "benefit_begin": date(2026, 2, 1),
    "benefit_end": date(2026, 6, 30),
    "premium_total": Decimal("512.32"),
    "aptc": None,
    "exchange_subscriber_id": "OTHER",
    "relationship_code": "19",
    "middle_name": "K",
    "name_suffix": None,
    "ssn": "900400002",
    "address_line_1": "101 ELM STREET",
    "address_line_2": None,
    "city": "DALLAS",
    "state": "OK",
    "postal_code": "78702",
    "county_code": "48113",
    "rating_area": "R-TX002",
    "mailing_line_1": "PO BOX 13",
    "mailing_line_2": "B",
    "mailing_city": "WACO",
    "mailing_state": "LA",
    "mailing_postal_code": "76701",
    "phone": "5125550199",
    "email": "other@example.com",
    "tobacco_code": "T",
    "insurance_line": "DEN",
    "csr": Decimal("0.00"),
    "responsible_amount": Decimal("412.32"),
    "individual_premium": None,
    "coverage_spans": "2026-01-01/2026-03-31 2026-05-01/..",
}


NO_DOLLARS = dict.fromkeys(("premium_difference", "aptc_difference", "csr_difference"))
DOLLARS = {
    "premium_total": {"premium_difference": Decimal("0.02")},
    "aptc": {"aptc_difference": Decimal("-100.00")},
    "csr": {"csr_difference": Decimal("-20.00")},
    "benefit_begin": {"premium_difference": Decimal("-512.30")},
    "benefit_end": {"premium_difference": Decimal("-3073.80")},
    "coverage_spans": {"premium_difference": Decimal("-512.30")},
}


def test_every_compared_field_has_a_case():
    """A field added to the rules without a case here is noticed."""
    assert set(CHANGED) == {field.name for field in load_comparison().fields}


@pytest.mark.parametrize("field", CHANGED)
def test_one_changed_field_is_one_difference(field, book, carrier, book_row):
    """The difference names the field, both values as text, and the book's file."""
    spans = "2026-01-01/.." if field == "coverage_spans" else None
    rows = [book_row(number, coverage_spans=spans) for number in (1, 2, 3)]
    changed = [rows[0], {**rows[1], field: CHANGED[field]}, rows[2]]
    found = compared(book(*rows), carrier(*changed))
    assert found.counts == {**NOTHING, "matched": 2, "differing": 1}
    values = [None if v is None else str(v) for v in (rows[1].get(field), CHANGED[field])]
    assert found.differences.to_pylist() == [
        {
            "kind": "differs",
            "exchange_policy_id": "8802",
            "exchange_member_id": "0001000002",
            "field": field,
            "book_value": values[0],
            "carrier_value": values[1],
            **NO_DOLLARS,
            **DOLLARS.get(field, {}),
            "file_id": 42,
        }
    ]


SPANS = {
    "the same": ({}, []),
    "split in two that cover the same": (
        {
            "benefit_begin": date(2026, 7, 1),
            "coverage_spans": "2026-07-01/.. 2026-01-01/2026-06-30",
        },
        [],
    ),
    "days told twice": ({"coverage_spans": "2026-01-01/2026-07-10 2026-07-01/2026-12-31"}, []),
    "the same begin and another end": (
        {"benefit_end": date(2026, 6, 15), "coverage_spans": "2026-01-01/2026-06-15"},
        [("benefit_end", Decimal("-3329.95"))],  # half of June and six months of 512.30
    ),
    "a gap of a month": (
        {"coverage_spans": "2026-01-01/2026-03-31 2026-05-01/.."},
        [("coverage_spans", Decimal("-512.30"))],
    ),
    "a gap, and of the records the last span": (
        {
            "benefit_begin": date(2026, 5, 1),
            "coverage_spans": "2026-01-01/2026-03-31 2026-05-01/..",
        },
        [("benefit_begin", Decimal("-512.30"))],
    ),
    "two days more on one side": (
        {"coverage_spans": "2025-12-30/2025-12-31 2026-01-01/.."},
        [("coverage_spans", Decimal("33.05"))],
    ),
    "both days, without spans": (
        {
            "benefit_begin": date(2026, 2, 1),
            "benefit_end": date(2026, 11, 30),
            "coverage_spans": None,
        },
        [("benefit_begin", Decimal("-512.30")), ("benefit_end", Decimal("-512.30"))],
    ),
    "spans that the carrier does not tell": ({"coverage_spans": None}, []),
}


@pytest.mark.parametrize("what", SPANS)
def test_spans_are_compared_as_the_periods_that_they_cover(what, book, carrier, book_row):
    """However they are cut; a difference is told once, with the premium of the time it is about."""
    changes, expected = SPANS[what]
    row = book_row(1, individual_premium=Decimal("512.30"), coverage_spans="2026-01-01/..")
    found = compared(book(row), carrier({**row, **changes})).differences.to_pylist()

    assert [(one["field"], one["premium_difference"]) for one in found] == expected


@pytest.mark.parametrize(
    "told", ["since January", "2026-01-01/2026-02-30", "2027-02-29/..", "2026-06-30/2026-01-01"]
)
def test_spans_that_are_none_are_refused_by_name(told, book, carrier, book_row):
    """With the member: the last good result stays."""
    row = book_row(1, coverage_spans="2026-01-01/..")
    with pytest.raises(Terminal, match="column coverage_spans: policy 8801, member 0001000001"):
        compared(book(row), carrier({**row, "coverage_spans": told}))


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"last_name": "O'Brien-Núñez"}, {"last_name": "OBRIEN NÚÑEZ"}),
        ({"last_name": "-"}, {"last_name": None}),
        ({"last_name": "NU\u0301N\u0303EZ"}, {"last_name": "N\u00daÑEZ"}),
        ({"premium_total": Decimal("512.30")}, {"premium_total": Decimal("512.31")}),
        ({"benefit_end": None}, {"benefit_end": date(2026, 12, 31)}),
        ({"benefit_end": date(2026, 12, 31)}, {"benefit_end": None}),
        ({"aptc": Decimal("0.00")}, {"aptc": None}),
        ({"issuer_member_id": None}, {"issuer_member_id": "M1"}),
        ({"is_subscriber": False, "premium_total": None}, {"premium_total": Decimal("512.30")}),
        ({"gender_code": None}, {"gender_code": None}),
        ({"address_line_1": "100 Elm St., #4"}, {"address_line_1": "100 ELM ST 4"}),
        ({"phone": "5125550100"}, {"phone": "(512) 555-0100"}),
        ({"ssn": None}, {"ssn": "900400009"}),
        ({"postal_code": "78701"}, {"postal_code": "78701-1234"}),
        ({"postal_code": "787011234"}, {"postal_code": "78701-1234"}),
        ({"email": "Avery@example.com"}, {"email": "avery@EXAMPLE.com"}),
        ({"csr": Decimal("0.00")}, {"csr": None}),
    ],
)
def test_what_means_the_same_is_no_difference(ours, theirs, book, carrier, book_row):
    """Spelling of names, a cent, an open end, an id the carrier assigns, a dependent's amounts."""
    row = book_row(1, **ours)
    found = compared(book(row), carrier({**row, **theirs}))
    assert found.differences.to_pylist() == []
    assert found.matched == 1


NO_MAILING = dict.fromkeys(name for name in records.BOOK_MEMBERS.names if "mailing" in name)
RESIDENCE = {
    "mailing_line_1": "100 Elm Street",
    "mailing_line_2": "Apt. 2",
    "mailing_city": "Austin",
    "mailing_state": "TX",
    "mailing_postal_code": "78701-1234",
}


def test_letters_go_to_the_residence_where_there_is_no_mailing_address(book, carrier, book_row):
    """Who writes the residence down twice means the same; another address is a difference."""
    ours, theirs = book_row(1, **NO_MAILING), {**book_row(1), **RESIDENCE}
    assert compared(book(ours), carrier(theirs)).differences.num_rows == 0
    assert compared(book({**ours, **RESIDENCE}), carrier(ours)).differences.num_rows == 0
    moved = {**ours, "address_line_1": "7 OAK STREET"}
    found = compared(book(ours), carrier(moved)).differences
    assert found["field"].to_pylist() == ["address_line_1"]
    found = compared(book(ours), carrier({**theirs, "mailing_city": "WACO"})).differences
    assert found["field"].to_pylist() == ["mailing_city"]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"benefit_end": None}, {"benefit_end": date(2027, 12, 31)}),
        ({"premium_total": None}, {"premium_total": Decimal("0.00")}),
        ({"premium_total": Decimal("1.00")}, {"premium_total": None}),
        ({"issuer_member_id": "M1"}, {"issuer_member_id": None}),
        ({"last_name": None}, {"last_name": "LOCKHART"}),
        ({"birth_date": None}, {"birth_date": date(1984, 3, 9)}),
        ({"ssn": "900400001"}, {"ssn": None}),
        ({"address_line_2": "APT 2"}, {"address_line_2": None}),
        ({"postal_code": "787011234"}, {"postal_code": "787019999"}),
    ],
)
def test_a_value_on_one_side_only_is_a_difference(ours, theirs, book, carrier, book_row):
    """Blank and known differ, whichever side is blank."""
    row = book_row(1, **ours)
    found = compared(book(row), carrier({**row, **theirs}))
    assert found.differences["field"].to_pylist() == list(theirs)


def somebody_else(number):
    """What makes a person of each number: nobody is like another."""
    return {
        "first_name": "ABCDEFGHIJKLMN"[number] * 6,
        "ssn": f"9{number:02d}40{number:04d}",
        "birth_date": date(1950 + number, 1 + number % 12, 5),
    }


def test_rows_of_one_side_only_are_named(book, carrier, book_row):
    """Missing rows have no field; a cancelled policy may be absent at the carrier."""
    ours, cancelled = book_row(1), book_row(2, policy_status="cancelled")
    theirs = book_row(3, **somebody_else(3))
    found = compared(book(ours, cancelled), carrier(theirs))
    assert found.counts == {
        **NOTHING,
        "missing_at_carrier": 1,
        "missing_in_book": 1,
        "may_be_absent": 1,
    }
    assert [
        (row["kind"], row["exchange_policy_id"], row["field"], row["file_id"])
        for row in found.differences.to_pylist()
    ] == [("missing_at_carrier", "8801", None, 41), ("missing_in_book", "8803", None, None)]


def test_what_one_side_lacks_is_worth_its_dollars_once(book, carrier, book_row):
    """A carrier may repeat the policy's amounts on each member; the book has them once."""
    lost = book_row(1)
    ghosts = [{**book_row(2), "exchange_policy_id": "9902", "exchange_member_id": m} for m in "ba"]
    found = compared(book(lost), carrier(*ghosts)).differences.to_pylist()
    assert [(row["exchange_member_id"], row["premium_difference"]) for row in found] == [
        ("0001000001", Decimal("-512.30")),
        ("a", Decimal("512.30")),
        ("b", None),
    ]
    assert found[0]["aptc_difference"] == Decimal("-100.00")
    assert found[1]["csr_difference"] == Decimal("20.00")


NO_AMOUNTS = dict.fromkeys(("premium_total", "aptc", "csr"))


def test_a_policy_that_the_book_does_not_know_counts_its_dollars_wherever_they_stand(
    book, carrier, book_row
):
    """The row with the first id may be a child's, and have no amounts."""
    ghost = {**book_row(2), "exchange_policy_id": "9902"}
    child = {**ghost, **NO_AMOUNTS, "exchange_member_id": "a"}
    found = compared(book(book_row(1)), carrier(book_row(1), child, ghost))
    assert [
        (row["exchange_member_id"], row["premium_difference"], row["aptc_difference"])
        for row in found.differences.to_pylist()
    ] == [("0001000002", Decimal("512.30"), Decimal("100.00")), ("a", None, None)]
    first = child | {"exchange_member_id": "000"}
    found = compared(book(book_row(1)), carrier(book_row(1), first, ghost))
    assert found.differences["csr_difference"].to_pylist() == [Decimal("20.00"), None]


@pytest.mark.parametrize(
    ("what", "ours", "worth"),
    [
        ("the subscriber agrees", {}, [None]),
        ("the subscriber differs", {"last_name": "LOCKYER"}, [None, None]),
        (
            "the carrier has another subscriber",
            {**somebody_else(9), "exchange_member_id": "0", "issuer_member_id": "M9"},
            [Decimal("-512.30"), Decimal("512.30"), None],
        ),
    ],
)
def test_a_member_more_is_worth_nothing_where_the_policy_is_compared(
    what, ours, worth, book, carrier, book_row
):
    """A carrier that repeats the amounts does not have the policy twice."""
    subscriber = book_row(1)
    more = {**subscriber, **somebody_else(5), "exchange_member_id": "9", "issuer_member_id": "M5"}
    found = compared(book({**subscriber, **ours}), carrier(subscriber, more))
    assert found.differences["premium_difference"].to_pylist() == worth, what


def test_a_member_more_is_worth_nothing_where_other_ids_find_the_policy(book, carrier, book_row):
    """What other ids match is compared there."""
    lost = {**book_row(1), "exchange_policy_id": "9901"}
    more = {**lost, **somebody_else(5), "exchange_member_id": "9", "issuer_member_id": "M5"}
    found = compared(book(book_row(1)), carrier(lost, more)).differences.to_pylist()
    assert [(row["kind"], row["field"], row["premium_difference"]) for row in found] == [
        ("differs", "exchange_policy_id", None),
        ("missing_in_book", None, None),
    ]


def test_what_the_carrier_does_not_keep_is_not_compared_and_named(book, carrier, book_row):
    """A column that its records do not have is no difference on every row."""
    row = book_row(1)
    found = compared(book(row), carrier(row).drop_columns(["ssn", "address_line_1", "csr"]))
    assert found.counts == {**NOTHING, "matched": 1}
    # Without a residence nothing can stand in for a mailing address either.
    assert found.not_compared == ("ssn", "address_line_1", "mailing_line_1", "csr")


def test_a_cancelled_policy_that_the_carrier_kept_is_compared(book, carrier, book_row):
    """Coverage that goes on at the carrier after a cancellation is a difference."""
    row = book_row(1, policy_status="cancelled", benefit_end=date(2026, 1, 1))
    found = compared(book(row), carrier({**row, "benefit_end": None}))
    assert found.differences["field"].to_pylist() == ["benefit_end"]


def test_a_member_whom_nobody_ever_covered_may_be_absent(book, carrier, book_row):
    """Added and cancelled again, in a policy that goes on; not who was covered before."""
    never = {"benefit_end": book_row(1)["benefit_begin"]}
    child = book_row(1, exchange_member_id="a", is_subscriber=False, **never)
    before = {**child, "exchange_member_id": "b", "coverage_spans": "2025-01-01/2025-03-31"}
    found = compared(book(book_row(1), child, before), carrier(book_row(1)))
    assert found.counts == {**NOTHING, "matched": 1, "may_be_absent": 1, "missing_at_carrier": 1}
    assert found.differences["exchange_member_id"].to_pylist() == ["b"]
    kept = compared(book(book_row(1), child), carrier(book_row(1), {**child, "benefit_end": None}))
    assert kept.differences["field"].to_pylist() == ["benefit_end"], "what the carrier kept"


@pytest.mark.parametrize("side", ["book", "carrier"])
def test_two_rows_of_one_key_are_refused(side, book, carrier, book_row):
    """A row has one partner or none."""
    once, twice = [book_row(1)], [book_row(1), book_row(1)]
    sides = (book(*twice), carrier(*once)) if side == "book" else (book(*once), carrier(*twice))
    with pytest.raises(Terminal, match=f"row 2 of the {side}'s snapshot: .* an earlier row has"):
        compared(*sides)


FIELDS = st.sampled_from(sorted(CHANGED.keys() - {"coverage_spans"}))  # of rows without spans
STATES = st.lists(
    st.one_of(st.sampled_from(["same", "carrier_lacks", "book_lacks"]), FIELDS), max_size=12
)


@settings(max_examples=12, deadline=None)
@given(states=STATES, shuffler=st.randoms(use_true_random=False))
def test_order_of_rows_changes_nothing_and_nothing_is_lost(
    states, shuffler, book, carrier, book_row
):
    """Shuffled sides give the same differences; each row is in exactly one count."""
    rows = [(s, book_row(number, **somebody_else(number))) for number, s in enumerate(states, 1)]
    ours = [row for state, row in rows if state != "book_lacks"]
    theirs = [
        {**row, state: CHANGED[state]} if state in CHANGED else row
        for state, row in rows
        if state != "carrier_lacks"
    ]
    first = compared(book(*ours), carrier(*theirs))
    assert first.differences.num_rows == len(states) - states.count("same")
    assert first.counts == {
        **NOTHING,
        "matched": states.count("same"),
        "differing": sum(state in CHANGED for state in states),
        "missing_at_carrier": states.count("carrier_lacks"),
        "missing_in_book": states.count("book_lacks"),
    }
    shuffler.shuffle(ours)
    shuffler.shuffle(theirs)
    second = compared(book(*ours), carrier(*theirs))
    assert second.differences.equals(first.differences)


def test_folders_are_reconciled_to_the_same_bytes(tmp_path, book, carrier, book_row):
    """The same snapshots give the same files, however the rows are spread over them."""
    rows = [book_row(n) for n in range(1, 7)]
    theirs = [*rows[:4], {**rows[4], "gender_code": "M"}]
    freeze(book(*rows), tmp_path / "book", "members")
    freeze(carrier(*theirs), tmp_path / "carrier", "members")
    freeze(book(*rows[3:]), tmp_path / "split", "a")
    freeze(book(*rows[:3]), tmp_path / "split", "b")
    for name in ("book", "split"):
        reconcile_folders(tmp_path / name, tmp_path / "carrier", tmp_path / f"out-{name}")
    out, split = tmp_path / "out-book", tmp_path / "out-split"
    differences = (out / "differences.parquet").read_bytes()
    assert differences == (split / "differences.parquet").read_bytes()
    summary = json.loads((out / "summary.json").read_text())
    assert summary["counts"] == {
        **NOTHING,
        "matched": 4,
        "differing": 1,
        "missing_at_carrier": 1,
    }
    assert summary["differences"]["sha256"] == hashlib.sha256(differences).hexdigest()
    assert summary["rules"] == {"id": "ffe-individual", "version": 5}
    assert pq.read_table(out / "differences.parquet").schema.equals(tables.DIFFERENCES)
    assert sorted(p.name for p in out.iterdir()) == [
        "differences.parquet",
        "matches.parquet",
        "summary.json",
    ]


def test_folders_without_a_right_snapshot_are_refused(tmp_path, book, carrier, book_row):
    """No file, a damaged file, and a file of another table are named."""
    good = tmp_path / "book"
    freeze(book(book_row(1)), good, "members")
    wrong = tmp_path / "carrier"
    with pytest.raises(Terminal, match="No Parquet file"):
        reconcile_folders(good, wrong, tmp_path / "out")
    freeze(carrier(book_row(1)).drop_columns(["plan_id"]), wrong, "members")
    with pytest.raises(Terminal, match="column plan_id is missing"):
        reconcile_folders(good, wrong, tmp_path / "out")
    path, _ = freeze(carrier(book_row(1)), wrong, "members")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(Terminal, match="no whole Parquet file"):
        reconcile_folders(good, wrong, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_snapshot_has_one_form(tmp_path, book, book_row):
    """The same rows in other chunks are the same bytes; writing leaves nothing else behind."""
    rows = [book_row(1), book_row(2)]
    whole = freeze(book(*rows), tmp_path / "a", "members")
    chunked = pa.concat_tables([book(rows[0]), book(rows[1])])
    assert freeze(chunked, tmp_path / "b", "members")[1] == whole[1]
    assert hashlib.sha256(whole[0].read_bytes()).hexdigest() == whole[1]
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["members.parquet"]


def test_wrong_comparison_rules_are_refused(tmp_path):
    """A column that a side lacks, an unknown kind and broken TOML are named with their file."""
    rules = tmp_path / "rules.toml"
    rows = {
        "name='file_id'\nkind='exact'\ndecides='issuer'": "file_id is not a column of both sides",
        "name = 'plan_id'\nkind = 'alike'\ndecides = 'issuer'": "fields.0.kind",
        "name = ": "not valid TOML",
    }
    head = (
        "id='x'\nversion=1\nkey=['exchange_policy_id']\nmay_be_absent=[]\nmoney_tolerance='0'\n"
        "missing_at_carrier={decides='exchange',action='a'}\n"
        "missing_in_book={decides='exchange',action='a'}\n"
        "decisions.exchange={action='a',waits_for='carrier'}\n"
    )
    for row, message in rows.items():
        rules.write_text(f"{head}[[fields]]\n{row}\n")
        load_comparison.cache_clear()
        with pytest.raises(Terminal, match=message):
            load_comparison(rules)
