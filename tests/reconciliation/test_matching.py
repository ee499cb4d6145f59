"""Members whose ids do not say which record is theirs: who is matched, waits, or stays alone."""

from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reconciliation.comparison import compare
from reconciliation.matching import read_decisions
from reconciliation.snapshots import Snapshot
from schemas import records
from schemas.errors import Terminal
from schemas.matching import load_matching

LIKENESS, IDS = "likeness", "issuer ids"


@pytest.fixture
def person(book_row):
    """A member of the book: of the policy and member of that number, with a number of its own."""

    def make(number, **changes):
        return book_row(number, **{"ssn": f"9{number:02d}401{number * 37:03d}", **changes})

    return make


def elsewhere(row, **changes):
    """The carrier's record of the member, under none of the ids that the book has."""
    number = row["exchange_policy_id"]
    ids = {
        "exchange_policy_id": f"X{number}",
        "exchange_subscriber_id": f"X{row['exchange_subscriber_id']}",
        "exchange_member_id": f"X{row['exchange_member_id']}",
        "issuer_policy_id": f"X{number}",
        "issuer_subscriber_id": f"X{number}",
        "issuer_member_id": f"X{number}",
    }
    return {**row, **ids, **changes}


@pytest.fixture
def matched(book, carrier):
    """The comparison of members of the book with records of the carrier, and persons' words."""

    def run(ours, theirs, *words):
        decisions = pa.Table.from_pylist(
            [dict(zip(records.MATCHES.names[:4], word[0], strict=True)) | {"word": word[1]}
             for word in words],
            schema=records.MATCH_DECISIONS,
        )  # fmt: skip
        sides = Snapshot.of(book(*ours)), Snapshot.of(carrier(*theirs))
        return compare(*sides, decisions=decisions)

    return run


def pair(ours, theirs):
    """The key of a pair."""
    return tuple(
        row[name] for row in (ours, theirs) for name in ("exchange_policy_id", "exchange_member_id")
    )


def found(comparison):
    """State and way of each pair by its key."""
    return {
        tuple(row[name] for name in records.MATCH_KEY): (row["state"], row["how"])
        for row in comparison.matches.to_pylist()
    }


def test_other_ids_of_one_member_make_a_pair(matched, person):
    """The issuer's own ids are the same: the exchange's differ, and nothing is missing."""
    ours = person(1)
    ids = {name: ours[name] for name in records.BOOK_MEMBERS.names if name.startswith("issuer_")}
    theirs = elsewhere(ours, **ids, exchange_subscriber_id=ours["exchange_subscriber_id"])
    comparison = matched([ours, person(2)], [theirs, person(2)])

    assert found(comparison) == {pair(ours, theirs): ("matched", IDS)}
    assert comparison.counts["matched"] == comparison.counts["differing"] == 1
    assert comparison.counts["missing_at_carrier"] == comparison.counts["missing_in_book"] == 0
    assert [
        (row["exchange_policy_id"], row["field"], row["book_value"], row["carrier_value"])
        for row in comparison.differences.to_pylist()
    ] == [
        ("8801", "exchange_policy_id", "8801", "X8801"),
        ("8801", "exchange_member_id", "0001000001", "X0001000001"),
    ]


@pytest.mark.parametrize("lost", [("exchange_policy_id", "exchange_member_id"),
                                  ("exchange_member_id",)])  # fmt: skip
def test_a_record_without_the_exchange_s_ids_is_found_by_the_issuer_s(matched, person, lost):
    """Each row is counted once, and a person's refusal of the pair holds."""
    ours = person(1)
    theirs = ours | dict.fromkeys(lost)
    comparison = matched([ours, person(2)], [theirs, person(2)])
    assert [one for _, one in found(comparison).values()] == [IDS]
    assert comparison.counts["matched"] == comparison.counts["differing"] == 1
    assert set(comparison.differences["field"].to_pylist()) == set(lost)

    refused = matched([ours], [theirs], (pair(ours, theirs), "refuse"))
    assert refused.counts["missing_at_carrier"] == refused.counts["missing_in_book"] == 1


