"""Book to RCNI, RCNI to RCNO, RCNO to actions, and after the actions both sides agree."""

import hashlib
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
import sqlalchemy as sa

from ledger.sign_offs import Signer
from ledger.words import Said, act
from pipeline.month import build_rcni
from pipeline.month_by_hand import load_answer
from pipeline.month_disputes import write_again, write_disputes
from pipeline.settings import Settings
from pipeline.wiring import House
from reconciliation.break_queries import Wanted, list_breaks, read_break
from reconciliation.months import Spoken, list_actions, speak
from schemas.breaks import BREAKS
from schemas.errors import Terminal
from sftp_inbox.landing import LandingZone
from simulator.monthly import MonthlyExchange, Segment
from tests.enrollment.conftest import PARTNER, Carrier, Say

ADA = Signer("Ada", "ada")
MONTH = datetime(2027, 1, 15, 12, tzinfo=UTC)
HEAD = ("001234567T", "TX0", "91001")


def segment(policy, subscriber, member, **values):
    """A segment of the exchange's book that says what `Say.enrollment` says."""
    span = {"begin": "20270101", "end": ""}
    is_subscriber = subscriber == member
    told = {
        "first_name": f"PERSON {member}", "last_name": "SAMPLE", "birth_date": "19900517",
        "subscriber": "Y" if is_subscriber else "N",
        "relationship": "18" if is_subscriber else "19",
        "exchange_subscriber_id": subscriber, "exchange_member_id": member,
        "exchange_policy_id": policy, "plan": "91001TX001000101", "city": "AUSTIN",
        "coverage_year": "2027", "paid": "N", "individual": "300.00",
        "individual_begin": "20270101", "individual_end": "", **span,
    }  # fmt: skip
    if is_subscriber:
        told |= {"premium": "300.00", "premium_begin": "20270101", "premium_end": ""}
        told |= {"aptc": "100.00", "aptc_begin": "20270101", "aptc_end": ""}
    return Segment(told | values)


class Months:
    """Both sides, and the months between them."""

    def __init__(self, house, folder):
        self.house, self.folder = house, folder
        self.exchange = MonthlyExchange(HEAD)
        self.number = 0
        with house.engine.begin() as conn:
            self.carrier = Carrier(conn, datetime.fromisoformat("2026-12-01T06:00:00+00:00"))

    def hears(self, *sets):
        """Our book takes in what the exchange says."""
        with self.house.engine.begin() as conn:
            self.carrier.conn = conn
            self.number += 1
            self.carrier.begins_night(self.carrier.as_of.replace(day=1 + self.number))
            self.carrier.receives(*sets)
            self.carrier.applies()

    def rcni(self):
        """The bytes of a new RCNI."""
        written = build_rcni(self.house, PARTNER, 2027, MONTH, self.folder)
        return written.path.read_bytes()

    def answers(self, content=None):
        """What follows from the exchange's answer to a new RCNI, or from that content."""
        if content is None:
            content = self.exchange.answer(self.rcni(), MONTH.date())
        path = self.folder / "answer.txt"
        path.write_bytes(content)
        self.last_answer = content
        return load_answer(self.house, PARTNER, 2027, path, MONTH)

    def actions(self, **asked):
        """What waits, by (policy, field)."""
        with self.house.engine.connect() as conn:
            rows = list_actions(conn, PARTNER, **asked)
        return {(row["exchange_policy_id"], row["field"]): row for row in rows}

    def says(self, word, *ids, by="a steward", reason="looked at the 834"):
        """A person's word."""
        with self.house.engine.begin() as conn:
            return speak(conn, ids, Spoken(word, by, "account", reason))

    def trail(self, action):
        """The details of the entries of that action."""
        told = sa.text("SELECT details FROM ledger.audit_entry WHERE action = :a ORDER BY ordinal")
        with self.house.engine.connect() as conn:
            return list(conn.execute(told, {"a": action}).scalars())


