"""The month of a demo that is long enough: told, answered, paid, disputed, and agreed on.

It is played when nothing else is on its way, so that both sides differ in what is wrong on purpose
and in nothing else. Pre-audit files, RCNI, RCNO and 820 travel as all files do; the released
disputes are carried.
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from ledger.sign_offs import Signer
from pipeline import terminal
from pipeline.demo_findings import Finding, holds_unless
from pipeline.month import build_rcni
from pipeline.month_disputes import write_disputes
from pipeline.night import run_night
from pipeline.operators import account
from pipeline.wiring import House
from reconciliation.months import Spoken, list_actions, release, speak
from schemas.premium import load_premium_rules
from simulator.exchange import ExchangeInABox
from simulator.months import MonthInABox, MonthlyDisagreement
from simulator.premiums import Disagreement

_STEP = timedelta(minutes=30)
_PERSON = "Ada First"
_Key = tuple[str | None, ...]  # source, partner, kind, rule, policy, member, field


class Month:
    """A month between the exchange in a box and us: that of the day is paid."""

    found: dict[_Key, bool]

    def __init__(self, house: House, box: ExchangeInABox, on_day: date) -> None:
        self.house = house
        self.month = month = on_day.replace(day=1)
        self.boxes = {
            partner_id: MonthInABox(box, house.partner(partner_id), month, on_day)
            for partner_id in house.partner_ids
        }
        self.audited_wrongly: dict[str, list[MonthlyDisagreement]] = {}
        self.paid_wrongly: dict[str, list[Disagreement]] = {}
        self.failed: list[str] = []

    def play(self, began: datetime, read_answers: Callable[[], Any]) -> None:
        """Five short nights: both sides speak, persons act, both speak again.

        `read_answers` lets the exchange read what else came.
        """
        with terminal.doing("The month is told, answered and paid"):
            self._tell(began)
            for partner_id, box in self.boxes.items():
                self.audited_wrongly[partner_id] = list(box.audit(began))
            self._night(began)
            read_answers()
            for partner_id, box in self.boxes.items():
                box.answer(began + _STEP)
                self.paid_wrongly[partner_id] = list(box.pay(began + _STEP, self._rate()))
            self._night(began + _STEP)
            self.found = self._breaks()
            self._dispute()
        with terminal.doing("What is wrong is mended, and the month told again"):
            self._tell(began + 2 * _STEP)
            self._night(began + 2 * _STEP)
            read_answers()
            for box in self.boxes.values():
                box.answer(began + 3 * _STEP)
                box.audit(began + 3 * _STEP)
                box.correct(began + 3 * _STEP, self._rate())
            self._night(began + 3 * _STEP)

    def _rate(self) -> Any:
        """The fee of the plan year, as the exchange takes it."""
        fees = load_premium_rules().user_fees
        exchange = self.house.partner(next(iter(self.boxes))).exchange
        year = self.month.year
        return next(f.rate for f in fees if (f.exchange, f.plan_year) == (exchange, year))

    def _night(self, as_of: datetime) -> None:
        if run_night(self.house, as_of).state == "failed":
            self.failed.append(f"{as_of:%Y-%m-%d %H:%M}")

    def _tell(self, as_of: datetime) -> None:
        """A person writes the monthly file of each partner and releases it."""
        for partner_id in self.boxes:
            folder = self.house.settings.home / "months"
            written = build_rcni(self.house, partner_id, self.month.year, as_of, folder)
            with self.house.engine.begin() as conn:
                if _is_written(conn, written.month_file_id):
                    reason = "The month has ended."
                    release(conn, written.month_file_id, _PERSON, account(), reason)

    def _dispute(self) -> None:
        """A person releases what is to be disputed, and the exchange hears of it."""
        with self.house.engine.begin() as conn:
            waiting = list_actions(conn)
            for state, word in (("draft", "released"), ("open", "done")):
                ids = [one["action_id"] for one in waiting if one["state"] == state]
                if ids:
                    spoken = Spoken(word, _PERSON, account(), "Looked at.")  # type: ignore[arg-type]
                    speak(conn, ids, spoken)
        for partner_id, box in self.boxes.items():
            path = self.house.settings.home / "months" / f"disputes.{partner_id}.txt"
            if write_disputes(self.house, partner_id, path, Signer(_PERSON, account())):
                box.take_disputes(path.read_bytes())
            box.mend()

    def _breaks(self) -> dict[_Key, bool]:
        """Whether each break of the month and of payments is open, by what it is."""
        with self.house.engine.connect() as conn:
            return {tuple(row)[:7]: row.is_open for row in conn.execute(_BREAKS)}

    def findings(self) -> list[Finding]:
        """What is wrong on purpose is a break each, with its cause, and in the end closed."""
        monthly: set[_Key] = {
            ("monthly", partner_id, *_MONTHLY[one.field], one.policy_id, one.member_id, one.field)
            for partner_id, box in self.boxes.items()
            for one in box.wrong
        }
        paid: set[_Key] = {
            ("premium", partner_id, *_PAID[one.kind], one.policy_id, None, amount)
            for partner_id, wrong in self.paid_wrongly.items()
            for one in wrong
            for amount in (("aptc", "user_fee") if one.kind == "left_out" else ("aptc",))
        }
        audited: set[_Key] = {
            ("pre_audit", partner_id, audited_as(one, box), None, *_member(one))
            for partner_id, box in self.boxes.items()
            for one in self.audited_wrongly[partner_id]
        }
        last = self._breaks()
        return [
            *_of("pre_audit", "of its pre-audit file", audited, self.found, last),
            *_of("monthly", "of the exchange's monthly answer", monthly, self.found, last),
            *_of("premium", "of its payments", paid, self.found, last),
            holds_unless("Every night of the month balances", self.failed),
        ]


def audited_as(one: MonthlyDisagreement, box: MonthInABox) -> str:
    """The kind of the break that a pre-audit file makes of it."""
    if one.field is not None:
        return "differs"
    return "missing_at_carrier" if one in box.wrong else "missing_in_book"


def _member(one: MonthlyDisagreement) -> tuple[str, str, str | None]:
    return one.policy_id, one.member_id, one.field


_MONTHLY = {
    "aptc": ("differs", "money-and-coverage"),
    "last_name": ("differs", "take-the-exchanges-value"),
    None: ("missing_at_carrier", "not-at-exchange"),
}
_PAID = {
    "short": ("differs", "short"),
    "left_out": ("missing_at_carrier", "not_paid"),
    "unknown": ("missing_in_book", "unknown_policy"),
}
_BREAKS = sa.text("""
SELECT source, partner_id, kind, rule, exchange_policy_id, exchange_member_id, field,
  state NOT IN ('resolved', 'waived') AS is_open
FROM reconciliation.break WHERE source IN ('monthly', 'premium', 'pre_audit')
""")


def _is_written(conn: sa.Connection, month_file_id: int) -> bool:
    state = sa.text("SELECT state FROM reconciliation.month_file WHERE month_file_id = :id")
    return bool(conn.execute(state, {"id": month_file_id}).scalar_one() == "written")


def _of(
    source: str,
    what: str,
    seeded: set[_Key],
    found: dict[_Key, bool],
    last: dict[_Key, bool],
) -> list[Finding]:
    """One sentence: what was found is what was seeded, and nothing of it is open any more."""
    then = {key for key in found if key[0] == source}
    wrong = [*(seeded ^ then), *(key for key in last if key[0] == source and last[key])]
    told = sorted({" ".join(str(part) for part in key if part) for key in wrong})
    sentence = (
        f"{len(seeded):,} disagreements {what} are a break each with its cause, nothing else is "
        "one, and all are closed"
    )
    return [holds_unless(sentence, told)]