def test_a_policy_id_with_one_wrong_digit_is_told_as_that(matched, person):
    """Subscriber, member, plan and begin are those of the exchange."""
    ours = person(1)
    comparison = matched([ours], [{**ours, "exchange_policy_id": "8810"}])
    assert [one for _, one in found(comparison).values()] == ["exchange subscriber and member ids"]
    assert comparison.differences["field"].to_pylist() == ["exchange_policy_id"]


def test_issuer_ids_of_somebody_else_make_no_pair(matched, person):
    """Ids that were given twice: neither birth date nor first name is the same."""
    ours = person(1)
    stranger = {"first_name": "JOLENE", "birth_date": date(1951, 1, 2), "last_name": "QUARLES"}
    theirs = {**ours, **stranger, "exchange_policy_id": "X1", "exchange_subscriber_id": "X1",
              "exchange_member_id": "X1", "ssn": "955441234"}  # fmt: skip
    comparison = matched([ours], [theirs])
    assert comparison.matches.num_rows == 0
    assert comparison.counts["missing_at_carrier"] == comparison.counts["missing_in_book"] == 1


ALIKE = {
    "all the same": ({}, "matched"),
    "no number on one side": ({"ssn": None}, "matched"),
    "another last name": ({"last_name": "BERGSTROM"}, "matched"),
    "first and last name swapped": ({"last_name": "AVERY", "first_name": "LOCKHART"}, "matched"),
    "swapped, and no number": (
        {"last_name": "AVERY", "first_name": "LOCKHART", "ssn": None},
        "matched",
    ),
    "day and month swapped": ({"birth_date": date(1984, 9, 3)}, "matched"),
    "two digits of the birth date swapped": ({"birth_date": date(1948, 3, 9)}, "matched"),
    "moved": ({"address_line_1": "7 OAK STREET", "postal_code": "75001"}, "matched"),
    "another first name": ({"first_name": "JOLENE"}, "proposed"),
    "another last name, no number": ({"last_name": "BERGSTROM", "ssn": None}, "proposed"),
    "another birth date": ({"birth_date": date(1961, 12, 30)}, "proposed"),
    "another plan": ({"plan_id": "91001TX002000201"}, "proposed"),
    "another number": ({"ssn": "955441234"}, "proposed"),
}


@pytest.mark.parametrize("case", ALIKE)
def test_a_record_under_foreign_ids_is_matched_or_shown(matched, person, case):
    """What one member's record may look like; where it could be another's, a person decides."""
    changes, state = ALIKE[case]
    ours = person(1)
    theirs = elsewhere(ours, **changes)
    comparison = matched([ours], [theirs])

    assert found(comparison) == {pair(ours, theirs): (state, LIKENESS)}
    missing = 0 if state == "matched" else 1
    assert comparison.counts["missing_at_carrier"] == missing
    assert comparison.counts["missing_in_book"] == missing
    (row,) = comparison.matches.to_pylist()
    assert len(row["reasons"]) == len(load_matching().comparisons)
    assert (row["runner_up"], row["weight"] > load_matching().automatic.shown_from) == (None, True)


def test_the_reasons_tell_levels_and_weights_and_no_value(matched, person):
    """The bits of all reasons and of the prior are the weight."""
    ours = person(1)
    (row,) = matched([ours], [elsewhere(ours, ssn=None)]).matches.to_pylist()
    assert row["reasons"][:3] == [
        "ssn: blank +0.0",
        "first_name: same +4.9",
        "last_name: same +0.8",
    ]
    assert sum(float(reason.split()[-1]) for reason in row["reasons"]) - 4.2 == pytest.approx(
        row["weight"], abs=0.3
    )
    assert not any(ours[name] in str(row["reasons"]) for name in ("last_name", "city", "plan_id"))


