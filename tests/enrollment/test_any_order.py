"""The book depends on what was said, not on how it arrived."""

import itertools
from collections import Counter
from datetime import date, datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from enrollment.versions import TABLES
from tests.enrollment.conftest import Carrier, Say
from tests.enrollment.invariants import broken

FIRST_NIGHT = datetime.fromisoformat("2026-12-01T06:00:00+00:00")
APRIL, JULY = date(2027, 4, 1), date(2027, 7, 1)
END_OF_MAY, END_OF_JUNE = date(2027, 5, 31), date(2027, 6, 30)
SILVER_04, SILVER_05 = "91001TX001000204", "91001TX001000205"


def story(say):
    """All that is ever said of four policies, in the order in which it was meant."""
    return [
        say.at(f"202611{day:02d}{hour:02d}000000", transaction_set)
        for day, hour, transaction_set in [
            # P1: members come and go, amounts and the variant of the plan change, an end is moved.
            (1, 8, say.enrollment("P1", "S1", "D1", "D2", plan=SILVER_04)),
            (2, 8, say.change("P1", "S1", amounts=[("APTC AMT", "120.00", APRIL)])),
            (2, 9, say.change("P1", "S1", amounts=[("APTC AMT", "90.00", date(2027, 3, 1))])),
            (3, 8, say.change("P1", "S1", say.removed("P1", "S1", "D2", END_OF_MAY))),
            (4, 8, say.change("P1", "S1", say.added("P1", "S1", "D3", JULY), last_name="NEW")),
            (5, 8, say.change("P1", "S1", say.unchanged("P1", "S1", "D3", phone="5125550100"))),
            (6, 8, say.change("P1", "S1", say.added("P1", "S1", "D2", JULY))),
            (7, 8, variant_change(say, SILVER_05, JULY)),
            (8, 8, say.termination("P1", "S1", date(2027, 9, 30))),
            (9, 8, say.termination("P1", "S1", date(2027, 8, 31))),
            (10, 8, say.termination("P1", "S1", date(2027, 10, 31))),  # a later end
            # P2: enrolled and cancelled several times on one day.
            (1, 8, say.enrollment("P2", "S2")),
            (1, 9, say.cancellation("P2", "S2")),
            (1, 10, say.enrollment("P2", "S2", premium="310.00")),
            (1, 11, say.cancellation("P2", "S2")),
            (1, 12, say.enrollment("P2", "S2", "D9", premium="320.00")),
            # P3: never enrolled.
            (5, 8, say.change("P3", "S3", last_name="WAITS")),
            (6, 8, say.termination("P3", "S3", END_OF_JUNE)),
            # P4: somebody else's enrollment under the same id, and a change after the end.
            (1, 8, say.enrollment("P4", "S4")),
            (2, 8, say.enrollment("P4", "S5")),
            (3, 8, say.cancellation("P4", "S4")),
            (4, 8, say.change("P4", "S4", last_name="LATE")),
        ]
    ]


def variant_change(say, plan, day):
    """A CSR variant change of P1 from that day on."""
    said = say.change("P1", "S1", reason="CSR VARIANT CHANGE", maintenance_effective=day)
    said.people[0].coverage["plan_id"] = plan
    return said


def believed(conn):
    """What is believed now: the rows of every table of the book, without where they come from."""
    book = {}
    for table in TABLES:
        unsaid = {"known_from", "known_to", "event_id", "initial_event_id"}
        columns = [column for column in table.columns if column.name not in unsaid]
        rows = sa.select(*columns).where(table.c.known_to == sa.text("'infinity'"))
        book[table.name] = sorted(map(str, conn.execute(rows)))
    return book


def states(conn):
    """How often each set is in which state, for which reason."""
    rows = sa.text("SELECT content_hash, submitted_at, state, reason FROM book.event_set")
    return Counter(tuple(row) for row in conn.execute(rows))


