"""The columnar writer: envelopes, and what may stand in an element."""

from dataclasses import replace
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replies.plain_text import to_ascii
from replies.x12_writer import Composer, clean_text, open_interchange
from schemas.errors import Terminal
from schemas.partners import load_exchange

FACTS = load_exchange("ffe").interchange


def test_an_interchange_header_has_106_bytes(envelope):
    """ISA is fixed width, and its clock is the exchange's, across the change to summer time."""
    before = envelope(1, created_at=datetime(2026, 3, 8, 6, 59, tzinfo=UTC))
    after = envelope(999_999_999, created_at=datetime(2026, 3, 8, 7, 0, tzinfo=UTC))
    headers = [open_interchange(e, acknowledgment_requested=True) for e in (before, after)]
    assert [len(header) for header in headers] == [106, 106]
    assert b"*260308*0159*" in headers[0]
    assert b"*260308*0300*" in headers[1]
    assert headers[1].endswith(b"*999999999*1*P*:~")


def test_wrong_envelopes_are_refused(envelope):
    """A naive clock, a control number out of range and too long an id are named."""
    with pytest.raises(Terminal, match="no time zone"):
        envelope(created_at=datetime(2026, 1, 1))
    with pytest.raises(Terminal, match="does not fit ISA13"):
        envelope(1_000_000_000)
    good = envelope()
    long_id = good.partner.model_copy(update={"trading_partner_id": "X" * 16})
    with pytest.raises(Terminal, match="longer than 15"):
        replace(good, partner=long_id)


def test_empty_elements_at_the_end_are_left_out():
    """Inner empty elements stay, trailing ones go, rows without the segment are null."""
    compose = Composer(FACTS, 3)
    middle = pa.array(["B", None, "B"], pa.large_string())
    column = compose.segment("NM1", "IL", None, middle, None, when=pa.array([True, True, None]))
    assert column.to_pylist() == ["NM1*IL**B~", "NM1*IL~", None]


@pytest.mark.parametrize(
    ("received", "sent"),
    [
        ("PEÑA-NÚÑEZ", "PENA-NUNEZ"),
        ("Groß", "Gross"),
        ("Ærøskøbing", "AEroskobing"),
        ("O\u2019Neil \u2013 X", "O'Neil - X"),
        ("\N{FULLWIDTH ASTERISK}", "*"),
        ("李", "?"),
    ],
)
def test_letters_outside_ascii_are_transliterated(received, sent):
    """A name keeps what ASCII can say of it."""
    assert to_ascii(received) == sent


@given(st.lists(st.one_of(st.none(), st.text(max_size=20)), max_size=5))
def test_no_text_can_hold_a_delimiter(values):
    """Whatever stands in the book: cleaned text is printable ASCII without delimiters."""
    cleaned = clean_text(pa.array(values, pa.large_string()), FACTS).to_pylist()
    assert len(cleaned) == len(values)
    for value in cleaned:
        assert value is None or (value.isascii() and value.isprintable() and value.strip())
        assert not set("*~^:") & set(value or "")
