"""A member as the file, the book and the carrier have it."""

from datetime import UTC, datetime

import pytest

import pipeline.three_sides
from enrollment.snapshot import book_snapshot
from pipeline.sides_report import sides_objects, sides_table
from pipeline.three_sides import Field, of_work, three_sides
from tests.cases.house import opened_house
from tests.pipeline.desk import NO_RELATION, SAID_AGAIN, Desk


@pytest.fixture
def desk(tmp_path, engine):
    return Desk(opened_house(tmp_path, engine))


def sides_of(desk):
    with desk.house.engine.connect() as conn:
        return three_sides(desk.house, conn, of_work("case", desk.read().row))


def test_what_was_rejected_stands_beside_what_was_last_accepted(desk):
    """The book has the set before; what the rejected one says otherwise is marked."""
    desk.night({})
    desk.night(
        {**NO_RELATION, **SAID_AGAIN, "NM1*IL*1*DOE*JANE": ["NM1*IL*1*ROE*JANE*Q***34*900121234"]}
    )
    sides = sides_of(desk)
    found = {one.name: one for one in sides.fields}
    assert sides.known == ("file", "book")
    assert (found["last_name"].file, found["last_name"].book) == ("ROE", "DOE")
    assert [one.name for one in sides.fields if one.differs] == ["last_name"]
    assert found["premium_total"].book == found["premium_total"].file == "612.50"
    assert found["benefit_begin"].book == "2026-01-01"
    assert found["plan_id"].carrier is None


def test_the_book_is_shown_as_a_night_of_that_day_compares_it(desk, monkeypatch):
    """What is told in January for March: the amounts are January's, letters go to the new place."""
    on_day = "SELECT CAST('2026-01-20 18:00+00' AS timestamptz)"
    monkeypatch.setattr(pipeline.three_sides, "_NOW", on_day)
    desk.night({})
    nobody_leaves = {
        "INS*N*01*024...LE*2700": [],
        "QTY*TO*": ["QTY*TO*3"],
        "QTY*DT*": ["QTY*DT*2"],
    }
    moved = {"BGN*00*12456*": "BGN*00*12458*", "1 MAIN ST*APT 2": "9 OAK AVE"}
    desk.night({**nobody_leaves, **moved}, base="ffe-change")
    desk.night({**NO_RELATION, **SAID_AGAIN})
    shown = {one.name: one.book for one in sides_of(desk).fields}
    with desk.house.engine.connect() as conn:
        moment = datetime(2026, 1, 20, 18, tzinfo=UTC)
        partner_id = desk.read().row["partner_id"]
        rows = book_snapshot(conn, partner_id, moment, moment.date()).to_pylist()
    (compared,) = [row for row in rows if row["is_subscriber"]]
    assert shown["address_line_1"] == "9 OAK AVE"
    assert shown["premium_total"] == "612.50"
    assert {name: str(compared[name]) for name, value in shown.items() if value} == {
        name: value for name, value in shown.items() if value
    }


@pytest.mark.control("minimum-necessary")
def test_values_are_masked_until_they_are_revealed(desk, capsys):
    """What differs is said either way."""
    desk.night(NO_RELATION)
    sides = sides_of(desk)
    assert sides.known == ("file",)
    hidden = sides_objects(sides, reveal=False)
    assert {key for one in hidden for key in one} == {"field", "differs"}
    told = {one["field"]: one["file"] for one in sides_objects(sides, reveal=True)}
    assert told["first_name"] == "JANE"
    cells = [cell for column in sides_table(sides, reveal=False).columns for cell in column.cells]
    assert "JANE" not in cells
    assert "****" in cells


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("digits", "319-555-0110", "3195550110"),
        ("postal_code", "28202", "282021234"),
        ("name", "O'Hara", "OHARA"),
        ("money", "12.5", "12.50"),
        ("caseless", "Oak ", "OAK"),
        ("spans", "2026-01-01/2026-06-30 2026-07-01/..", "2026-01-01/2026-12-31"),
    ],
)
def test_sides_are_compared_as_a_reconciliation_does(kind, one, other):
    """What its kind passes over is no difference; anything else is."""
    assert not Field("x", kind, one, other, None).differs
    other = "2026-02-01/.." if kind == "spans" else "77"
    assert Field("x", kind, one, other, None).differs
    assert not Field("x", kind, one, None, None).differs
