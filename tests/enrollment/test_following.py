"""What may follow what is a table of the exchange, and every row of it can be read."""

import itertools
import re
from typing import get_args

import pytest

from enrollment import following
from schemas.book import event_set
from schemas.catalog import load_rules
from schemas.partners import Condition, load_exchange

STATUSES = ("none", "active", "terminated", "cancelled")
EXCHANGES = ("ffe", "georgia-access", "dc-health-link")


def transactions():
    """Those that an exchange may send and that change a policy."""
    (check,) = (c for c in event_set.constraints if c.name == "ck_event_set_transaction")
    return set(re.findall(r"'(\w+)'", str(check.sqltext))) - {"audit"}


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_every_transaction_may_meet_every_status(exchange):
    """No pair is left to chance, and none is there that cannot be."""
    foreseen = load_exchange(exchange).follows

    assert set(foreseen) == {"-".join(pair) for pair in itertools.product(STATUSES, transactions())}


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_the_last_row_of_each_pair_always_counts(exchange):
    """So that no transaction is left without an answer; and none but the last does."""
    for rows in load_exchange(exchange).follows.values():
        assert [bool(row.when) for row in rows] == [True] * (len(rows) - 1) + [False]


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_what_waits_has_a_reason_that_people_can_read(exchange):
    """Each reason is a row of the rules, with its wording and what to do."""
    rules = load_rules()
    rows = itertools.chain.from_iterable(load_exchange(exchange).follows.values())

    for row in rows:
        assert row.reason is not None or row.then != "waits"
        assert row.reason is None or row.reason in rules


def test_only_the_federal_exchange_moves_an_end_to_a_later_day():
    """It has no reinstatement to send (CMS guide 7.2, 7.2.7); the others have."""
    moving = {
        exchange
        for exchange in EXCHANGES
        for row in load_exchange(exchange).follows["terminated-termination"]
        if "end-later" in row.when and row.then == "applied"
    }

    assert moving == {"ffe"}


def test_every_condition_that_a_row_may_name_is_known():
    """The declared names are those that the fold can judge."""
    assert set(following.CONDITIONS) == set(get_args(Condition))
