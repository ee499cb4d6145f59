"""A carrier with a book, the words of the exchange, and what the month is made of."""

from datetime import datetime

import pytest

from schemas.monthly_exchanges import load_month
from schemas.monthly_layouts import load_rcni
from schemas.partners import load_partner
from tests.enrollment.conftest import PARTNER, Carrier, Say


@pytest.fixture
def carrier(conn):
    """A carrier with an empty book, in the middle of January."""
    return Carrier(conn, datetime.fromisoformat("2027-01-15T06:00:00+00:00"))


@pytest.fixture
def say():
    """The words for what the exchange says."""
    return Say


@pytest.fixture
def partner():
    """The trading partner."""
    return load_partner(PARTNER)


@pytest.fixture
def layout():
    """The layout of the RCNI."""
    return load_rcni()


@pytest.fixture
def month():
    """How the month goes at the exchange."""
    return load_month("ffe")
