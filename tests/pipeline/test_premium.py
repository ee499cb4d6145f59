"""A HIX 820 of a mailbox is answered, compared with the book, and kept exactly once."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from ledger.balance import balance
from ledger.premium import months_of, months_of_policy, posted_files
from pipeline.cli import app
from pipeline.premium import post_payments
from pipeline.runs import open_for_scheduler
from schemas.premium_database import premium_payment
from tests.cases.bad_input import Content, Expected, Received
from tests.cases.house import Nights, opened_house

HARBOR = "harbor-light-nc"
OURS = {"REF*38": ["REF*38*91002NC0010001"]}
NIGHT = datetime(2026, 1, 2, 14, tzinfo=UTC)


@pytest.fixture
def nights(tmp_path, engine):
    """A house whose nights bring payments."""
    return Nights(opened_house(tmp_path, engine))


def received(name=None, **edits):
    """A file of payments in the mailbox of a partner, edited."""
    content = Content(base="payments", edits=OURS | edits)
    return Received(name=name, content=content, expected=Expected(state="checked"))


def posted(nights):
    """The posted files, after the work of the night was done once more."""
    run = open_for_scheduler(nights.house, NIGHT, [HARBOR]).run
    post_payments(nights.house, run, HARBOR)
    with nights.house.engine.connect() as conn:
        return run, posted_files(conn, HARBOR)


def test_a_file_of_payments_is_posted_once(nights):
    """Its money in whole cents, whose it is, and the night balances; the second time nothing."""
    nights.spend([received()], to_book=True)
    run, (first,) = posted(nights)
    _, again = posted(nights)

    assert [row.file_id for row in again] == [first.file_id] == nights.file_ids
    became = nights.became(first.file_id)
    assert (became.state, became.verdict, became.ta1) == ("applied", "accepted", ("A 000",))
    assert became.report_999 == ("AK2*820*0001*005010X306", "IK5*A", "AK9*A*1*1*1")
    assert (first.stated, first.payments) == (Decimal(460), 3)
    with nights.house.engine.connect() as conn:
        months = months_of(conn, first.file_id)
        assert conn.execute(sa.select(sa.func.sum(premium_payment.c.amount))).scalar_one() == 460
        assert "last_name" not in premium_payment.c
        levels = {row["level"]: row for row in balance(conn, run.run_id).to_pylist()}
        told = months_of_policy(conn, "4567001")
    assert set(months["category"].to_pylist()) == {"unknown_policy"}
    assert [(row.amount_type, row.payments + row.charges) for row in told] == [
        ("aptc", 400),
        ("csr", 100),
        ("user_fee", -40),
    ]
    assert (levels["files"]["accepted"], levels["members"]["received"]) == (1, 0)


def test_the_name_of_a_file_does_not_make_it_an_enrollment(nights):
    """An 820 that lies where 834s lie is posted, and nothing of it reaches the book."""
    name = "OPR.007654321T.I834.D260102.T180100000.P"
    nights.spend([received(name)], to_book=True)
    _, (first,) = posted(nights)
    assert first.name == name
    with nights.house.engine.connect() as conn:
        assert conn.execute(sa.text("SELECT count(*) FROM book.event_set")).scalar_one() == 0


def test_the_same_payments_again_are_not_posted_again(nights):
    """Neither the same bytes under another name, nor another content with the same number."""
    other = {"RMR*ZZ*CSR*": ["RMR*ZZ*CSR**200"], "BPR*I*460*": "BPR*I*560*"}
    nights.spend(
        [received(), received("OPR.007654321T.I820.D260102.T190000000.P"), received(**other)],
        to_book=False,
    )
    _, files = posted(nights)
    assert [(row.file_id, row.stated) for row in files] == [(nights.file_ids[0], Decimal(460))]


def test_nothing_of_a_rejected_set_is_posted(nights):
    """What is refused is told to the exchange, and no money of it is counted."""
    nights.spend([received(**{"REF*POL": []})], to_book=False)
    _, (first,) = posted(nights)
    assert (first.stated, first.payments) == (0, 0)


def test_the_months_of_a_file_are_told_on_the_terminal(nights, monkeypatch):
    """For people and for programs; exit code 1 tells that something does not agree."""
    nights.spend([received()], to_book=False)
    _, (first,) = posted(nights)
    settings = nights.house.settings
    monkeypatch.setenv("EDI834_HOME", str(settings.home))
    monkeypatch.setenv("EDI834_DATABASE_URL", settings.database_url)
    done = CliRunner().invoke(app, ["premium", "months", "--json"])
    assert done.exit_code == 1, done.output
    rows = [json.loads(line) for line in done.output.splitlines()]
    assert [row["file_id"] for row in rows] == [first.file_id] * 3
    assert sum(Decimal(row["payments"]) + Decimal(row["charges"]) for row in rows) == 460
    told = CliRunner().invoke(app, ["premium", "policy", "4567001"])
    assert "unknown policy" in told.output
    assert CliRunner().invoke(app, ["premium", "policy", "0"]).exit_code == 0


def test_a_file_is_told_without_a_database(tmp_path):
    """Its totals by payment type, what is stated, and whether it balances."""
    path = tmp_path / "payments.820"
    path.write_bytes(received().content.bytes())
    done = CliRunner().invoke(app, ["premium", "check", str(path), "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.output)
    assert told["stated"] == told["itemised"] == "460.00"
    assert told["types"]["UF"] == {"payments": 1, "amount": "-40.00"}
