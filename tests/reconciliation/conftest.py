"""Small books and carrier records."""

import pytest

from tests.reconciliation.small_sides import book_of, carrier_of, row_of_book


@pytest.fixture(scope="session")
def book_row():
    return row_of_book


@pytest.fixture(scope="session")
def book():
    return book_of


@pytest.fixture(scope="session")
def carrier():
    return carrier_of