def test_twins_are_never_matched_with_each_other(matched, person):
    """One is in the book and the other at the carrier: at most they are shown."""
    one = person(1, relationship_code="19", first_name="JAYDEN", birth_date=date(2014, 5, 6))
    for changes in ({"first_name": "ROWAN", "ssn": None}, {"first_name": "JAYLEN", "ssn": None},
                    {"first_name": "JAYLEN"}):  # fmt: skip
        comparison = matched([one], [elsewhere(one, **changes)])
        assert "matched" not in comparison.matches["state"].to_pylist()


def test_both_twins_find_themselves(matched, person):
    """Without numbers, too: the other twin's first name is another."""
    twins = [
        person(n, first_name=name, birth_date=date(2014, 5, 6), ssn=None)
        for n, name in ((1, "JAYDEN"), (2, "JAYLEN"))
    ]
    records_of = [elsewhere(one) for one in twins]
    expected = {pair(*both): ("matched", LIKENESS) for both in zip(twins, records_of, strict=True)}
    assert found(matched(twins, records_of)) == expected


def test_spouses_with_one_number_are_two_members(matched, person):
    """The same number, address and last name, and another first name and birth date."""
    ours = person(1)
    spouse = elsewhere(ours, first_name="JOLENE", birth_date=date(1986, 7, 1), gender_code="M")
    assert "matched" not in matched([ours], [spouse]).matches["state"].to_pylist()


def test_a_number_that_many_have_is_nobodys(matched, person):
    """It makes neither a pair nor a weight."""
    ours = [
        person(n, first_name=f"{'ABCDEFGHIJ'[n]}NSEL", last_name=f"{'KLMNOPQRST'[n]}ORD",
               birth_date=date(1950 + n * 3, n, n * 2), address_line_1=f"{n} STREET")
        for n in range(1, 8)
    ]  # fmt: skip
    ours = [{**row, "ssn": "900499999"} for row in ours]
    strangers = [
        elsewhere(row, first_name="QUINTUS", last_name="ZYGMUND", birth_date=date(1930, 1, 1))
        for row in ours
    ]
    assert matched(ours, strangers).matches.num_rows == 0


def test_two_records_that_are_equally_near_wait_for_a_person(matched, person):
    """The carrier has the member twice: neither is taken."""
    ours = person(1)
    first, second = (elsewhere(ours, exchange_policy_id=f"X{n}") for n in (1, 2))
    comparison = matched([ours], [first, second])
    assert found(comparison) == {
        pair(ours, theirs): ("proposed", LIKENESS) for theirs in (first, second)
    }
    weights = comparison.matches.select(["weight", "runner_up"]).to_pylist()
    assert all(row["weight"] == row["runner_up"] for row in weights)


def test_one_person_in_two_policies_is_matched_policy_by_policy(matched, person):
    """Health and dental: the plan says which record is which."""
    health = person(1)
    dental = {**health, "exchange_policy_id": "8850", "plan_id": "91001TX009000900",
              "insurance_line": "DEN"}  # fmt: skip
    records_of = [elsewhere(health), elsewhere(dental)]
    expected = {
        pair(*both): ("matched", LIKENESS)
        for both in zip((health, dental), records_of, strict=True)
    }
    assert found(matched([health, dental], records_of)) == expected


def test_the_word_of_a_person_is_an_input(matched, person):
    """Who was shown is matched once accepted; who was refused is not shown again."""
    ours = person(1)
    theirs = elsewhere(ours, first_name="JOLENE")
    key = pair(ours, theirs)
    accepted = matched([ours], [theirs], (key, "accept"))
    refused = matched([ours], [theirs], (key, "refuse"))

    assert found(accepted) == {key: ("accepted", "a person")}
    assert accepted.counts["differing"] == 1
    assert "first_name" in accepted.differences["field"].to_pylist()
    assert found(refused) == {}
    assert refused.counts["missing_at_carrier"] == 1


