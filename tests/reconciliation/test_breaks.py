"""Breaks: one disagreement is one row, from the first night that sees it to the last."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pytest
import sqlalchemy as sa

from ledger.files import ReceivedFile, record_received
from ledger.runs import open_run
from ledger.words import Said, act
from reconciliation.break_queries import Wanted, causes, list_breaks, read_break
from reconciliation.breaks import LOOKED_AT, NOT_READ, Scope, Sighting, end_waivers, meet
from schemas import tables
from schemas.breaks import BREAKS
from schemas.errors import Terminal
from schemas.work import STATES, load_work_rules

PARTNER = "cedar-valley-tx"
FIRST_NIGHT = datetime(2026, 12, 1, 6, tzinfo=UTC)


def difference(number=1, field="last_name", **more):
    """One row of DIFFERENCES: the subscriber of a policy, behind file 17."""
    return {
        "kind": "differs",
        "exchange_policy_id": f"88{number:02d}",
        "exchange_member_id": f"00010000{number:02d}",
        "field": field,
        "book_value": "LOCKHART",
        "carrier_value": "LOCKHARD",
        "file_id": 17,
        **more,
    }


MISSING = {"kind": "missing_at_carrier", "field": None, "book_value": None, "carrier_value": None}


class Nights:
    """Nights of one partner: each sees the differences that it is given."""

    def __init__(self, conn):
        self.conn = conn
        self.number = 0
        self.files = {}  # the file behind a member of the book that has changed

    def see(self, *found, partner_id=PARTNER, is_news=True, source="carrier", **scope):
        at = FIRST_NIGHT + timedelta(days=self.number)
        self.number += 1
        self.run_id = open_run(self.conn, at)
        rows = [dict.fromkeys(tables.FOUND_DIFFERENCES.names) | row for row in found]
        members = pa.table(
            {
                "exchange_policy_id": [f"88{number:02d}" for number in range(1, 10)],
                "exchange_member_id": [f"00010000{number:02d}" for number in range(1, 10)],
                "file_id": [self.files.get(number, 17) for number in range(1, 10)],
            }
        )
        scope = Scope(**scope)
        sighting = Sighting(
            self.run_id,
            partner_id,
            source,
            at,
            at.date(),
            is_news=is_news,
            sha256="c" * 64,
            scope=scope,
        )
        found = pa.Table.from_pylist(rows, schema=tables.FOUND_DIFFERENCES)
        return meet(self.conn, sighting, found, members)

    def all(self, *names):
        names = names or ("state",)
        rows = list_breaks(self.conn, Wanted())
        return [row[names[0]] if len(names) == 1 else tuple(row[n] for n in names) for row in rows]

    def ids(self):
        return self.all("break_id")

    def say(self, action, *break_ids, **more):
        said = Said(action, more.pop("person", "Ada"), "ada", **more)
        return act(self.conn, BREAKS, break_ids or self.ids(), said)


@pytest.fixture
def nights(conn):
    return Nights(conn)


def test_a_difference_keeps_its_identity_from_night_to_night(nights):
    """Seen again it is the same break, whatever the values are by now."""
    assert nights.see(difference()) == {"found": 1}
    assert nights.see(difference(carrier_value="LOCKYER")) == {}
    assert nights.see(difference()) == {}
    assert nights.all("state", "times_seen") == [("new", 3)]
    first, last = nights.all("first_seen", "last_seen")[0]
    assert last - first == timedelta(days=2)


def test_fields_kinds_members_sources_and_partners_are_breaks_of_their_own(nights):
    """Nothing is taken for another, and a source closes only what it has found itself."""
    missing = difference(**MISSING)
    nights.see(difference(), difference(field="birth_date"), difference(2), missing)
    nights.see(difference(), source="monthly")
    nights.see(difference(), partner_id="harbor-light-nc")
    assert nights.all() == ["new"] * 6
    nights.see(source="monthly")
    assert max(nights.all("source", "state")) == ("monthly", "resolved")
    assert nights.all().count("new") == 5


def test_a_look_closes_only_what_it_has_looked_at(nights):
    """Breaks of another month stay, but for what of it a payment was about."""
    first = {"source": "premium", "periods": ("2027-01",)}
    of_month = [difference(number, "aptc", period="2027-01", rule="short") for number in (1, 2)]
    nights.see(*of_month, **first)
    about_one = {"period": ["2027-01"], "exchange_policy_id": ["8802"], "field": ["aptc"]}
    nights.see(source="premium", periods=("2027-02",), fields=pa.table(about_one, schema=LOOKED_AT))
    assert nights.all("exchange_policy_id", "state") == [("8801", "new"), ("8802", "resolved")]
    nights.see(difference(1, "aptc", period="2027-02"), source="premium", periods=("2027-02",))
    assert nights.all("period", "state") == [
        ("2027-01", "new"),
        ("2027-01", "resolved"),
        ("2027-02", "new"),
    ]
    nights.see(of_month[0] | {"rule": "over"}, **first)
    assert nights.all("rule", "times_seen")[0] == ("over", 2)
    nights.see(**first)
    assert nights.all() == ["resolved", "resolved", "new"]


def test_a_payment_without_a_month_is_gone_only_where_it_was_looked_at(nights):
    """Any month's file is not about it; what is asked of itself is."""
    nights.see(difference(1, "aptc"), difference(2, "aptc"), source="premium")
    look = {"source": "premium", "has_all_without_period": False}
    nights.see(periods=("2027-01",), **look)
    assert nights.all() == ["new", "new"]
    itself = {"period": [None], "exchange_policy_id": ["8801"], "field": ["aptc"]}
    nights.see(fields=pa.table(itself, schema=LOOKED_AT), **look)
    assert nights.all("exchange_policy_id", "state") == [("8801", "resolved"), ("8802", "new")]


