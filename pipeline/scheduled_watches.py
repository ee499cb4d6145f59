"""What a scheduler's tasks beside the nights call: ids in, ids out, nothing left open."""

from datetime import UTC, datetime, timedelta
from typing import TypedDict

from pipeline import answers_watch, intake, month_cycle
from pipeline.housekeeping import do_chore as do
from pipeline.settings import load_settings
from pipeline.wiring import open_house
from schemas.errors import Terminal


class Look(TypedDict):
    """What lies in an outbox: finished files, and when to look again (ISO format; None: never)."""

    files: int
    again_at: str | None


class YearIds(TypedDict):
    """A coverage year of a partner, as it travels between tasks."""

    partner_id: str
    coverage_year: int


def partners() -> list[str]:
    """The partners that have a mailbox."""
    with open_house(load_settings()) as house:
        return house.partner_ids


def partners_in(zone: str) -> list[str]:
    """The partners with a mailbox whose exchange has its drops in that time zone."""
    with open_house(load_settings()) as house:
        return [one for one in house.partner_ids if house.exchange(one).time_zone == zone]


def look(partner_id: str, opened_at: str) -> Look:
    """A look into the partner's outbox, for a run that was opened at that moment (ISO format).

    Its clock is this machine's, unless the run's is ahead of it.
    """
    since, now = datetime.fromisoformat(opened_at), datetime.now(UTC)
    with open_house(load_settings()) as house:
        seen = intake.look(house, partner_id, since, max(since, now))
    if seen.again_in is None:
        return {"files": seen.files, "again_at": None}
    again_at = now + timedelta(seconds=seen.again_in)
    return {"files": seen.files, "again_at": again_at.isoformat()}


def require_answers(partner_id: str, as_of: str) -> None:
    """Raises Terminal when an answer of the partner's exchange is late at that moment."""
    with open_house(load_settings()) as house:
        answers_watch.require_answers(house, partner_id, datetime.fromisoformat(as_of))


def coverage_years(as_of: str) -> list[YearIds]:
    """Partners and coverage years of which the exchange is told in the month of that moment."""
    with open_house(load_settings()) as house:
        found = month_cycle.to_tell(house, datetime.fromisoformat(as_of))
    return [{"partner_id": one.partner_id, "coverage_year": one.coverage_year} for one in found]


def tell_month(of: YearIds, as_of: str) -> int:
    """The id of the monthly file of that year, which waits for a person's release."""
    what = month_cycle.ToTell(of["partner_id"], of["coverage_year"])
    with open_house(load_settings()) as house:
        return month_cycle.tell(house, what, datetime.fromisoformat(as_of).astimezone(UTC))


def do_chore(name: str, as_of: str) -> str:
    """What a chore of housekeeping found. Raises Terminal when a person has to do something."""
    with open_house(load_settings()) as house:
        found = do(house, name, datetime.fromisoformat(as_of))
    if found.is_well:
        return found.sentence
    raise Terminal(found.sentence)
