"""What we send is recorded before it leaves, numbered without gaps, and delivered once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pyarrow as pa
import pytest
import sqlalchemy as sa

from ledger.answers import UnknownNumber, record_answers
from ledger.control_numbers import take_control_numbers
from ledger.files import file_row, record_received
from ledger.runs import open_run
from ledger.sent import mark_delivered, record_sent, sent_file_id, undelivered
from schemas.database import answer, file, functional_group, interchange, transaction_set
from schemas.tables import ANSWERS


@pytest.mark.fault("F17")
def test_numbers_taken_at_once_are_all_different(engine, given):
    """Several processes share a partner's counter without a double or a gap."""

    def take(_):
        with engine.begin() as conn:
            return list(take_control_numbers(conn, given.partner, "interchange", 5))

    with ThreadPoolExecutor(4) as threads:
        taken = [number for numbers in threads.map(take, range(8)) for number in numbers]

    assert sorted(taken) == list(range(1, 41))


def test_numbers_of_a_transaction_that_failed_are_given_again(engine, given):
    """A rollback leaves no gap: the exchange would ask where the missing number went."""
    with engine.begin() as conn:
        assert take_control_numbers(conn, given.partner, "group", 2) == range(1, 3)
    with engine.connect() as conn:
        assert take_control_numbers(conn, given.partner, "group", 10) == range(3, 13)
        conn.rollback()
    with engine.begin() as conn:
        assert take_control_numbers(conn, given.partner, "group") == range(3, 4)


def test_counters_are_apart(conn, given):
    """Each partner and each kind of control number counts for itself."""
    take_control_numbers(conn, given.partner, "interchange", 3)

    assert take_control_numbers(conn, given.partner, "transaction_set") == range(1, 2)
    assert take_control_numbers(conn, "harbor-light-nc", "interchange") == range(1, 2)


def test_no_number_is_taken_for_nothing(conn, given):
    """Asking for no number is a mistake of the caller."""
    with pytest.raises(ValueError, match="At least one"):
        take_control_numbers(conn, given.partner, "group", 0)


@pytest.mark.parametrize("kind", ["ta1", "999", "error_report"])
def test_a_received_file_has_one_answer_of_a_kind(conn, given, run_id, kind):
    """A repeated answer changes nothing, also under another name and in a later run."""
    received = record_received(conn, given.file(run_id)).file_id
    later = open_run(conn, given.six_o_clock + timedelta(days=1))
    first = record_sent(conn, given.answer(run_id, kind, received), given.envelopes())
    again = record_sent(conn, given.answer(later, kind, received, "OTHER"), given.envelopes())

    assert first == again == sent_file_id(conn, kind, later, given.partner, received)
    assert file_row(conn, first).name == "ANSWER"
    assert conn.scalar(sa.select(sa.func.count()).select_from(interchange)) == 1


def test_a_run_sends_one_effectuation_file_to_a_partner(conn, given, run_id):
    """The same run finds its file again; another partner or another run has its own."""
    later = open_run(conn, given.six_o_clock + timedelta(days=1))
    assert sent_file_id(conn, "enrollment", run_id, given.partner) is None
    first = record_sent(conn, given.answer(run_id, "enrollment"))
    again = record_sent(conn, given.answer(run_id, "enrollment", name="OTHER"))
    tomorrow = record_sent(conn, given.answer(later, "enrollment", name="TOMORROW"))
    neighbour = given.answer(run_id, "enrollment", partner_id="harbor-light-nc")

    assert first == again == sent_file_id(conn, "enrollment", run_id, given.partner)
    assert len({first, tomorrow, record_sent(conn, neighbour)}) == 3


def test_a_written_file_is_delivered_once(conn, given, run_id):
    """After its delivery it waits no more, and the first delivery's time stays."""
    file_id = record_sent(conn, given.answer(run_id, "enrollment"))
    assert [row.file_id for row in undelivered(conn, given.partner)] == [file_id]

    mark_delivered(conn, file_id, given.six_o_clock)
    mark_delivered(conn, file_id, given.six_o_clock + timedelta(hours=1))

    assert undelivered(conn, given.partner) == []
    row = file_row(conn, file_id)
    assert (row.state, row.delivered_at) == ("delivered", given.six_o_clock)


def _answers(conn, given, run_id, *answers, name="ANSWERS"):
    """Takes in a file of answers: level, code, and our numbers by their columns."""
    received = record_received(conn, given.file(run_id, name=name)).file_id
    rows = [dict.fromkeys(ANSWERS.names) | answer for answer in answers]
    return record_answers(conn, given.partner, received, pa.Table.from_pylist(rows, schema=ANSWERS))


