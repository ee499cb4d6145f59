"""What each set of a policy changed, retold one after another, ends in what the book believes."""

import random
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from enrollment.believed import PolicyKey, believed, learnt
from enrollment.finding import policies_of_member, similar_policies
from enrollment.retelling import retell
from enrollment.told import told_sets
from tests.enrollment.conftest import PARTNER, Carrier, Say
from tests.enrollment.test_any_order import FIRST_NIGHT, story

APRIL = date(2027, 4, 1)
END_OF_JUNE = date(2027, 6, 30)


def key(policy):
    return PolicyKey(policy, PARTNER)


def delivered(conn, rng):
    """The story in any order over three nights, half of it twice."""
    carrier = Carrier(conn, FIRST_NIGHT)
    sets = story(Say)
    arrival = [*sets, *rng.sample(sets, len(sets) // 2)]
    rng.shuffle(arrival)
    for night in range(3):
        if night:
            carrier.begins_night(FIRST_NIGHT + timedelta(days=night))
        for number, one in enumerate(arrival[night::3]):
            named_at = datetime(2026, 11, 28 - number, 18) + timedelta(days=night)
            carrier.receives(one, named_at=named_at)
        carrier.applies()


@pytest.mark.parametrize("seed", range(2))
def test_what_is_retold_ends_in_what_is_believed(conn, seed):
    """Amounts, plan and end of each policy, however its sets arrived, are those of the book."""
    delivered(conn, random.Random(seed))
    for policy in ("P1", "P2", "P4"):
        belief = believed(conn, key(policy), None)
        _, told = retell(told_sets(conn, key(policy), None))
        amounts = {
            (*of, since, amount)
            for of, spans in told.amounts.items()
            for since, amount in spans
            if amount is not None
        }

        assert amounts == {
            (row["exchange_member_id"], row["name"], row["valid_from"], row["amount"])
            for row in belief.amounts
        }
        assert told.plan == belief.policy["plan_id"]
        assert told.end == belief.policy["benefit_end"]
        assert told.people.keys() == {row["exchange_member_id"] for row in belief.members}


def test_each_change_is_told_with_what_was_before(carrier, say):
    """An amount names the one that held until then; what a change only repeats is no change."""
    carrier.receives(
        say.at("2026110108000000", say.enrollment("P1", "S1", premium="412.50")),
        say.at(
            "2026110208000000",
            say.change(
                "P1",
                "S1",
                amounts=[
                    ("PRE AMT TOT", "398.10", date(2027, 7, 1)),
                    ("APTC AMT", "100.00", date(2027, 1, 1)),
                ],
                last_name="OTHER",
            ),
        ),
        say.at("2026110308000000", say.termination("P1", "S1", END_OF_JUNE)),
    )
    carrier.applies()

    changes, _ = retell(told_sets(carrier.conn, key("P1"), None))

    told = [[(each.what, each.before, each.after) for each in changes[n]] for n in (2, 3)]
    assert told == [
        [("person", None, None), ("amount", "412.50", "398.10")],
        [("ends", None, "2027-06-30")],
    ]
    assert "OTHER" not in str(changes)


def test_a_set_that_came_too_early_is_told_after_its_enrollment(carrier, say):
    """By its clock it stands first; it counts after what it had to wait for."""
    early = say.change("P1", "S1", amounts=[("APTC AMT", "90.00", APRIL)])
    carrier.receives(say.at("2026110108000000", early))
    carrier.applies()
    carrier.begins_night(datetime.fromisoformat("2026-12-02T06:00:00+00:00"))
    carrier.receives(say.at("2026110208000000", say.enrollment("P1", "S1")))
    carrier.applies()

    sets = told_sets(carrier.conn, key("P1"), None)
    changes, _ = retell(sets)

    assert [one.row["transaction"] for one in sets] == ["change", "initial"]
    (change,) = changes[1]
    assert (change.before, change.after) == ("100.00", "90.00")


def test_what_is_in_effect_is_less_than_was_told_when_the_policy_ends(carrier, say):
    """Coverage and amounts stand as told; in effect are the days until the end."""
    carrier.receives(say.enrollment("P1", "S1"), say.termination("P1", "S1", END_OF_JUNE))
    carrier.applies()

    belief = believed(carrier.conn, key("P1"), None)

    for row in (*belief.coverages, *belief.amounts):
        assert row["effective_begin"] == date(2027, 1, 1)
        assert row["effective_end"] == END_OF_JUNE
    assert belief.coverages[0]["benefit_end"] is None
    assert believed(carrier.conn, key("P9"), None).policy is None


def test_every_moment_at_which_something_was_learnt_is_told(carrier, say):
    """Also that of a change which leaves the policy itself as it was, and none of a later time."""
    nights = [datetime.fromisoformat(f"2026-12-0{day}T06:00:00+00:00") for day in (1, 2, 3)]
    news = [
        say.enrollment("P1", "S1"),
        say.change("P1", "S1", amounts=[("APTC AMT", "90.00", APRIL)]),
        say.change("P2", "S2"),
    ]
    for night, one in zip(nights, news, strict=True):
        carrier.begins_night(night)
        carrier.receives(one)
        carrier.applies()

    moments = [row["known_from"] for row in learnt(carrier.conn, key("P1"), None)]
    then = believed(carrier.conn, key("P1"), nights[0])

    assert moments == nights[:2]
    assert [row["known_from"] for row in learnt(carrier.conn, key("P1"), nights[0])] == nights[:1]
    aptc = [row["amount"] for row in then.amounts if row["name"] == "APTC AMT"]
    assert aptc == [Decimal("100.00")]


def test_a_person_in_three_plans_is_found_with_all_of_them(carrier, say):
    """As subscriber and as somebody's dependent, by the one id of the exchange."""
    carrier.receives(
        say.enrollment("P1", "S1"), say.enrollment("P2", "S1"), say.enrollment("P3", "S2", "S1")
    )
    carrier.applies()

    found = policies_of_member(carrier.conn, "S1", None, None)

    assert [(row["exchange_policy_id"], row["is_subscriber"]) for row in found] == [
        ("P1", True),
        ("P2", True),
        ("P3", False),
    ]
    assert policies_of_member(carrier.conn, "S1", "harbor-light-nc", None) == []


@pytest.mark.parametrize(
    "asked",
    ["10000138", "1000183", "100001833", "10000193", "0010000183", " 10000183", "10000-183"],
)
def test_an_id_that_is_one_slip_away_is_named(carrier, say, asked):
    """A digit that is swapped, missing, doubled or another one; leading zeros, blanks, dashes."""
    carrier.receives(say.enrollment("10000183", "S1"))

    assert similar_policies(carrier.conn, asked) == ["10000183"]
    assert similar_policies(carrier.conn, "20000184") == []
