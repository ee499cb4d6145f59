"""TA1 interchanges; pyx12 does not know one without a group, so the structure is compared."""

import pytest

from replies.ta1 import count_ta1, write_ta1
from schemas import tables
from schemas.errors import Terminal


def test_each_received_interchange_has_its_own_answer(verdict, table, envelope):
    """TA1 echoes ISA13, ISA09 and ISA10 and stands alone between ISA and IEA."""
    rows = [
        {"interchange_ordinal": 1, "control_number": "000000905", "date": "251231", "time": "1800"},
        {"interchange_ordinal": 2, "control_number": "000000906", "date": "260101", "time": "0600"},
    ]
    answers = [{"ta1_code": "A", "ta1_note": "000"}, {"ta1_code": "R", "ta1_note": "025"}]
    about = verdict(
        {},
        interchanges=table(tables.INTERCHANGES, rows),
        interchange_verdicts=table(
            tables.INTERCHANGE_VERDICTS,
            [{**row, **answer} for row, answer in zip(rows, answers, strict=True)],
        ),
    )
    assert count_ta1(about) == 2
    header = "ISA*00*          *00*          *ZZ*001234567T     *ZZ*CMSFFM         *260101*2330*^"
    assert write_ta1(about, [envelope(31), envelope(32)]).decode() == (
        f"{header}*00501*000000031*0*P*:~TA1*000000905*251231*1800*A*000~IEA*0*000000031~"
        f"{header}*00501*000000032*0*P*:~TA1*000000906*260101*0600*R*025~IEA*0*000000032~"
    )


def test_a_damaged_header_does_not_damage_the_answer(verdict, table, envelope):
    """What TA1's fixed elements cannot hold is replaced; the note says what was wrong."""
    damaged = {"interchange_ordinal": 1, "control_number": "12~", "date": "2601", "time": None}
    about = verdict({}, ta1=("R", "018"), interchanges=table(tables.INTERCHANGES, [damaged]))
    assert b"~TA1*000000000*260101*2330*R*018~" in write_ta1(about, [envelope(31)])


def test_an_unreadable_file_has_no_answer(verdict, table):
    """Without an interchange there is nobody to answer."""
    about = verdict({}, interchange_verdicts=table(tables.INTERCHANGE_VERDICTS, []))
    assert write_ta1(about, []) == b""


def test_every_answer_needs_its_envelope(verdict):
    """A missing envelope is an error of ours, not an answer left out."""
    with pytest.raises(Terminal, match="1 envelopes are needed"):
        write_ta1(verdict({}), [])