@pytest.fixture
def months(engine, tmp_path):
    """Two policies that both sides know alike."""
    house = House(Settings(home=tmp_path), engine, LandingZone(tmp_path / "landing"))
    both = Months(house, tmp_path)
    both.hears(Say.enrollment("1001", "S1", "D1"), Say.enrollment("1002", "S2"))
    both.exchange.segments = [
        segment("1001", "S1", "S1"), segment("1001", "S1", "D1"), segment("1002", "S2", "S2"),
    ]  # fmt: skip
    return both


def test_where_both_books_agree_all_records_match(months):
    """Nothing follows."""
    loaded = months.answers()

    assert (loaded.state, loaded.issues.num_rows) == ("loaded", 0)
    assert loaded.balance.rows == {"matched": 3, "differing": 0, "unmatched": 0}
    assert loaded.balance.totals == tuple(map(Decimal, ("600", "600", "200", "200")))
    assert (loaded.actions, months.actions()) == ({}, {})


@pytest.mark.control("exchange-duties")
def test_every_difference_is_an_action_and_after_the_actions_both_sides_agree(months):
    """Theirs is disputed, ours corrected, an id of ours taken over, what is missing comes."""
    exchange = months.exchange
    first, dependent, second = exchange.segments
    exchange.segments = [
        Segment({**first.values, "aptc": "150.00"}),
        Segment({**dependent.values, "last_name": "RENAMED"}),
        second,
        segment("1003", "S3", "S3"),
    ]
    exchange.lose("1002")

    loaded = months.answers()
    waiting = months.actions()

    assert loaded.balance.rows == {"matched": 0, "differing": 2, "unmatched": 2}
    assert {key: (row["action"], row["state"], row["dollars"]) for key, row in waiting.items()} == {
        ("1001", "aptc"): ("dispute", "draft", Decimal("50.00")),
        ("1001", "last_name"): ("correct", "open", Decimal("0.00")),
        ("1002", None): ("dispute", "draft", Decimal("300.00")),
        ("1003", None): ("correct", "open", Decimal("300.00")),
    }

    disputes = [waiting["1001", "aptc"]["action_id"], waiting["1002", None]["action_id"]]
    assert months.says("released", *disputes) == Decimal("350.00")
    path = months.folder / "disputes.txt"
    written = write_disputes(months.house, PARTNER, path, ADA)
    assert (written.disputes, written.dollars) == (2, Decimal("350.00"))
    assert exchange.take_disputes(path.read_bytes()) == 2
    months.hears(
        Say.change("1001", "S1", Say.unchanged("1001", "S1", "D1", last_name="RENAMED",
                   additional_maintenance_reason="DEMOGRAPHIC CHANGE")),
        Say.enrollment("1003", "S3"),
    )  # fmt: skip
    months.says(
        "done", waiting["1001", "last_name"]["action_id"], waiting["1003", None]["action_id"]
    )

    after = months.answers()

    assert after.balance.rows == {"matched": 4, "differing": 0, "unmatched": 0}
    assert months.actions() == {}


@pytest.mark.control("exchange-duties")
def test_a_draft_has_its_evidence_its_dollars_and_a_deadline(months):
    """The line of the answer, and the bytes of the 834 that told us our value."""
    first = months.exchange.segments[0]
    months.exchange.segments[0] = Segment({**first.values, "aptc": "150.00"})
    months.answers()

    row = months.actions()["1001", "aptc"]

    assert (row["exchange_value"], row["issuer_value"], row["flag"]) == ("150.00", "100.00", "I")
    assert row["event_file_name"].startswith("OPR.001234567T.I834")
    assert row["event_byte_start"] == 100
    answer = (months.folder / "answer.txt").read_bytes()[row["byte_start"] : row["byte_end"]]
    assert b"|150.00|100.00|I|" in answer
    assert row["due_on"] == date(2027, 4, 15)
    assert row["dollars"] == Decimal("50.00")


