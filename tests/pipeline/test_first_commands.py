"""The first commands in a new home: what is refused writes nothing, and the next one works."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.cases.world import CEDAR

AHEAD = f"{datetime.now(UTC) + timedelta(days=400):%Y-%m-%dT%H:%M:%S}"
BY = ("--by", "Ada", "--reason", "First words.")
REFUSED = {
    "a night of a partner without a mailbox": ("night", "--partner", "nobody"),
    "a night that has not come": ("night", "--as-of", AHEAD),
    "an answer as of a moment that has not come": (
        "month", "rcno", "{answer}", "--partner", CEDAR, "--year", "2027", "--as-of", AHEAD,
    ),
    "an answer of an unknown partner": (
        "month", "rcno", "{answer}", "--partner", "nobody", "--year", "2027",
    ),
    "a month of an empty book": (
        "month", "rcni", "--partner", CEDAR, "--year", "2027", "--out", "{out}",
    ),
    "a signature of nothing": ("audit", "sign", "--from", "2026-11-01", "--to", "2026-11-30", *BY),
    "records of nobody": ("carrier", "accept", CEDAR, *BY),
    "a correction of nothing": ("cases", "correct", "1", "--set", "INS*02=18", *BY),
}  # fmt: skip


@pytest.fixture
def fresh(tmp_path, new_database_url, open_world):
    """A home in which nothing has happened; its partner's mailbox is elsewhere."""
    with open_world(tmp_path, new_database_url(), members=20, partner_ids=(CEDAR,)) as world:
        (tmp_path / "answer.txt").write_text("an answer\n")
        yield world


@pytest.mark.parametrize("command", REFUSED.values(), ids=REFUSED)
def test_what_is_refused_leaves_no_file_by_which_the_home_is_locked(fresh, command, edi834):
    """The next command meets a home and a database that both know of nothing."""
    environment = fresh.environment()
    mailbox = {CEDAR.replace("-", "_"): {"host": "sftp.example.com"}}
    fresh.write_configuration(**mailbox)
    places = {"{answer}": fresh.folder / "answer.txt", "{out}": fresh.folder / "out"}
    ended = edi834(*(places.get(one, one) for one in command), **environment)

    assert ended.code != 0
    assert [path for path in fresh.house.settings.landing_folder.rglob("*") if path.is_file()] == []
    assert edi834("cases", "list", **environment).code == 0
