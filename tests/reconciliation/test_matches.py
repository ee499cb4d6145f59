"""Pairs that ids do not make: a queue, persons' words, and what the next run makes of them."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from ledger.runs import open_run
from reconciliation.matches import (
    MatchWord,
    decisions_of,
    list_matches,
    meet_matches,
    read_match,
    say,
    waiting_for_second,
)
from schemas import records
from schemas.errors import Terminal

PARTNER = "cedar-valley-tx"
FIRST_NIGHT = datetime(2026, 12, 1, 6, tzinfo=UTC)


def found(book="1", carrier="1", state="proposed", **more):
    """A row of MATCHES, by one letter a record."""
    key = (f"88{book}", f"M{book}", f"X{carrier}", f"XM{carrier}")
    pair = dict(zip(records.MATCH_KEY, key, strict=True))
    weighed = {"how": "likeness", "weight": 3.5, "runner_up": None, "reasons": ["ssn: same +8.9"]}
    return {**pair, "state": state, **weighed, **more}


class Nights:
    """Nights of one partner, each with the pairs that its reconciliation has found."""

    def __init__(self, conn):
        self.conn = conn
        self.number = 0

    def see(self, *rows, partner_id=PARTNER):
        at = FIRST_NIGHT + timedelta(days=self.number)
        self.number += 1
        table = pa.Table.from_pylist(list(rows), schema=records.MATCHES)
        meet_matches(self.conn, open_run(self.conn, at), partner_id, at, table)

    def say(self, word, *ids, person="Ada", reason="Both have one street."):
        return say(self.conn, ids, MatchWord(word, person, "ops", reason))

    def twice(self, word, *ids, **said):
        """Said by two persons, as the rules ask of some words."""
        self.say(word, *ids, person="Ben")
        return self.say(word, *ids, **said)

    def all(self, name="state"):
        return [row[name] for row in list_matches(self.conn, (), None, 0, 100)]


@pytest.fixture
def nights(conn):
    return Nights(conn)


def test_a_pair_waits_until_it_is_gone_or_somebody_has_spoken(nights):
    """It is one row as long as it is found; what is matched meanwhile waits no more."""
    nights.see(found(), found(book="2", carrier="2"))
    nights.see(found(weight=4.0), found(book="2", carrier="2", state="matched"))
    assert nights.all() == ["proposed", "matched"]
    assert nights.all("weight") == [4.0, 3.5]
    assert nights.all("first_seen") == [FIRST_NIGHT] * 2
    nights.see()
    assert nights.all() == ["gone", "gone"]
    nights.see(found())
    assert nights.all() == ["proposed", "gone"]


def test_what_a_person_said_survives_the_next_run_and_is_its_input(nights, conn):
    """Found again, found by the word itself, or not found: the word stays."""
    nights.see(found(), found(book="2", carrier="2"))
    first, second = nights.all("match_id")
    nights.twice("accept", first)
    nights.say("refuse", second)
    by_word = found(state="accepted", how="a person", weight=None, reasons=None)
    for rows in ([by_word, found(book="2", carrier="2")], [], [by_word]):
        nights.see(*rows)
        assert nights.all() == ["accepted", "refused"]
    assert nights.all("how") == ["likeness", "likeness"]
    assert nights.all("weight") == [3.5, 3.5]
    assert [tuple(row.values()) for row in decisions_of(conn, PARTNER).to_pylist()] == [
        ("881", "M1", "X1", "XM1", "accept"),
        ("882", "M2", "X2", "XM2", "refuse"),
    ]
    assert decisions_of(conn, "harbor-light-nc").num_rows == 0


def test_a_word_can_be_taken_back(nights, conn):
    """Each is kept with person, account and reason."""
    nights.see(found())
    (pair,) = nights.all("match_id")
    nights.twice("accept", pair)
    nights.say("refuse", pair, person="Grace", reason="The twin.")
    row, words = read_match(conn, pair)
    assert (row["state"], row["version"]) == ("refused", 3)
    assert [(one["word"], one["person"], one["account"], one["reason"]) for one in words] == [
        ("accept", "Ben", "ops", "Both have one street."),
        ("accept", "Ada", "ops", "Both have one street."),
        ("refuse", "Grace", "ops", "The twin."),
    ]


@pytest.mark.parametrize(
    ("rows", "word", "said", "message"),
    [
        ([found(state="matched")], "accept", {}, r"Pair \d+ is matched: to accept it is not poss"),
        ([found()], "accept", {"person": " "}, "needs a person and a reason"),
        ([found()], "refuse", {"reason": ""}, "needs a person and a reason"),
        ([found(), found(carrier="2")], "accept", {}, "one record of the book with two partners"),
        ([found(), found(book="2")], "accept", {}, "one record of the carrier with two partners"),
    ],
)
def test_a_word_that_cannot_be_is_refused(nights, rows, word, said, message):
    """Without a person, without a reason, against its state, or a record with two partners."""
    nights.see(*rows)
    with pytest.raises(Terminal, match=message):
        nights.twice(word, *nights.all("match_id"), **said)


def test_a_pair_needs_two_accounts_of_the_console(nights, conn):
    """Under another name the same account is the same person."""
    nights.see(found())
    (pair,) = nights.all("match_id")
    say(conn, [pair], MatchWord("accept", "ada@old", "console:7", "Seen."))
    with pytest.raises(Terminal, match="needs another person than ada@old"):
        say(conn, [pair], MatchWord("accept", "ada@new", "console:7", "Seen."))
    assert say(conn, [pair], MatchWord("accept", "ben", "console:8", "Seen.")) == 1


def test_one_member_of_two_records_needs_two_persons(nights, conn):
    """The first word waits; the same person again, or a look at an older version, is refused."""
    nights.see(found())
    (pair,) = nights.all("match_id")
    assert nights.say("accept", pair) == 0
    assert nights.all() == ["proposed"]
    assert waiting_for_second(conn, [pair]) == {pair: "Ada"}
    with pytest.raises(Terminal, match="needs another person than Ada"):
        nights.say("accept", pair, person="ada ")
    with pytest.raises(Terminal, match="changed by somebody else"):
        say(conn, [pair], MatchWord("accept", "Ben", "ops", "Seen."), version=0)
    assert say(conn, [pair], MatchWord("accept", "Ben", "ops", "Seen."), version=1) == 1
    assert (nights.all(), waiting_for_second(conn, [pair])) == (["accepted"], {})


def test_a_word_about_nothing_is_refused(nights):
    """The pair is named by its number."""
    with pytest.raises(Terminal, match=r"There is no pair 999\."):
        nights.say("accept", 999)


def test_other_partners_pairs_stay(nights):
    """A reconciliation of one partner says nothing of another's."""
    nights.see(found())
    nights.see(partner_id="harbor-light-nc")
    assert nights.all() == ["proposed"]