def test_only_a_person_releases_a_dispute_and_only_once(months):
    """Who, under which account and why; the trail has the word, and no reason in clear."""
    months.exchange.lose("1002")
    months.answers()
    action_id = months.actions()["1002", None]["action_id"]

    with pytest.raises(Terminal, match="needs a person and a reason"):
        months.says("released", action_id, reason=" ")
    with pytest.raises(Terminal, match="is draft; done can be what is open"):
        months.says("done", action_id)
    months.says("released", action_id)
    with pytest.raises(Terminal, match="is released"):
        months.says("dropped", action_id)

    row = months.actions(everything=True)["1002", None]
    assert (row["state"], row["word"], row["decided_by"]) == ("released", "released", "a steward")
    assert len(months.trail("month actions draft")) == 1
    (released,) = months.trail("month actions released")
    assert (released["actions"], released["dollars"]) == (1, 300.0)
    (spoken,) = months.trail("month spoken")
    assert spoken["word"] == "released"
    assert "looked at" not in str(spoken)


def test_a_dropped_draft_is_disputed_no_more(months):
    """Nothing of it is written."""
    months.exchange.lose("1002")
    months.answers()
    months.says("dropped", months.actions()["1002", None]["action_id"])

    assert months.actions() == {}
    assert write_disputes(months.house, PARTNER, months.folder / "d.txt", ADA) is None


def test_a_released_action_is_in_one_file_and_not_when_it_is_mended_before(months):
    """What the newer answer says no more is claimed of nobody, and each is claimed once."""
    before = list(months.exchange.segments)
    months.exchange.lose("1002")
    months.answers()
    months.says("released", months.actions()["1002", None]["action_id"])
    months.exchange.segments = before
    months.answers()
    path = months.folder / "disputes.txt"
    assert write_disputes(months.house, PARTNER, path, ADA) is None
    months.exchange.segments[0] = Segment({**before[0].values, "aptc": "150.00"})
    months.answers()
    action_id = months.actions()["1001", "aptc"]["action_id"]
    months.says("released", action_id)

    first = write_disputes(months.house, PARTNER, path, ADA)
    told = path.read_bytes()

    assert (first.disputes, first.dollars) == (1, Decimal("50.00"))
    assert f"\naction {action_id}|".encode() in told
    assert write_disputes(months.house, PARTNER, path, ADA) is None
    shown = months.actions(everything=True)["1001", "aptc"]
    assert shown["dispute_file_id"] == first.dispute_file_id
    months.exchange.lose("1001")
    months.answers()
    assert write_again(months.house, first.dispute_file_id, path, ADA) == first
    assert path.read_bytes() == told


def test_the_same_answer_again_changes_nothing(months):
    """It is known by its bytes."""
    months.exchange.lose("1002")
    content = months.exchange.answer(months.rcni(), MONTH.date())
    first = months.answers(content)
    again = months.answers(content)

    assert (first.is_new, again.is_new) == (True, False)
    assert again.month_file_id == first.month_file_id
    assert len(months.actions(everything=True)) == 1


def test_what_is_still_different_stands_in_the_newer_answer(months):
    """What waited of the older one is superseded, and what was decided stays."""
    months.exchange.lose("1002")
    months.answers()
    months.exchange.segments[0] = Segment({**months.exchange.segments[0].values, "aptc": "99.00"})

    months.answers()

    states = {key: row["state"] for key, row in months.actions().items()}
    assert states == {("1001", "aptc"): "draft", ("1002", None): "draft"}
    with months.house.engine.connect() as conn:
        known = [row["state"] for row in list_actions(conn, PARTNER, everything=True)]
    assert sorted(known) == ["draft", "draft", "superseded"]


