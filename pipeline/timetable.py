"""For whom a scheduler works, and when the exchanges drop files: from settings and their facts.

A scheduler reads its DAGs again and again, so nothing is opened here. While settings or partner
files cannot be read nobody is planned, and the first task of a run says what is wrong with them.
"""

from dataclasses import dataclass

from pipeline.settings import load_settings
from schemas.errors import Terminal
from schemas.partners import Exchange, load_exchange, load_partner

_WITHOUT_PARTNERS = "ffe"  # whose drops are planned while there is no partner


@dataclass(frozen=True)
class Timetable:
    """Partners that have a mailbox, and the drops of their exchanges by time zone, in cron's form.

    There is always a zone; the first is that of most partners.
    """

    partner_ids: tuple[str, ...]
    drops: dict[str, tuple[str, ...]]


def planned() -> Timetable:
    """The partners and drops of the settings in force."""
    try:
        settings = load_settings()
        partners = [load_partner(one, settings.partners) for one in sorted(settings.mailboxes)]
    except Terminal:
        partners = []
    exchanges = [load_exchange(one.exchange) for one in partners]
    drops = _drops(exchanges or [load_exchange(_WITHOUT_PARTNERS)])
    return Timetable(tuple(one.id for one in partners), drops)


def _drops(exchanges: list[Exchange]) -> dict[str, tuple[str, ...]]:
    zones = [one.time_zone for one in exchanges]
    in_order = sorted(set(zones), key=lambda zone: (-zones.count(zone), zone))
    hours = {
        zone: {
            hour for one in exchanges if one.time_zone == zone for hour in one.schedule.drop_times
        }
        for zone in in_order
    }
    return {zone: tuple(map(_cron, sorted(hours[zone]))) for zone in in_order}


def _cron(hour: str) -> str:
    """An hour as HH:MM, each day."""
    hours, minutes = hour.split(":")
    return f"{int(minutes)} {int(hours)} * * *"
