"""What has a last day: keys, agreements with partners, and code sets that want a new look."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from pipeline.wiring import House
from schemas.code_sets import load_code_sets
from schemas.housekeeping import load_housekeeping


@dataclass(frozen=True)
class Expiry:
    """The last day of something, and what it is called: `labels` are `what` and `name`."""

    last_day: date
    labels: Mapping[str, str]


def expiries(house: House, today: date) -> list[Expiry]:
    """Everything that has a last day, of the partners that have a mailbox.

    A key has the one that the settings say (`key_last_day`), an agreement that of the partner's
    file, a code set the one by which somebody looks for a newer edition. An agreement that has been
    over for a while is left out: its row stays, as former files were judged by it.
    """
    told_from = today - timedelta(days=load_housekeeping().over_days)
    found = []
    for partner_id, mailbox in sorted(house.settings.mailboxes.items()):
        if mailbox.key_last_day is not None:
            found.append(_expiry(mailbox.key_last_day, "key", partner_id))
        partner = house.partner(partner_id)
        found += [
            _expiry(one.effective_to, "tolerance", f"{partner_id}/{one.rule}")
            for one in partner.tolerances
            if one.effective_to and one.effective_to >= told_from
        ]
        found += [
            _expiry(one.effective_to, "bound", f"{partner_id}/{one.expectation}")
            for one in partner.bounds
            if one.effective_to and one.effective_to >= told_from
        ]
    found += [_expiry(one.look_again, "code set", one.name) for one in load_code_sets().values()]
    return found


def _expiry(last_day: date, what: str, name: str) -> Expiry:
    return Expiry(last_day, {"what": what, "name": name})
