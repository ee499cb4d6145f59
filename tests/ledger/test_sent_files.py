"""What we send is recorded before it leaves, numbered without gaps, and delivered once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pyarrow as pa
import pytest
import sqlalchemy as sa

from ledger.acknowledgements import (
    GROUP_ACKS,
    INTERCHANGE_ACKS,
    SET_ACKS,
    UnknownNumbers,
    record_acknowledgements,
)
from ledger.control_numbers import take_control_numbers
from ledger.files import file_row, record_received
from ledger.runs import open_run
from ledger.sent import mark_delivered, record_sent, sent_file_id, undelivered
from schemas.database import file, functional_group, interchange, transaction_set

NOBODY_UNKNOWN = UnknownNumbers((), (), ())


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
    assert sent_file_id(conn, "effectuation", run_id, given.partner) is None
    first = record_sent(conn, given.answer(run_id, "effectuation"))
    again = record_sent(conn, given.answer(run_id, "effectuation", name="OTHER"))
    tomorrow = record_sent(conn, given.answer(later, "effectuation", name="TOMORROW"))
    neighbour = given.answer(run_id, "effectuation", partner_id="harbor-light-nc")

    assert first == again == sent_file_id(conn, "effectuation", run_id, given.partner)
    assert len({first, tomorrow, record_sent(conn, neighbour)}) == 3


def test_a_written_file_is_delivered_once(conn, given, run_id):
    """After its delivery it waits no more, and the first delivery's time stays."""
    file_id = record_sent(conn, given.answer(run_id, "effectuation"))
    assert [row.file_id for row in undelivered(conn, given.partner)] == [file_id]

    mark_delivered(conn, file_id, given.six_o_clock)
    mark_delivered(conn, file_id, given.six_o_clock + timedelta(hours=1))

    assert undelivered(conn, given.partner) == []
    row = file_row(conn, file_id)
    assert (row.state, row.delivered_at) == ("delivered", given.six_o_clock)


def _acknowledge(conn, partner_id, interchanges=(), groups=(), sets=()):
    def rows(values, schema):
        return pa.Table.from_pylist(
            [dict(zip(schema.names, value, strict=True)) for value in values], schema=schema
        )

    return record_acknowledgements(
        conn,
        partner_id,
        rows(interchanges, INTERCHANGE_ACKS),
        rows(groups, GROUP_ACKS),
        rows(sets, SET_ACKS),
    )


@pytest.mark.parametrize(
    ("answer", "state"),
    [("AA", "acknowledged"), ("EP", "acknowledged"), ("RR", "refused"), ("AR", "refused")],
)
def test_the_exchanges_answer_reaches_the_sent_file(conn, given, run_id, answer, state):
    """TA1 and 999 are matched by control number; a refusal at either level refuses the file."""
    ta1, ack = answer
    file_id = record_sent(
        conn, given.answer(run_id, "effectuation"), given.envelopes(sets=["0001", "0002"])
    )
    mark_delivered(conn, file_id, given.six_o_clock)

    for _ in range(2):
        unknown = _acknowledge(
            conn,
            given.partner,
            [("000000007", ta1, "000")],
            [("7", ack)],
            [("7", "0001", "A"), ("7", "0002", "R")],
        )

    assert unknown == NOBODY_UNKNOWN
    assert file_row(conn, file_id).state == state
    assert conn.scalar(sa.select(interchange.c.ta1_code)) == ta1
    assert conn.scalar(sa.select(functional_group.c.ack)) == ack
    sets = sa.select(transaction_set.c.ack).order_by(transaction_set.c.set_ordinal)
    assert list(conn.scalars(sets)) == ["A", "R"]


def test_numbers_that_we_never_sent_come_back(conn, given, run_id):
    """An acknowledgement of something unknown is reported and changes nothing."""
    file_id = record_sent(conn, given.answer(run_id, "effectuation"), given.envelopes())

    unknown = _acknowledge(
        conn,
        given.partner,
        [("000000008", "R", "000")],
        [("8", "R")],
        [("8", "0001", "R"), ("7", "0009", "R")],
    )

    assert unknown == UnknownNumbers(("000000008",), ("8",), ("0001", "0009"))
    assert file_row(conn, file_id).state == "written"


def test_another_partners_numbers_are_not_ours(conn, given, run_id):
    """Control numbers count per partner, so the same number may be sent to two of them."""
    neighbour = given.answer(run_id, "effectuation", partner_id="harbor-light-nc")
    record_sent(conn, neighbour, given.envelopes())

    unknown = _acknowledge(conn, given.partner, [("000000007", "R", "000")])

    assert unknown.interchanges == ("000000007",)
    assert list(conn.scalars(sa.select(file.c.state))) == ["written"]
