"""The book equals a plain fold of the same sets, now and at every earlier night."""

import os
from collections import defaultdict
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from enrollment.application import Night, apply_events, refuse_files
from schemas.book import event_set
from schemas.columns import NAME, RESIDENCE, SET_HEADER, SINGLE
from schemas.partners import load_exchange
from tests.enrollment import model, model_book
from tests.enrollment.conftest import PARTNER, Carrier
from tests.enrollment.histories import FIRST_NIGHT, deliveries
from tests.enrollment.invariants import broken

# For a larger run, set it to a few hundred.
EXAMPLES = int(os.environ.get("MODEL_EXAMPLES", "10"))
NIGHTS = [FIRST_NIGHT + timedelta(days=night) for night in range(3)]
ZONE = ZoneInfo(load_exchange("ffe").time_zone)
MEANINGS = {"ffe": model.MEANINGS, "dc-health-link": model.DC_MEANINGS}
COLUMNS = {
    "policy": (
        "exchange_subscriber_id",
        "plan_id",
        "insurance_line",
        "issuer_policy_id",
        "status",
        "benefit_begin",
        "benefit_end",
        "needs_effectuation",
        *SET_HEADER,
    ),
    "member": ("exchange_member_id", "is_subscriber", *SINGLE, *NAME, "eligibility_begin"),
    "coverage": (
        "exchange_member_id",
        "insurance_line",
        "plan_id",
        "benefit_begin",
        "benefit_end",
    ),
    "amount": ("exchange_member_id", "name", "amount", "valid_from", "valid_to"),
    "address": ("exchange_member_id", "kind", *RESIDENCE, "valid_from", "valid_to"),
    "identifier": ("exchange_member_id", "kind", "value", "valid_from", "valid_to"),
    "broker": ("broker_name", "broker_id", "valid_from", "valid_to"),
}


class Play:
    """Nights in which deliveries come, and what the model says of the same sets."""

    def __init__(self, conn, kind, delivered):
        self.conn, self.kind, self.delivered = conn, kind, delivered
        self.sets = {}  # file_id → its sets
        self.files = []  # (delivery, file_id)
        self.states = []  # after each night

    def nights(self):
        """Plays them."""
        carrier = Carrier(self.conn, NIGHTS[0])
        carrier.exchange = load_exchange(self.kind)
        for night, as_of in enumerate(NIGHTS):
            if night:
                carrier.begins_night(as_of)
            self._receive(carrier, night)
            let_in = [file_id for file, file_id in self.files if file.let_in == night]
            apply_events(self.conn, Night(carrier.run_id, PARTNER, carrier.exchange, as_of), let_in)
            refused = [f for file, f in self.files if file.night == night and file.is_refused]
            refuse_files(self.conn, carrier.run_id, refused)
            self.states.append(self._found_states())

    def _receive(self, carrier, night):
        for file in self.delivered:
            if file.night == night:
                file_id = carrier.receives(
                    *file.sets,
                    function_code=file.function_code,
                    named_at=file.named_at,
                    name=None if file.named_at else f"unnamed-{len(self.files)}",
                    fallen=file.fallen,
                )
                self.files.append((file, file_id))
                self.sets[file_id] = [
                    model.Said(
                        said.people,
                        said.header,
                        file.function_code if file.named_at else None,
                        file.named_at,
                        file_id,
                        ordinal,
                        MEANINGS[self.kind],
                        NIGHTS[night].astimezone(ZONE).date(),
                        frozenset(file.fallen),
                    )
                    for ordinal, said in enumerate(file.sets, start=1)
                ]

    def _found_states(self):
        rows = sa.select(
            event_set.c.file_id, event_set.c.set_ordinal, event_set.c.state, event_set.c.reason
        )
        return {(row[0], row[1]): (row[2], row[3]) for row in self.conn.execute(rows)}

    def found_book(self, night):
        """The rows of the book as they were believed at the night, by table and policy."""
        found = {}
        for table, columns in COLUMNS.items():
            listed = ", ".join(columns)
            rows = sa.text(
                f"SELECT exchange_policy_id, {listed} FROM book.{table}"
                " WHERE known_from <= :known_at AND known_to > :known_at"
            )
            for policy_id, *row in self.conn.execute(rows, {"known_at": NIGHTS[night]}):
                found.setdefault((policy_id, table), []).append(tuple(row))
        return {key: merged(rows) if key[1] == "amount" else rows for key, rows in found.items()}

    def expected(self, night):
        """Book and states after the night by the model."""
        book, states, policies, audits = {}, {}, defaultdict(list), []
        for said, state in self._came(night):
            if state:
                states[said.file_id, said.set_ordinal] = state
            elif said.transaction == "audit":
                audits.append(said)
            else:
                policies[said.policy_id].append(said)
        for policy_id, sets in policies.items():
            policy = model.fold(sets, ends_at_begin_cancels=self.kind == "dc-health-link")
            for table, rows in model_book.book(policy).items():
                if rows:
                    book[policy_id, table] = list(rows)
            states |= {(said.file_id, said.set_ordinal): _state(said) for said in sets}
        for said in audits:
            known = (said.policy_id, "policy") in book
            states[said.file_id, said.set_ordinal] = (
                ("applied", None) if known else ("pending", "unknown-policy")
            )
        return book, states

    def _came(self, night):
        """The sets that have come until the night, with the state of those that go no further."""
        for file, file_id in self.files:
            if file.night <= night:
                waits = file.let_in is None or file.let_in > night
                held = ("refused", "gate-refused") if file.is_refused else ("staged", None)
                for said in self.sets[file_id]:
                    refusal = model.refusal(said)
                    yield said, ("refused", refusal) if refusal else held if waits else None


def differences(found, expected):
    """What is found only, and what is expected only, by key."""
    differ = {
        key: (_only(found, expected, key), _only(expected, found, key))
        for key in found.keys() | expected.keys()
    }
    return {key: sides for key, sides in differ.items() if any(sides)}


def _only(these, others, key):
    rows, other = these.get(key, []), others.get(key, [])
    if isinstance(rows, list):
        return [row for row in rows if row not in other]
    return [] if rows == other else [rows]


def merged(rows):
    """Spans of amounts of which none only goes on as the one before it.

    An amount that one set says twice for two days may stand as one span or as two.
    """
    spans = []
    for *key, first, last in sorted(rows, key=lambda row: (row[0], row[1], row[3])):
        if spans and spans[-1][:-2] == key and spans[-1][-1] == first - timedelta(days=1):
            spans[-1][-1] = last
        else:
            spans.append([*key, first, last])
    return [tuple(span) for span in spans]


def _state(said):
    if said.outcome == "waits":
        return "pending", said.reason
    is_copy = said.outcome == "duplicate" and said.reason is None
    return said.outcome, "transaction-duplicate" if is_copy else said.reason


@pytest.mark.parametrize("kind", sorted(MEANINGS))
@seed(834)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(random=st.randoms(use_true_random=False))
def test_the_book_is_what_a_plain_fold_of_its_sets_says(shared_engine, kind, random):
    """Any histories, delivered in any way: states and book of each night are the model's."""
    with shared_engine.connect() as conn:
        play = Play(conn, kind, deliveries(random, kind))
        play.nights()
        for night in range(len(NIGHTS)):
            book, states = play.expected(night)
            assert differences(play.states[night], states) == {}
            assert differences(play.found_book(night), book) == {}
        assert broken(conn) == {}