def once_in_order(conn):
    """Book and states after one file with everything in its order."""
    with conn.begin_nested() as savepoint:
        carrier = Carrier(conn, FIRST_NIGHT)
        carrier.receives(*story(Say))
        carrier.applies()
        found = believed(conn), states(conn), broken(conn)
        savepoint.rollback()
    return found


def with_copies(expected, copies):
    """The states when sets have come so often: of copies of what counts, one does."""
    result = Counter()
    for content, submitted, state, reason in expected:
        count = copies[content, submitted]
        if state == "applied":
            result[content, submitted, "applied", None] = 1
            result[content, submitted, "duplicate", "transaction-duplicate"] = count - 1
        else:
            result[content, submitted, state, reason] = count
    return +result


@st.composite
def deliveries(draw):
    """Nights of files of places in the story: each place at least once, some twice or thrice."""
    places = list(range(len(story(Say))))
    again = draw(st.lists(st.sampled_from(places), max_size=8))
    arrival = draw(st.permutations([*places, *again]))
    cuts = st.sets(st.integers(1, len(arrival) - 1), max_size=5)
    file_cuts = sorted(draw(cuts) | {0, len(arrival)})
    files = [arrival[a:b] for a, b in itertools.pairwise(file_cuts)]
    night_of = [draw(st.integers(0, 2)) for _ in files]
    codes = [draw(st.sampled_from(["I834AR", "I834RT", "I834"])) for _ in files]
    return [(night, code, file) for night, code, file in zip(night_of, codes, files, strict=True)]


def deliver(conn, delivered):
    """Plays the nights."""
    carrier = Carrier(conn, FIRST_NIGHT)
    told = story(Say)
    for night in range(3):
        if night:
            carrier.begins_night(FIRST_NIGHT + timedelta(days=night))
        for number, (of_night, code, places) in enumerate(delivered):
            if of_night == night:
                named_at = datetime(2026, 11, 28 - number, 18) + timedelta(days=night)
                carrier.receives(
                    *(told[place] for place in places), function_code=code, named_at=named_at
                )
        carrier.applies()


@pytest.fixture(scope="module")
def connection(shared_engine):
    """A connection for all examples; each is rolled back."""
    with shared_engine.connect() as connection:
        yield connection


@pytest.fixture(scope="module")
def expected(connection):
    """Book, states and what is broken when everything comes once and in order."""
    return once_in_order(connection)


def test_the_story_has_every_outcome(expected):
    """It is told with sets that apply, wait for several reasons, and without contradiction."""
    _, told, wrong = expected

    reasons = Counter((state, reason) for _, _, state, reason in told.elements())
    assert wrong == {}
    assert reasons == {
        ("applied", None): 18,
        ("pending", "unknown-policy"): 2,
        ("pending", "policy-cancelled"): 2,
    }


some = settings(
    max_examples=6,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.fault("F17")
@seed(834)
@some
@given(delivered=deliveries())
def test_any_arrival_split_and_duplicates_end_in_the_same_book(connection, expected, delivered):
    """Any order of arrival, any files and nights, anything twice: the same facts and states."""
    ends_the_same(connection, expected, delivered)


@pytest.mark.soak
@seed(835)
@settings(some, max_examples=60)
@given(delivered=deliveries())
def test_many_arrivals_end_in_the_same_book(connection, expected, delivered):
    """More of the same."""
    ends_the_same(connection, expected, delivered)


def ends_the_same(connection, expected, delivered):
    """Asserts it of one delivery."""
    book, told, _ = expected
    with connection.begin_nested() as savepoint:
        deliver(connection, delivered)
        found_book, found_states, wrong = (
            believed(connection),
            states(connection),
            broken(connection),
        )
        savepoint.rollback()

    copies = Counter()
    for content, submitted, _, _ in found_states.elements():
        copies[content, submitted] += 1
    assert found_book == book
    assert found_states == with_copies(told, copies)
    assert wrong == {}
