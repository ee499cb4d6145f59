"""A file that could not be checked when it came: its findings are told once, and its night ends."""

import csv
from contextlib import contextmanager

import pytest

from pipeline.replay import replay
from pipeline.runs import at_work
from pipeline.steps import Steps
from tests.cases.bad_input import Content
from tests.cases.world import HARBOR

LATE, IN_TIME = (f"OPR.007654321T.I834.D261201.T18020000{n}.P" for n in (1, 2))


@pytest.fixture
def night(tmp_path, new_database_url, open_world):
    """Two files of which everything is rejected have come, and lie at our place."""
    with open_world(tmp_path, new_database_url(), members=10, partner_ids=(HARBOR,)) as world:
        world.write_carrier_records(1)
        for number, name in enumerate((LATE, IN_TIME), 101):
            edits = {"*260101*1200*^": "*260230*1200*^", "000000001": f"000000{number}"}
            (world.outbox(HARBOR) / name).write_bytes(Content(edits=edits).bytes())
        with at_work(world.house, world.clock(1), [HARBOR]) as opened:
            Steps(world.house, opened.run, HARBOR).receive()
        yield world


@contextmanager
def damaged(world, name):
    """The stored bytes of a file are not those that came, for a while."""
    stored = world.house.settings.landing_folder / world.file_named(name).storage_key
    kept = stored.read_bytes()
    stored.chmod(0o600)
    stored.write_bytes(b"ISA*damaged")
    yield
    stored.write_bytes(kept)


def told(world):
    """Of which files each run has told the exchange."""
    letters = world.rows(
        "SELECT run_id, storage_key FROM ledger.file WHERE kind = 'error_report' ORDER BY run_id"
    )
    texts = {run: (world.house.settings.landing_folder / key).read_text() for run, key in letters}
    return {run: [n for n in (LATE, IN_TIME) if n in text] for run, text in texts.items()}


def shown(world, run):
    """Of which files a run's report tells our people."""
    path = world.house.settings.reports_folder / str(run.run_id) / HARBOR / "errors.csv"
    with path.open(encoding="utf-8") as stream:
        return {row["file_name"] for row in csv.DictReader(stream)}


@pytest.mark.fault("F16")
def test_a_file_that_a_later_night_checks_is_in_that_nights_report(night):
    """And the night that could not check it has nothing left that failed: it ends."""
    with damaged(night, LATE):
        first = night.run(1)
    assert [failure.step for failure in first.failures] == [
        f"checking file {night.file_named(LATE).file_id}"
    ]
    second = night.run(2)

    assert told(night) == {first.run.run_id: [IN_TIME], second.run.run_id: [LATE]}
    assert (shown(night, first.run), shown(night, second.run)) == ({IN_TIME}, {LATE})
    assert night.rows("SELECT * FROM ledger.step_failure") == []
    again = night.run(1)
    assert (again.run, again.failures) == (first.run, ())
    assert again.state != "failed"
    assert night.rows("SELECT run_id FROM ledger.run WHERE state = 'open'") == []
    assert told(night) == {first.run.run_id: [IN_TIME], second.run.run_id: [LATE]}
    assert shown(night, first.run) == {IN_TIME}
    assert replay(night.house).differences == []


def test_what_is_found_after_the_report_has_left_is_in_the_next_one(night):
    """The same night taken up again tells our people at once, and the exchange the night after."""
    with damaged(night, LATE):
        first = night.run(1)
    assert night.run(1).failures == ()

    assert told(night) == {first.run.run_id: [IN_TIME]}
    assert shown(night, first.run) == {LATE, IN_TIME}
    second = night.run(2)
    third = night.run(3)
    assert told(night) == {first.run.run_id: [IN_TIME], second.run.run_id: [LATE]}
    assert shown(night, second.run) == {LATE}
    assert (
        not (night.house.settings.reports_folder / str(third.run.run_id))
        .joinpath(HARBOR, "errors.csv")
        .exists()
    )
    assert replay(night.house).differences == []
