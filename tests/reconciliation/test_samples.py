"""A sample is drawn again by the same seed and filters, whatever lies beside it."""

from datetime import date

import pytest

from reconciliation.reports import Asked
from reconciliation.samples import Draw, draw_sample
from schemas.errors import Terminal
from tests.reconciliation.test_breaks import PARTNER, Nights, difference

FIRST_NIGHTS = Asked(date(2026, 12, 1), date(2026, 12, 1), (PARTNER,))


@pytest.fixture
def nights(conn):
    nights = Nights(conn)
    nights.see(*[difference(number) for number in range(1, 10)])
    return nights


def drawn(conn, seed="7", n=4, asked=FIRST_NIGHTS, **more):
    found = draw_sample(conn, Draw("breaks", asked, seed, n, **more))
    return found.rows["key"].to_pylist(), found.population


@pytest.mark.usefixtures("nights")
def test_the_same_arguments_draw_the_same_rows(conn):
    """Another seed draws others; fewer rows are the first of more."""
    rows, population = drawn(conn)
    assert (drawn(conn), len(set(rows)), population) == ((rows, 9), 4, 9)
    assert drawn(conn, n=9)[0][:4] == rows
    assert {tuple(drawn(conn, str(seed))[0]) for seed in range(8)} != {tuple(rows)}


def test_what_happens_later_changes_no_sample(nights, conn):
    """Breaks of later nights are not of these days, and a closed one stays where it was."""
    before = drawn(conn)
    nights.see(difference(1, "birth_date"))
    assert drawn(conn) == before


@pytest.mark.usefixtures("nights")
def test_every_row_has_its_chance(conn):
    """Over many seeds each break comes first now and then."""
    first = {drawn(conn, str(seed), n=1)[0][0] for seed in range(120)}
    assert len(first) == 9


@pytest.mark.usefixtures("nights")
def test_filters_meet(conn):
    """Of another partner, line or day there is nothing; of what there is none, a sentence."""
    assert drawn(conn, line="DEN") == ([], 0)
    assert drawn(conn, asked=Asked(date(2027, 1, 1), date(2027, 1, 2))) == ([], 0)
    with pytest.raises(Terminal, match="no samples of 'people'"):
        draw_sample(conn, Draw("people", FIRST_NIGHTS, "7", 1))


@pytest.mark.parametrize("population", ["members", "transactions"])
def test_other_populations_can_be_drawn_from(conn, population):
    """Of an empty book there are none."""
    assert draw_sample(conn, Draw(population, FIRST_NIGHTS, "7", 1)).population == 0