def test_what_a_look_could_not_read_closes_nothing(nights):
    """A policy with a damaged line, and a column that the carrier does not deliver any more."""
    of_year = {"source": "pre_audit", "periods": ("2027",)}
    nights.see(difference(period="2027"), difference(2, period="2027"), **of_year)
    damaged = pa.table({"exchange_policy_id": ["8802"]}, schema=NOT_READ)
    nights.see(**of_year, unread=damaged)
    assert nights.all("exchange_policy_id", "state") == [("8801", "resolved"), ("8802", "new")]
    nights.see(**of_year)
    assert nights.all() == ["resolved", "resolved"]
    nights.see(difference(3, "ssn"), difference(3, "city"))
    nights.see(unread_fields=("ssn",))
    assert nights.all("field", "state")[2:] == [("city", "resolved"), ("ssn", "new")]


def test_a_waiver_ends_on_its_day_also_where_nobody_looks_at_its_month_again(nights, conn):
    """The next night opens it, once. In the evening at the exchange it is tomorrow by UTC."""
    nights.see(difference(period="2027"), source="monthly", periods=("2027",))
    nights.say("waive", reason="Small.", until=date(2026, 12, 2))
    ends = [
        end_waivers(conn, PARTNER, nights.run_id, evening, date(2026, 12, day))
        for day, evening in ((day, datetime(2026, 12, day + 1, tzinfo=UTC)) for day in (2, 3, 4))
    ]
    assert (ends, nights.all("state", "times_reopened")) == ([0, 1, 0], [("reopened", 1)])
    assert nights.all("due_at") == [datetime(2026, 12, 4 + 3, tzinfo=UTC)]


def test_the_same_snapshots_again_change_nothing_but_when_it_was_last_seen(nights, conn):
    """A second look at the same is no second sighting."""
    nights.see(difference(), difference(2))
    rows = sa.text("SELECT to_jsonb(b) - 'last_seen' FROM reconciliation.break b ORDER BY break_id")
    before = conn.execute(rows).scalars().all()
    nights.see(difference(), difference(2), is_news=False)
    assert conn.execute(rows).scalars().all() == before
    assert nights.all("last_seen") == [FIRST_NIGHT + timedelta(days=1)] * 2
    assert conn.scalar(sa.text("SELECT count(*) FROM reconciliation.break_event")) == 2