def test_a_refused_pair_is_not_made_by_ids_either(matched, person):
    """A person has looked: the ids are wrong."""
    ours = person(1)
    theirs = {**ours, "exchange_policy_id": "8810"}
    assert found(matched([ours], [theirs], (pair(ours, theirs), "refuse"))) == {}


def test_words_are_read_as_a_night_has_kept_them(tmp_path):
    """Another file is refused by its name."""
    word = dict.fromkeys(records.MATCH_DECISIONS.names, "accept")
    path = tmp_path / "decisions.parquet"
    pq.write_table(pa.Table.from_pylist([word], schema=records.MATCH_DECISIONS), path)
    assert read_decisions(path).to_pylist() == [word]
    pq.write_table(pa.table({"word": ["accept"]}), path)
    with pytest.raises(Terminal, match=r"decisions\.parquet is no Parquet file of decisions"):
        read_decisions(path)


def test_two_accepted_pairs_of_one_record_do_not_hold(matched, person):
    """A record has one partner or none."""
    one, two = person(1), person(2, first_name="ROWAN", birth_date=date(2001, 1, 1))
    theirs = elsewhere(one, first_name="JOLENE")
    words = [(pair(ours, theirs), "accept") for ours in (one, two)]
    assert "accepted" not in matched([one, two], [theirs], *words).matches["state"].to_pylist()


def test_cancelled_policies_that_may_be_absent_are_nobodys_partner(matched, person):
    """A record of the carrier is not explained by coverage that never was."""
    ours = person(1, policy_status="cancelled")
    comparison = matched([ours], [elsewhere(ours)])
    assert comparison.matches.num_rows == 0
    assert comparison.counts["may_be_absent"] == comparison.counts["missing_in_book"] == 1


def test_the_order_of_rows_changes_no_pair(matched, person):
    """The same pairs, weights and differences."""
    ours = [person(n, first_name=f"{'ABCDEFGHIJ'[n]}LIX") for n in range(1, 6)]
    theirs = [elsewhere(row, **({"ssn": None} if row["file_id"] % 2 else {})) for row in ours]
    first, second = matched(ours, theirs), matched(ours[::-1], theirs[::-1])
    assert first.matches.equals(second.matches)
    assert first.differences.equals(second.differences)
    assert first.matches.num_rows > 0


def test_what_the_carrier_does_not_keep_is_no_evidence(book, carrier, person):
    """Without numbers and addresses names, birth date and enrollment are left."""
    ours = person(1)
    theirs = carrier(elsewhere(ours)).drop_columns(["ssn", "address_line_1", "postal_code"])
    comparison = compare(Snapshot.of(book(ours)), Snapshot.of(theirs))
    (row,) = comparison.matches.to_pylist()
    assert row["state"] == "matched"
    assert {"ssn: blank +0.0", "address: blank +0.0"} <= set(row["reasons"])


def test_where_too_many_have_no_partner_likeness_is_not_tried_and_that_is_told(
    matched, person, monkeypatch
):
    """The ids of such an extract are wrong as a whole: weighing everybody would help nobody."""
    ours = [person(number) for number in (1, 2)]
    theirs = [elsewhere(one) for one in ours]
    tried = matched(ours, theirs)
    assert (tried.matches.num_rows, tried.is_too_much_alone) == (2, False)

    rules = load_matching()
    few = rules.model_copy(update={"limits": rules.limits.model_copy(update={"unmatched_max": 1})})
    monkeypatch.setattr("reconciliation.comparison.load_matching", lambda: few)
    untried = matched(ours, theirs)
    assert (untried.matches.num_rows, untried.is_too_much_alone) == (0, True)
    assert untried.counts["missing_at_carrier"] == untried.counts["missing_in_book"] == 2
