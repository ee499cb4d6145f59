"""What a carrier asks for of its own: ends for other reasons than money, and their undoing.

A request is made once and stays in the carrier's records. The columns are those of the contract
with the carrier; their names at each carrier stand in the partner's file.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from simulator.exchange import ExchangeInABox, Known
from simulator.payers import cancelled_by, end_of_month
from simulator.standing import said_of, standing
from simulator.state import State

_ASKED = 0.04  # share of the policies of which something is asked
_UNDONE = 0.5  # share of those requests that are taken back after some nights

_UNPAID = "CANCEL"
_FOR_INITIAL = ("CANCEL-OUT-OF-AREA", "CANCEL-ANTIDUPLICATION", "CANCEL-OTH")
_FOR_EFFECTUATED = (
    ("cancel", "CANCEL-FLC"),
    ("cancel", "CANCEL-HICS"),
    ("cancel", "CANCEL-FRD"),
    ("cancel", "CANCEL-RESCIND"),
    ("terminate", "TERM-HICS"),
    ("terminate", "TERM-OTH"),
)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS requests (
    partner_id TEXT NOT NULL,
    policy_id TEXT NOT NULL,
    request TEXT NOT NULL,           -- cancel | terminate | reinstate
    reason TEXT,                     -- ADDL MAINT REASON
    coverage_end TEXT,
    requested_on TEXT NOT NULL,
    PRIMARY KEY (policy_id, request)
);
"""


@dataclass(frozen=True)
class Request:
    """One request of a carrier."""

    policy_id: str
    request: str
    reason: str | None
    coverage_end: date | None
    requested_on: date


class Requests:
    """The requests for the policies of one exchange; they are remembered with its state."""

    def __init__(self, exchange: ExchangeInABox, seed: int) -> None:
        self.exchange = exchange
        self.state: State = exchange.state
        self.seed = seed
        self.state.connection.executescript(_SCHEMA)

    def advance(self, known: list[Known], night: int) -> None:
        """Makes the requests of that night."""
        day = self.exchange.scenario.day(night)
        with self.state.transaction():
            for one in known:
                self._end_unpaid(one, day)
                random = Random(f"{self.seed}/{one.policy.policy_id}/request")
                if random.random() < _ASKED:
                    self._ask(one, day, random)

    def made(self, partner_id: str, night: int) -> list[Request]:
        """All requests up to that night, in their order."""
        day = self.exchange.scenario.day(night)
        rows = self.state.connection.execute(
            "SELECT policy_id, request, reason, coverage_end, requested_on FROM requests"
            " WHERE partner_id = ? AND requested_on <= ? ORDER BY requested_on, policy_id, request",
            (partner_id, day.isoformat()),
        )
        return [
            Request(
                policy_id,
                request,
                reason,
                date.fromisoformat(end) if end else None,
                date.fromisoformat(on),
            )
            for policy_id, request, reason, end, on in rows
        ]

    def _end_unpaid(self, known: Known, day: date) -> None:
        """Asks for the end of a change in circumstance whose binder is owed, and was not paid."""
        policy = known.policy
        is_open = policy.state == "active" and not policy.effectuated
        if not (known.is_continued and is_open and day >= cancelled_by(known)):
            return
        asked = "SELECT 1 FROM expected WHERE policy_id = ?"  # paid in full and in time
        if self.state.connection.execute(asked, (policy.policy_id,)).fetchone() is None:
            self._insert(known, "cancel", _UNPAID, None, day)

    def _ask(self, known: Known, day: date, random: Random) -> None:
        policy = known.policy
        waits = timedelta(days=random.randint(2, 15))
        undone = random.random() < _UNDONE
        undone_after = timedelta(days=random.randint(3, 12))
        if policy.ended_by == "issuer":
            if undone:
                self._take_back(known, day, undone_after)
            return
        if policy.state != "active" or day < known.arrived_on + waits:
            return
        if not policy.effectuated:
            self._insert(known, "cancel", random.choice(_FOR_INITIAL), None, day)
            return
        request, reason = random.choice(_FOR_EFFECTUATED)
        end = None
        if request == "terminate":
            end = max(end_of_month(policy.begin), end_of_month(day))
            if end.month == 12 or end.year > policy.begin.year:  # not the natural end of the year
                end = date(policy.begin.year, 11, 30)
            if end <= policy.begin:
                return
        self._insert(known, request, reason, end, day)

    def _take_back(self, known: Known, day: date, after: timedelta) -> None:
        """Asks for the reinstatement of what ended at the carrier's own request."""
        asked = self.state.connection.execute(
            "SELECT coverage_end, requested_on FROM requests WHERE policy_id = ?"
            " AND request <> 'reinstate' AND reason = ? AND reason <> ?",
            (known.policy.policy_id, known.policy.end_reason, _UNPAID),
        ).fetchone()
        if asked is None or day < date.fromisoformat(asked[1]) + after:
            return
        ahead = asked[0] is not None and asked[0] > asked[1]
        stands = standing(self.state, known.policy.partner_id, known.policy.policy_id, day)
        blocked = stands is None or stands.later_policies or known.policy.left
        reinstated = any(
            one.kind == "reinstatement" for one in said_of(self.state, known.policy.policy_id)
        )
        if not (ahead or blocked or reinstated):
            self._insert(known, "reinstate", None, None, day)

    def _insert(
        self, known: Known, request: str, reason: str | None, end: date | None, day: date
    ) -> None:
        self.state.connection.execute(
            "INSERT INTO requests VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (
                known.policy.partner_id,
                known.policy.policy_id,
                request,
                reason,
                end.isoformat() if end else None,
                day.isoformat(),
            ),
        )