def test_a_break_closes_itself_and_names_the_file_that_proved_it(nights, conn):
    """The exchange's file where it has changed the member since; else the carrier's records."""
    nights.see(difference(1), difference(2))
    proof = record_received(
        conn,
        ReceivedFile(
            partner_id=PARTNER,
            name="OPR.001234567T.I834.D261201.T180000000.P",
            kind="enrollment",
            function_code="I834",
            named_at=datetime(2026, 12, 1, 18),
            sha256="a" * 64,
            size_bytes=1000,
            storage_key="landing/a",
            run_id=nights.run_id,
            received_at=FIRST_NIGHT,
        ),
    ).file_id
    nights.files[2] = proof
    assert nights.see() == {"gone": 2}
    assert nights.all("state", "resolved_file_id", "resolved_sha256") == [
        ("resolved", None, "c" * 64),
        ("resolved", proof, "c" * 64),
    ]


def test_what_comes_back_is_the_old_break_opened_again(nights):
    """Its history goes on: first seen then, reopened once."""
    nights.see(difference())
    nights.say("assign", owner="Ben")
    nights.see()
    assert nights.see(difference()) == {"found again": 1}
    assert nights.all("state", "times_reopened", "times_seen", "owner", "resolved_at") == [
        ("reopened", 1, 2, "Ben", None)
    ]
    (break_id,) = nights.ids()
    happened = [event["action"] for event in read_break(nights.conn, break_id).events]
    assert happened == ["found", "assign", "gone", "found again"]


@pytest.mark.parametrize(
    ("action", "said", "state"),
    [
        ("assign", {"owner": "Ben"}, "assigned"),
        ("begin", {}, "in_progress"),
        ("wait-for-exchange", {"reason": "Asked them."}, "waiting_for_exchange"),
        ("wait-for-carrier", {"reason": "Ticket 7."}, "waiting_for_carrier"),
        ("waive", {"reason": "Agreed.", "until": date(2026, 12, 31)}, "waived"),
    ],
)
def test_what_a_person_did_survives_the_next_night(nights, action, said, state):
    """A night that finds the difference again leaves the person's state alone."""
    nights.see(difference())
    assert nights.say(action, **said) == 1
    nights.see(difference())
    assert nights.all("state", "version") == [(state, 1)]


def test_a_waiver_ends_with_its_last_day(nights):
    """On that day it still holds; the night after opens the break again."""
    nights.see(difference())
    nights.say("waive", reason="Agreed.", until=date(2026, 12, 2))
    nights.see(difference())  # December 2
    assert nights.all("state", "waived_until") == [("waived", date(2026, 12, 2))]
    assert nights.see(difference()) == {"found again": 1}
    assert nights.all("state", "waived_until", "times_reopened") == [("reopened", None, 1)]
    assert nights.all("due_at") == [FIRST_NIGHT + timedelta(days=2 + 3)]


def test_a_waived_break_that_is_gone_is_resolved(nights):
    """There is nothing left to let stand."""
    nights.see(difference())
    nights.say("waive", reason="Agreed.", until=date(2027, 12, 2))
    nights.see()
    assert nights.all("state", "waived_until") == [("resolved", None)]


@pytest.mark.parametrize(
    ("action", "said", "sentence"),
    [
        ("assign", {}, "needs --to"),
        ("waive", {"reason": "x"}, "needs --until"),
        ("waive", {"until": date(2027, 1, 1)}, "needs --reason"),
        ("wait-for-carrier", {"reason": "  "}, "needs --reason"),
        ("begin", {"person": " "}, "Give --by"),
        ("reopen", {"reason": "x"}, "is new: to reopen is not possible"),
    ],
)
def test_a_word_that_is_not_whole_changes_nothing(nights, conn, action, said, sentence):
    """What is missing, or why it is not possible, is said; no event remains."""
    nights.see(difference())
    with pytest.raises(Terminal, match=sentence):
        nights.say(action, **said)
    assert nights.all("state", "version") == [("new", 0)]
    assert conn.scalar(sa.text("SELECT count(*) FROM reconciliation.break_event")) == 1


def test_a_word_about_many_is_for_all_or_for_none(nights):
    """One that is gone already, or that there is not, stops the others."""
    nights.see(difference(1), difference(2))
    nights.see(difference(1))
    with pytest.raises(Terminal, match="is resolved: to begin is not possible"):
        nights.say("begin")
    with pytest.raises(Terminal, match="no break 999"):
        nights.say("begin", nights.ids()[0], 999)
    assert nights.all() == ["new", "resolved"]


