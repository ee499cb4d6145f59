"""What is decided on payments equals a plain reckoning, household by household."""

import os
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.enrollment import decision_model as model
from tests.enrollment.deciding import Desk

EXAMPLES = int(os.environ.get("MODEL_EXAMPLES", "30"))
BEGINS = (date(2027, 1, 1), date(2027, 2, 15), date(2027, 9, 1))
FULL, HALF, RAISED = Decimal(300), Decimal(150), Decimal(360)
FIRST_DAY = date(2026, 12, 15)

HOUSEHOLDS = [
    model.Household(f"P{n}", begin, FULL, aptc, is_effectuated, raised_from, RAISED, told_on)
    for n, (begin, aptc, is_effectuated, raised_from, told_on) in enumerate(
        (begin, aptc, is_effectuated, raised_from, told_on)
        for begin in BEGINS
        for aptc in (Decimal(0), HALF, FULL)
        for is_effectuated in (False, True)
        for raised_from, told_on in (
            (None, None),
            (model.months_on(begin, 2), None),
            (model.months_on(begin, 2).replace(day=9), None),
            (model.months_on(begin, 2), model.months_on(begin, 4).replace(day=20)),
        )
    )
]

# The first of each month, the days on which a grace or the time for a binder is over, and any day.
EDGES = [day + timedelta(days=later) for day in BEGINS for later in (30, 31)] + [
    model.months_on(FIRST_DAY, months) + timedelta(days=later)
    for months in range(1, 16)
    for later in (-1, 0, 30, 31)
]
DAYS = st.sampled_from(EDGES) | st.integers(1, 460).map(lambda n: FIRST_DAY + timedelta(days=n))
AMOUNTS = st.sampled_from([FULL, HALF, Decimal(285), Decimal("284.99"), RAISED, 3 * FULL, -FULL])
MONTHS = st.integers(0, 12)
PAID_AFTER = (0, 47, 48, 60, 78, 79, 100, 136, 137, 250, 381)


@st.composite
def payments(draw, household):
    """What a household pays: months ahead, in parts, twice, too late, or back again."""
    found = []
    for _ in range(draw(st.integers(0, 4))):
        through = model.months_on(household.begin, draw(MONTHS)) - timedelta(days=1)
        on = FIRST_DAY + timedelta(days=draw(st.sampled_from(PAID_AFTER)))
        is_said = draw(st.booleans())
        found.append(model.Paid(draw(AMOUNTS), on, through if is_said else None))
    return found


@st.composite
def nights(draw):
    """A day, a threshold of the net premium, and what everybody has paid until then or will."""
    on_day = draw(DAYS)
    threshold = draw(st.sampled_from([95, 100]))
    return on_day, threshold, {h.policy: draw(payments(h)) for h in HOUSEHOLDS}


def desk_of_all(carrier, say):
    """A desk whose book holds all households."""
    enrollments, changes = [], {}
    for household in HOUSEHOLDS:
        ids, name = household.policy, f"S{household.policy}"
        money = {"premium": str(household.premium), "aptc": str(household.aptc)}
        enrollments.append(say.enrollment(ids, name, begin=household.begin, **money))
        if household.raised_from:
            day = household.raised_from
            owed = household.raised_to - household.aptc
            amounts = [("PRE AMT TOT", household.raised_to, day), ("TOT RES AMT", owed, day)]
            told_on = household.told_on or FIRST_DAY - timedelta(days=14)
            changes.setdefault(told_on, []).append(say.change(ids, name, amounts=amounts))
    carrier.receives(*enrollments)
    for told_on, sets in sorted(changes.items()):
        carrier.begins_night(datetime.combine(told_on, time(12), UTC))
        carrier.receives(*sets)
        carrier.applies()
    desk = Desk(carrier)
    for household in HOUSEHOLDS:
        if household.effectuated:
            desk.stands(household.policy, "effectuated")
    return desk


@pytest.fixture
def conn(engine):
    """A connection that may commit: no server has locks for hundreds of decisions in one go."""
    with engine.connect() as connection:
        yield connection


def test_what_is_decided_is_what_a_plain_reckoning_says(carrier, say):
    """For any payments on any day; decided again each time in the same book."""
    desk = desk_of_all(carrier, say)

    @seed(834)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(nights())
    def decide_like_the_model(night):
        on_day, threshold, paid = night
        desk.agrees(threshold_net_percent=threshold)
        desk.records.rows["payments"] = []
        for policy, rows in paid.items():
            for row in rows:
                through = row.through and str(row.through)
                desk.paid(policy, row.amount, on=str(row.on), through=through)
        reckoned = {
            h.policy: model.decided(h, paid[h.policy], on_day, Decimal(threshold))
            for h in HOUSEHOLDS
        }

        found = desk.decides(str(on_day))
        desk.conn.commit()

        ends = {policy: (rule, date.fromisoformat(end) if end else None)
                for policy, rule, _, end in found}  # fmt: skip
        assert ends == {policy: said for policy, said in reckoned.items() if said}

    decide_like_the_model()
