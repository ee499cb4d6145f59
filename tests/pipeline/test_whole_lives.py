"""Whole lives of policies, played to their end by many seeds: what a demo says must hold, holds.

Few nights with leaps of the calendar between them: a night of many enrollments that have begun
already, the renewals, a new plan year, overdue binders, grace that is over, and files that came
damaged, late, in the wrong order, or were lost.
"""

from datetime import date

import pytest
import sqlalchemy as sa

from ledger.server import open_engine
from pipeline.demo import Play
from pipeline.demo_home import extract_folder
from pipeline.settings import CarrierSettings, MailboxSettings, Settings
from pipeline.wiring import open_house
from schemas.partners import load_exchange, partners_of
from simulator.exchange import ExchangeInABox
from simulator.server import serve

CEDAR, HARBOR = "cedar-valley-tx", "harbor-light-nc"
CALENDAR = (
    date(2026, 12, 1),
    date(2026, 12, 2),  # many have begun
    date(2026, 12, 15),  # all are renewed
    date(2027, 1, 4),
    date(2027, 2, 8),  # thirty days after the new year, and a month of grace
)
FAULTS = (0.0, 0.1, 0.2)


def play(folder, url, seed, calendar=CALENDAR):
    """What holds and what does not at the end of a life, of one partner's policies."""
    partner_id = (CEDAR, HARBOR)[seed % 2]
    partners = {partner_id: partners_of("ffe")[partner_id]}
    box = ExchangeInABox(
        folder / "exchange",
        seed=seed,
        members=24,
        first_night=calendar[0],
        faults=FAULTS[seed % 3],
        partners=partners,
        exchange=load_exchange("ffe"),
        life=True,
        calendar=calendar,
    )
    with serve(folder / "exchange", partners) as endpoint:
        username, key = endpoint.users[partner_id]
        mailbox = MailboxSettings(
            host=endpoint.host,
            port=endpoint.port,
            username=username,
            private_key=key,
            host_key=endpoint.host_key,
        )
        settings = Settings(
            home=folder / "home",
            database_url=url,
            settle_seconds=0,
            mailboxes={partner_id: mailbox},
        )
        settings.carriers[partner_id] = carrier(settings, partner_id)
        with open_house(settings) as house:
            return Play(house, box, len(calendar)).run()


def carrier(settings, partner_id):
    """The carrier's records: those of Cedar are tables, those of Harbor files."""
    if partner_id == CEDAR:
        names = ("member_record", "payment", "request")
        kind, places = "table", [f"carrier_core.{name}" for name in names]
    else:
        folder = extract_folder(settings, partner_id)
        kind = "file"
        places = [f"{folder}/{name}.csv" for name in ("members", "payments", "requests")]
    members, payments, requests = places
    return CarrierSettings(
        kind=kind,
        members=members,
        payments=payments,
        requests=requests,
        payments_stale_after_days=62,  # a few people, and nights with a month between them
    )


def fails(findings):
    """What does not hold, and what breaks it."""
    return [(one.sentence, one.broken_by[:5]) for one in findings if not one.holds]


@pytest.mark.parametrize("seed", [1, 2])  # both partners, and both shares of faults
def test_a_life_ends_in_two_equal_books(tmp_path, database_url, seed):
    """Books equal, each confirmed once who should be, nothing rejected that is right."""
    assert fails(play(tmp_path, database_url, seed)) == []


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(3, 103))
def test_a_hundred_lives_end_in_two_equal_books(tmp_path, database_url, seed):
    """The same for a hundred more."""
    assert fails(play(tmp_path, database_url, seed)) == []


def test_a_carrier_may_work_after_each_drop_of_a_day(tmp_path, database_url):
    """The second night of seed 18 has two runs: each reads its drop, both books are equal."""
    calendar = CALENDAR[:2]
    assert fails(play(tmp_path, database_url, 18, calendar)) == []

    engine = open_engine(database_url)
    with engine.connect() as conn:
        rows = conn.execute(_RUNS, {"day": calendar[1]}).all()
    engine.dispose()
    assert {tuple(row) for row in rows} == {("07", "06"), ("19", "18")}


_RUNS = sa.text("""
SELECT DISTINCT to_char(r.as_of AT TIME ZONE 'America/New_York', 'HH24'),
  to_char(f.named_at, 'HH24')
FROM ledger.file f JOIN ledger.run r USING (run_id)
WHERE f.direction = 'exchange_to_issuer' AND f.kind = 'enrollment'
  AND CAST(f.named_at AS date) = :day
""")


class Stopped(BaseException):
    """The process has ended."""


def test_a_life_that_ends_in_its_last_evening_and_goes_on_ends_the_same(
    tmp_path, new_database_url, monkeypatch
):
    """What we sent that evening is read that evening, and answered by the same bytes."""
    read_answers, urls = ExchangeInABox.read_answers, [new_database_url(), new_database_url()]

    def stop_after_the_last_night(box, night):
        if night > 1:
            raise Stopped
        return read_answers(box, night)

    for number, url in enumerate(urls):
        folder = tmp_path / str(number)
        if number:
            monkeypatch.setattr(ExchangeInABox, "read_answers", stop_after_the_last_night)
            with pytest.raises(Stopped):
                play(folder, url, 3, CALENDAR[:1])
            monkeypatch.undo()
        assert fails(play(folder, url, 3, CALENDAR[:1])) == []

    undisturbed, interrupted = (files(url) for url in urls)
    assert {name for name, _ in interrupted} == {name for name, _ in undisturbed}
    assert interrupted == undisturbed


def files(url):
    """Name and content of each file that was sent or received."""
    engine = open_engine(url)
    try:
        with engine.connect() as conn:
            rows = conn.execute(sa.text("SELECT name, sha256 FROM ledger.file"))
            return {tuple(row) for row in rows}
    finally:
        engine.dispose()
