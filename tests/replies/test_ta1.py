"""TA1 interchanges, each standing alone."""

import pytest

from replies.ack999 import count_groups
from replies.ta1 import count_ta1, write_ta1
from schemas import tables
from schemas.errors import Terminal
from schemas.verdict import Quarantine
from tests.cases.answers import complaints_about_ta1


def test_each_received_interchange_has_its_own_answer(verdict, table, envelope):
    """TA1 echoes ISA13, ISA09 and ISA10 and stands alone between ISA and IEA."""
    rows = [
        {"interchange_ordinal": 1, "control_number": "000000905", "date": "251231", "time": "1800"},
        {"interchange_ordinal": 2, "control_number": "000000906", "date": "260101", "time": "0600"},
    ]
    answers = [{"ta1_code": "A", "ta1_note": "000"}, {"ta1_code": "R", "ta1_note": "025"}]
    about = verdict(
        {"17": {}},
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


@pytest.mark.parametrize(("date", "time"), [("2601", None), ("260230", "2460"), (None, "12:0")])
def test_a_damaged_header_does_not_damage_the_answer(verdict, table, envelope, date, time):
    """What TA1's fixed elements cannot hold is replaced; the note says what was wrong."""
    number = {"interchange_ordinal": 1, "control_number": "12~"}
    damaged = {**number, "date": date, "time": time}
    about = verdict({}, ta1=("R", "018"), interchanges=table(tables.INTERCHANGES, [damaged]))
    assert b"~TA1*000000000*260101*2330*R*018~" in write_ta1(about, [envelope(31)])


def test_an_unreadable_file_has_no_answer(verdict, table):
    """Without an interchange there is nobody to answer."""
    about = verdict({}, interchange_verdicts=table(tables.INTERCHANGE_VERDICTS, []))
    assert write_ta1(about, []) == b""


@pytest.mark.parametrize("is_answered", [True, False])
def test_nobody_is_answered_where_the_transport_is_suspect(verdict, is_answered):
    """A stranger learns nothing from us, unless the partner's file says so."""
    why = Quarantine("sender-unknown", is_answered)
    about = verdict({"17": {}}, ta1=("R", "006"), quarantine=why)
    assert count_ta1(about) == is_answered
    assert count_groups(about) == 0


def test_acknowledgements_are_not_acknowledged(verdict):
    """An interchange without groups brought TA1s; one that is empty or broken is refused."""
    assert count_ta1(verdict({})) == 0
    assert count_ta1(verdict({}, ta1=("R", "024"))) == 1


@pytest.mark.parametrize("note", ["000", "001", "023", "031"])
def test_pyx12_knows_every_element_of_a_ta1(verdict, envelope, note):
    """ISA, TA1 and IEA are what its map of control segments says; another note is not."""
    content = write_ta1(verdict({"17": {}}, ta1=("R", note)), [envelope(31)])
    assert complaints_about_ta1(content) == []
    assert complaints_about_ta1(content.replace(f"R*{note}".encode(), b"R*999"))


def test_every_answer_needs_its_envelope(verdict):
    """A missing envelope is an error of ours, not an answer left out."""
    with pytest.raises(Terminal, match="1 envelopes are needed"):
        write_ta1(verdict({"17": {}}), [])