def _ta1(number, code):
    return {"level": "interchange", "interchange_number": number, "code": code, "note": "000"}


def _ak9(number, code):
    return {"level": "group", "group_number": number, "code": code}


def _ik5(group, number, code):
    return {"level": "set", "group_number": group, "set_number": number, "code": code}


@pytest.mark.parametrize(
    ("codes", "state"),
    [("AA", "acknowledged"), ("EP", "acknowledged"), ("RR", "refused"), ("AR", "refused")],
)
def test_the_exchanges_answer_reaches_the_sent_file(conn, given, run_id, codes, state):
    """TA1 and 999 are matched by control number; a refusal at either level refuses the file."""
    ta1, ack = codes
    file_id = record_sent(
        conn, given.answer(run_id, "enrollment"), given.envelopes(sets=["0001", "0002"])
    )
    mark_delivered(conn, file_id, given.six_o_clock)

    said = [_ta1("000000007", ta1), _ak9("7", ack), _ik5("7", "0001", "A"), _ik5("7", "0002", "R")]
    for name in ("FIRST", "AGAIN"):
        assert _answers(conn, given, run_id, *said, name=name) == []

    assert file_row(conn, file_id).state == state
    assert conn.scalar(sa.select(interchange.c.ta1_code)) == ta1
    assert conn.scalar(sa.select(functional_group.c.ack)) == ack
    sets = sa.select(transaction_set.c.ack).order_by(transaction_set.c.set_ordinal)
    assert list(conn.scalars(sets)) == ["A", "R"]


@pytest.mark.fault("F24")
def test_numbers_that_we_never_sent_come_back(conn, given, run_id):
    """An acknowledgement of something unknown is reported and changes nothing."""
    file_id = record_sent(conn, given.answer(run_id, "enrollment"), given.envelopes())

    said = [_ta1("000000008", "R"), _ak9("8", "R"), _ik5("8", "0001", "R"), _ik5("7", "0009", "R")]
    unknown = _answers(conn, given, run_id, *said)

    assert unknown == [
        UnknownNumber("group", "8"),
        UnknownNumber("interchange", "000000008"),
        UnknownNumber("set", "0001"),
        UnknownNumber("set", "0009"),
    ]
    assert file_row(conn, file_id).state == "written"


def test_another_partners_numbers_are_not_ours(conn, given, run_id):
    """Control numbers count per partner, so the same number may be sent to two of them."""
    neighbour = given.answer(run_id, "enrollment", partner_id="harbor-light-nc")
    record_sent(conn, neighbour, given.envelopes())

    unknown = _answers(conn, given, run_id, _ta1("000000007", "R"))

    assert unknown == [UnknownNumber("interchange", "000000007")]
    written = sa.select(file.c.state).where(file.c.direction == "issuer_to_exchange")
    assert list(conn.scalars(written)) == ["written"]


@pytest.mark.fault("F24")
def test_an_answer_that_came_first_is_matched_when_its_number_is_sent(conn, given, run_id):
    """The exchange may be quicker than we are; nothing that it says is lost."""
    _answers(conn, given, run_id, _ta1("000000007", "R"))
    file_id = record_sent(conn, given.answer(run_id, "enrollment"), given.envelopes())

    assert _answers(conn, given, run_id, name="NEXT") == []

    assert file_row(conn, file_id).state == "refused"


@pytest.mark.fault("F24")
def test_the_first_answer_counts(conn, given, run_id):
    """A later one that says otherwise is kept, and changes nothing."""
    file_id = record_sent(conn, given.answer(run_id, "enrollment"), given.envelopes())
    for number, code in enumerate("AAR"):
        _answers(conn, given, run_id, _ta1("000000007", code), name=f"ANSWER{number}")

    assert file_row(conn, file_id).state == "acknowledged"
    kept = sa.select(answer.c.state).order_by(answer.c.answer_id)
    assert list(conn.scalars(kept)) == ["counts", "repeats", "contradicts"]


def test_an_answer_without_a_code_is_none(conn, given, run_id):
    """Of a file that was cut off and that an older version read: the whole one counts."""
    file_id = record_sent(conn, given.answer(run_id, "enrollment"), given.envelopes())
    _answers(conn, given, run_id, _ak9("7", None), name="CUT")

    _answers(conn, given, run_id, _ak9("7", "R"), name="WHOLE")

    assert file_row(conn, file_id).state == "refused"
