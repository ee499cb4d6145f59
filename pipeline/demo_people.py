"""The people of a demo: between the nights they work off what waits for somebody.

A hold is released by two of them. What the exchange has rejected is let out again after some days,
when what may have crossed it has come. Of a file without an answer the exchange is asked whether it
has it. What they did is printed, a line each.
"""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from enrollment.decision_words import same_words
from enrollment.holds import Spoken, holds, speak
from ledger.gates import AtGate, Decision, decide
from pipeline import terminal
from pipeline.again import let_again
from pipeline.open_items_command import all_open_items
from pipeline.operators import account
from pipeline.wiring import House
from simulator.exchange import ExchangeInABox

_FIRST, _SECOND = "Ada First", "Ben Second"
_PATIENCE = timedelta(days=5)  # files of the exchange come at most four nights late

# As the product takes a person's word: the last attempt to say the same, and not let out yet.
_REJECTED = sa.text(f"""
SELECT DISTINCT d.partner_id, d.exchange_policy_id
FROM book.decision d JOIN ledger.file f ON f.file_id = d.sent_file_id
WHERE d.state = 'rejected' AND d.again_by IS NULL AND f.recorded_at <= :before
  AND NOT EXISTS (SELECT FROM book.decision l
    WHERE l.exchange_policy_id = d.exchange_policy_id AND l.partner_id = d.partner_id
      AND l.state IN ('rejected', 'refused') AND l.decision_id > d.decision_id
      AND {same_words("l", "d")})
ORDER BY 1, 2
""")  # noqa: S608 - of constants


class People:
    """Who works in the house, and talks to the exchange."""

    def __init__(self, house: House, box: ExchangeInABox) -> None:
        self.house = house
        self.box = box

    def open_gate(self, at_gate: tuple[AtGate, ...]) -> bool:
        """Lets held batches into the book; whether there were any."""
        held = [one.batch for one in at_gate if one.batch.state == "held"]
        with self.house.engine.begin() as conn:
            for batch in held:
                word = Decision("released", _FIRST, account(), "As the exchange has announced.")
                decide(conn, batch.batch_id, word)
        for batch in held:
            _say(f"{_FIRST} has released batch {batch.batch_id} of {batch.partner_id}.")
        return bool(held)

    def work(self, as_of: datetime, *, at_once: bool = False) -> int:
        """How many things they have done. `at_once`: rejections do not wait for some days."""
        before = as_of if at_once else as_of - _PATIENCE
        items = all_open_items(self.house, None).to_pylist()
        return self._release() + self._let_again(items, before) + self._ask(items)

    def _release(self) -> int:
        with self.house.engine.begin() as conn:
            held = [one for one in holds(conn) if one.is_open]
            for one in held:
                for person in (_FIRST, _SECOND):
                    speak(conn, one.hold_id, Spoken("released", person, account(), "Looked at."))
        for one in held:
            _say(
                f"{_FIRST} and {_SECOND} have released hold {one.hold_id} of {one.partner_id}: "
                f"{one.waiting:,} ends of coverage."
            )
        return len(held)

    def _let_again(self, items: list[dict[str, Any]], before: datetime) -> int:
        rejected = {
            (item["partner_id"], item["exchange_policy_id"])
            for item in items
            if item["kind"] == "rejected"
        }
        with self.house.engine.begin() as conn:
            found = [tuple(row) for row in conn.execute(_REJECTED, {"before": before})]
            again = [one for one in found if one in rejected]
            for partner_id, policy in again:
                let_again(conn, partner_id, policy, _FIRST, "Nothing is wrong with it.")
        if again:
            _say(f"{_FIRST} lets what the exchange rejected be said again: {len(again):,}.")
        return len(again)

    def _ask(self, items: list[dict[str, Any]]) -> int:
        """Whether the exchange has the files that it has not answered; it finds what it lost."""
        missing = [item["file_id"] for item in items if item["kind"] == "answer-missing"]
        asked = sa.text("SELECT partner_id, name FROM ledger.file WHERE file_id = ANY(:ids)")
        with self.house.engine.connect() as conn:
            names = conn.execute(asked, {"ids": missing}).all()
        found = [name for one in names for name in self.box.find_lost(one.partner_id, {one.name})]
        if found:
            _say(f"{_FIRST} asks for files without an answer; the exchange finds {len(found):,}.")
        return len(found)


def _say(sentence: str) -> None:
    terminal.out.print(sentence, soft_wrap=True)
