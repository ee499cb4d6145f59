"""A period is signed by two persons, once; what leaves is recorded."""

from datetime import date

import pytest
import sqlalchemy as sa

from ledger.sign_offs import (
    Export,
    Frozen,
    Signer,
    prepare,
    record_export,
    review,
    signed_periods,
)
from schemas.errors import Terminal

FROZEN = Frozen("cedar-valley-tx", date(2026, 12, 1), date(2026, 12, 31), "a" * 64, 10, "aa/aa")
ADA, BEN = Signer("Ada Price", "ada"), Signer("Ben Ode", "ben")


def trail(conn):
    """What the transaction has told the audit trail."""
    told = sa.text("SELECT action, actor, details::text FROM ledger.audit_pending"
                   " ORDER BY pending_id")  # fmt: skip
    return [tuple(row) for row in conn.execute(told)]


def test_two_persons_sign_a_period_and_the_trail_knows_both(conn):
    """Prepared first, then signed; what they wrote is in the trail by its hash only."""
    number = prepare(conn, FROZEN, ADA, "All breaks looked at.")
    assert [one.state for one in signed_periods(conn)] == ["prepared"]
    review(conn, number, BEN, "Twelve drawn.")
    (one,) = signed_periods(conn, ["cedar-valley-tx"])
    assert (one.state, one.prepared_by, one.reviewed_by) == ("signed", "Ada Price", "Ben Ode")
    assert [row[:2] for row in trail(conn)] == [
        ("period prepared", "Ada Price"),
        ("period reviewed", "Ben Ode"),
    ]
    assert "a" * 64 in trail(conn)[0][2]
    assert "looked at" not in str(trail(conn))


@pytest.mark.control("separation")
@pytest.mark.parametrize("name", ["Ada Price", " ada  price ", "ADA PRICE"])
def test_the_preparer_is_not_the_reviewer(conn, name):
    """However the name is written."""
    number = prepare(conn, FROZEN, ADA, "All.")
    with pytest.raises(Terminal, match="Somebody else must review"):
        review(conn, number, Signer(name, "another"), "All.")


@pytest.mark.control("separation")
def test_the_preparer_is_not_the_reviewer_under_another_name(conn):
    """An account of the console is one person's; its name is what the provider says."""
    number = prepare(conn, FROZEN, Signer("ada@old", "console:7"), "All.")
    with pytest.raises(Terminal, match="Somebody else must review"):
        review(conn, number, Signer("ada@new", "console:7"), "All.")
    review(conn, number, Signer("ben", "console:8"), "All.")


@pytest.mark.control("separation")
def test_the_database_itself_wants_two_persons(conn):
    """A program that forgets to ask is refused."""
    number = prepare(conn, FROZEN, ADA, "All.")
    with pytest.raises(Terminal, match="two_persons"):
        conn.execute(
            sa.text(
                "UPDATE ledger.signed_period SET reviewed_by = 'ada price', reviewed_at = now(),"
                " reviewed_account = 'x', reviewed_note = 'x' WHERE signed_period_id = :number"
            ),
            {"number": number},
        )


@pytest.mark.parametrize(
    ("again", "sentence"),
    [
        (lambda conn, _: prepare(conn, FROZEN, BEN, "All."), "prepared before"),
        (lambda conn, number: review(conn, number, Signer("Cy", "cy"), "All."), "reviewed by Ben"),
        (lambda conn, _: review(conn, 999, BEN, "All."), "no period 999"),
        (lambda conn, number: review(conn, number, BEN, " "), "needs a person"),
    ],
)
def test_what_is_signed_is_signed_once(conn, again, sentence):
    """The same figures again, a second review, no period, and no word are refused."""
    number = prepare(conn, FROZEN, ADA, "All.")
    review(conn, number, BEN, "All.")
    with pytest.raises(Terminal, match=sentence):
        again(conn, number)


def test_who_alters_a_signed_period_leaves_a_trace(conn):
    """Other bytes under an old signature, or a row that goes away."""
    number = prepare(conn, FROZEN, ADA, "All.")
    conn.exec_driver_sql("UPDATE ledger.signed_period SET sha256 = 'b'")
    conn.exec_driver_sql("DELETE FROM ledger.signed_period")
    assert [row[0] for row in trail(conn)] == ["period prepared"] + ["period altered"] * 2
    assert signed_periods(conn, signed_period_id=number) == []


@pytest.mark.control("activity-review")
def test_an_export_is_in_the_trail_with_filters_and_rows(conn):
    """Who took what, by which filters, of which runs and how much."""
    export = Export("reconciliation", "csv", {"from": "2026-12-01"}, [1, 2], {"rates": 4}, "c" * 64)
    assert record_export(conn, export, ADA) > 0
    ((action, actor, details),) = trail(conn)
    assert (action, actor) == ("exported", "Ada Price")
    assert '"rates": 4' in details
    assert "2026-12-01" in details