def test_two_persons_at_once_do_not_overwrite_one_another(nights, conn):
    """Who has looked at an older version is told to look again."""
    nights.see(difference())
    (break_id,) = nights.ids()
    nights.say("assign", owner="Ben")
    with pytest.raises(Terminal, match="changed by somebody else"):
        act(
            conn, BREAKS, [break_id], Said("assign", "Cy", "cy", owner="Cy"), versions={break_id: 0}
        )
    act(conn, BREAKS, [break_id], Said("assign", "Cy", "cy", owner="Cy"), versions={break_id: 1})
    assert nights.all("owner") == ["Cy"]


def test_who_has_looked_before_the_night_decides_about_nothing_that_it_changed(nights, conn):
    """Other values, gone or back: each is another version; what is as it was is the same one."""

    def allows(version):
        said = Said("note", "Ben", "ben", reason="Fine.")
        (number,) = nights.ids()
        act(conn, BREAKS, [number], said, {number: version})

    nights.see(difference(premium_difference=Decimal("1612.50")))
    nights.see(difference(premium_difference=Decimal("1612.50")))
    assert nights.all("version") == [0]
    for found in ([difference(premium_difference=Decimal("91612.50"))], [], [difference()]):
        (seen,) = nights.all("version")
        nights.see(*found)
        with pytest.raises(Terminal, match="by a night since you have looked"):
            allows(seen)
    allows(*nights.all("version"))


def test_nobody_closes_a_break_by_hand():
    """No action ends in `resolved`, and every action starts and ends in states that there are."""
    rules = load_work_rules()
    assert set(rules.open) < set(STATES)
    assert {"resolved", "waived"}.isdisjoint(rules.open)
    for action in rules.actions:
        assert action.becomes != "resolved" or action.kinds == ("file", "unnamed")
        assert {*action.from_, action.becomes or "new"} <= set(STATES)


def test_nine_hundred_breaks_become_three_causes(nights):
    """The same comparison, field and file are one cause, with its dollars and policies."""
    aptc = [
        difference(n, "aptc", aptc_difference=Decimal("-10.00"), file_id=17) for n in range(1, 9)
    ]
    names = [difference(n, file_id=17) for n in range(1, 5)]
    others = [difference(n, file_id=18) for n in range(5, 7)]
    nights.see(*aptc, *names, *others)
    found = causes(nights.conn)
    assert [(row["field"], row["file_id"], row["breaks"]) for row in found] == [
        ("aptc", 17, 8),
        ("last_name", 17, 4),
        ("last_name", 18, 2),
    ]
    assert (found[0]["aptc"], found[0]["gross"], found[0]["policies"]) == (-80, 80, 8)
    assert sum(row["breaks"] for row in found) == 14


def test_the_list_is_paged_by_key_and_filtered(nights, conn):
    """The next page begins behind the last id; filters meet."""
    nights.see(*[difference(n) for n in range(1, 8)], difference(8, "plan_id"))
    first = list_breaks(conn, Wanted(limit=3))
    then = list_breaks(conn, Wanted(limit=30, after=first[-1]["break_id"]))
    assert [row["break_id"] for row in (*first, *then)] == nights.ids()
    assert len(list_breaks(conn, Wanted(field="plan_id", states=("new",)))) == 1
    assert list_breaks(conn, Wanted(field="plan_id", states=("waived",))) == []
    assert "book_value" not in first[0]


def test_the_trail_tells_what_became_of_breaks_and_who_said_what(nights, conn):
    """States are counted by the run; a person's word is under the person's name, without why."""
    nights.see(difference(1), difference(2))
    nights.say("assign", owner="Ben", reason="Looks like Ms Lockhart.")
    nights.see()
    told = conn.execute(
        sa.text(
            "SELECT action, object_kind, actor, details::text FROM ledger.audit_pending"
            " WHERE object_kind IN ('reconciliation', 'break') ORDER BY pending_id"
        )
    ).all()
    assert [(row.action, row.object_kind) for row in told] == [
        ("breaks new", "reconciliation"),
        ("breaks assigned", "reconciliation"),
        ("assign", "break"),
        ("assign", "break"),
        ("breaks resolved", "reconciliation"),
    ]
    assert told[2].actor == "Ada"
    assert "Lockhart" not in "".join(row.details for row in told)
