"""Who may write for a partner: exactly one owner, known by its token, alive or not."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest

from ledger import audit
from ledger.owners import Worker, others_at_work, prove, release, sign_of_life, standings, take
from ledger.runs import open_run, pinned_rules, record_rules
from schemas.errors import Superseded
from schemas.rule_versions import RulesInForce, rules_in_force

ONE, OTHER = "cedar-valley-tx", "harbor-light-nc"


@pytest.fixture
def worker():
    """Builds workers by kind and name."""

    def build(kind="process", name="a night", **more):
        return Worker(kind, name, rules_in_force().digest, **more)

    return build


def take_for(engine, worker, partner_ids, moment, stay_alive=lambda _: None):
    """What the worker gets in the run of that moment."""
    with engine.begin() as conn:
        return take(conn, open_run(conn, moment), partner_ids, worker, stay_alive)


def may_write(engine, partner_id, token):
    """Whether a transaction with that token gets through."""
    with engine.begin() as conn:
        try:
            prove(conn, partner_id, token)
        except Superseded:
            return False
    return True


@pytest.mark.fault("F15")
def test_only_the_last_owner_may_write(engine, given, worker):
    """Tokens grow; each proves its own partners only."""
    first = take_for(engine, worker(), [ONE, OTHER], given.six_o_clock)
    second = take_for(engine, worker(), [ONE], given.six_o_clock)

    assert (first.partner_ids, second.partner_ids) == ((ONE, OTHER), (ONE,))
    assert first.token < second.token
    assert not may_write(engine, ONE, first.token)
    assert may_write(engine, ONE, second.token)
    assert may_write(engine, OTHER, first.token)
    assert not may_write(engine, "nobody", first.token)


def test_what_is_about_to_be_committed_is_waited_for(engine, given, worker):
    """The next owner gets the partner when the transaction of the former one has ended."""
    first = take_for(engine, worker(), [ONE], given.six_o_clock)
    with ThreadPoolExecutor(1) as thread:
        with engine.begin() as conn:
            prove(conn, ONE, first.token)
            later = thread.submit(take_for, engine, worker(), [ONE], given.six_o_clock)
            waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
            while not conn.exec_driver_sql(waiting).scalar_one():
                assert not later.done()
            prove(conn, ONE, first.token)
        second = later.result()

    assert not may_write(engine, ONE, first.token)
    assert may_write(engine, ONE, second.token)


def test_a_living_process_keeps_what_it_has_until_its_session_ends(engine, given, worker):
    """Even released, as long as it lives; whoever takes over does so by word."""
    moment = given.six_o_clock
    with sign_of_life(engine) as stay_alive:
        mine = take_for(engine, worker(name="the first"), [ONE], moment, stay_alive)
        left = take_for(engine, worker(), [ONE, OTHER], moment + timedelta(hours=2))
        refused = take_for(engine, worker("scheduler"), [ONE], moment)
        over = take_for(engine, worker(takes_over=True), [ONE], moment)
    freed = take_for(engine, worker(), [ONE], moment)

    assert left.partner_ids == (OTHER,)
    assert [(one.partner_id, one.name, one.token) for one in left.left] == [
        (ONE, "the first", mine.token)
    ]
    assert refused is None
    assert over.partner_ids == freed.partner_ids == (ONE,)


def test_a_scheduler_keeps_what_it_has_without_a_session(engine, given, worker):
    """From a process, not from a scheduler; when it has released it, from nobody."""
    moment = given.six_o_clock
    scheduled = take_for(engine, worker("scheduler"), [ONE], moment)
    assert take_for(engine, worker(), [ONE], moment) is None
    with engine.begin() as conn:
        assert others_at_work(conn, 1, token=0)
        assert release(conn, scheduled.token) == [ONE]
        assert not others_at_work(conn, 1, token=0)
    assert may_write(engine, ONE, scheduled.token)  # a task that was cleared may still mend
    assert take_for(engine, worker(), [ONE], moment).partner_ids == (ONE,)
    with engine.begin() as conn:
        assert release(conn, scheduled.token) == []


def test_of_many_that_begin_at_once_one_gets_it(engine, given, worker):
    """Different moments, started together: one has the partner, and says so to all others."""

    def begin(number):
        with sign_of_life(engine) as stay_alive:
            moment = given.six_o_clock + timedelta(hours=number)
            taken = take_for(engine, worker(name=str(number)), [ONE], moment, stay_alive)
            barrier.wait()
            return taken

    barrier = Barrier(3)
    with ThreadPoolExecutor(3) as threads:
        taken = list(threads.map(begin, range(3)))

    assert sum(one is not None for one in taken) == 1


def test_a_change_of_owner_is_told(engine, given, worker):
    """The audit trail says who began and ended, by which rules."""
    taken = take_for(engine, worker(), [ONE], given.six_o_clock)
    with engine.begin() as conn:
        release(conn, taken.token)
    with engine.connect() as conn:
        told = [e for e in audit.entries(conn) if e.action.startswith("work ")]
        (standing,) = standings(conn, [ONE])

    assert [entry.action for entry in told] == ["work began", "work ended"]
    assert all(f'"token": {taken.token}' in entry.details for entry in told)
    assert all(rules_in_force().digest in entry.details for entry in told)
    assert not standing.at_work


@pytest.mark.fault("F28")
@pytest.mark.control("configuration")
def test_a_run_pins_the_rules_of_its_opening(conn, given):
    """Taken up with others it keeps them; both are known by their parts."""
    mine = rules_in_force()
    other = RulesInForce(mine.program, mine.parts | {"gate": "0" * 64})
    run_id = open_run(conn, given.six_o_clock, mine)
    again = open_run(conn, given.six_o_clock, other)
    record_rules(conn, other)

    assert again == run_id
    assert pinned_rules(conn, run_id) == mine
    assert mine.differs_in(other) == ("gate",)
    assert mine.digest != other.digest
    assert set(mine.parts) >= {"guide", "rules", "exchanges", "partners", "codes", "gate"}


def test_runs_are_counted_without_gaps(engine, given):
    """An opening that was given up takes no number: names of what is sent depend on it."""
    with engine.begin() as conn:
        open_run(conn, given.six_o_clock)
    with engine.connect() as conn:
        open_run(conn, given.six_o_clock + timedelta(days=1))
        conn.rollback()
    with engine.begin() as conn:
        assert open_run(conn, given.six_o_clock + timedelta(days=2)) == 2