@pytest.mark.parametrize(
    ("damage", "rule"),
    [
        (lambda c: c[:-200], "month-no-total"),
        (lambda c: c.replace(b"|202701||3|", b"|202701||9|"), "month-unknown-trace"),
        (lambda c: c.replace(b"|1002|1002|", b"|1002|1009|"), "month-unknown-trace"),
    ],
)
def test_an_answer_that_is_none_to_our_file_is_refused_and_the_last_good_stays(
    months, damage, rule
):
    """What was found before still waits; the refused bytes are kept."""
    months.exchange.lose("1002")
    months.answers()
    months.exchange.segments += [segment("1002", "S2", "S2")]
    content = months.exchange.answer(months.rcni(), MONTH.date())

    refused = months.answers(damage(content))

    assert refused.state == "refused"
    assert rule in refused.issues["rule"].to_pylist()
    assert list(months.actions()) == [("1002", None)]
    assert (months.folder / "landing" / _sha(damage(content))).is_file()


def _sha(content):
    digest = hashlib.sha256(content).hexdigest()
    return f"{digest[:2]}/{digest}"


def test_records_that_no_answer_speaks_of_refuse_the_file(months):
    """Each record of ours has one answer."""
    content = months.exchange.answer(months.rcni(), MONTH.date()).decode()
    lines = content.splitlines(keepends=True)
    total = lines[-1].split("|")
    total[7] = "2"

    refused = months.answers("".join([*lines[1:-1], "|".join(total)]).encode())

    assert "month-unanswered" in refused.issues["rule"].to_pylist()
    assert refused.state == "refused"


def test_a_year_without_coverage_is_not_told(months):
    """An empty side is a mistake of whoever asked, or of the book."""
    with pytest.raises(Terminal, match="no coverage that begins in 2031"):
        build_rcni(months.house, PARTNER, 2031, MONTH, months.folder)


def test_an_exchange_whose_layout_is_not_known_gets_no_file(months):
    """Nothing is guessed."""
    with pytest.raises(Terminal, match="is not known"):
        build_rcni(months.house, "peachtree-ga", 2027, MONTH, months.folder)


def breaks_of(months, *names):
    """Columns of all breaks, in their order."""
    with months.house.engine.connect() as conn:
        rows = list_breaks(conn, Wanted())
    return [tuple(row[name] for name in names) for row in rows]


def test_what_differs_is_a_break_until_an_answer_shows_it_no_more(months):
    """One for each action that somebody has to do, which names it; the answer proves its end."""
    first = months.exchange.segments[0]
    months.exchange.segments[0] = Segment({**first.values, "aptc": "150.00"})
    months.exchange.lose("1002")

    loaded = months.answers()
    assert loaded.breaks == {"found": 2}
    names = ("source", "period", "kind", "exchange_policy_id", "field", "rule", "state")
    assert breaks_of(months, *names) == [
        ("monthly", "2027", "differs", "1001", "aptc", "money-and-coverage", "new"),
        ("monthly", "2027", "missing_at_carrier", "1002", None, "not-at-exchange", "new"),
    ]
    ids = [row["break_id"] for row in months.actions().values()]
    assert sorted(ids) == [row[0] for row in breaks_of(months, "break_id")]
    with months.house.engine.begin() as conn:
        said = Said("waive", "a steward", "a", reason="small", until=date(2099, 1, 1))
        act(conn, BREAKS, [ids[0]], said)

    again = months.answers(months.last_answer + b"")
    assert (again.is_new, again.breaks) == (False, {})

    months.exchange.segments[0] = first
    months.answers()
    assert breaks_of(months, "state", "times_seen") == [("resolved", 1), ("new", 2)]
    with months.house.engine.connect() as conn:
        one = read_break(conn, ids[0])
        proof = conn.execute(
            sa.text("SELECT name, kind FROM ledger.file WHERE file_id = :id"),
            {"id": one.row["resolved_file_id"]},
        ).one()
    assert tuple(proof) == ("answer.txt", "month_answer")


def test_what_the_exchange_takes_over_is_no_break(months):
    """Nobody has to do anything about them."""
    first = months.exchange.segments[0]
    months.exchange.segments[0] = Segment({**first.values, "paid": "Y"})
    months.answers()
    assert breaks_of(months, "field") == []
