"""A home, its configuration and its database belong together, wherever somebody stands."""

from datetime import UTC, datetime

import pytest

from pipeline.backup import back_up
from pipeline.restore import restore
from pipeline.settings import load_settings
from pipeline.wiring import open_house
from schemas.errors import Terminal

NOW = datetime(2026, 12, 3, tzinfo=UTC)


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A current folder in which nothing lies."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_the_configuration_in_the_home_that_is_named_holds(elsewhere, tmp_path):
    """Also where it is not the home of the environment: so it is for the commands that follow."""
    home = tmp_path / "restored"
    home.mkdir()
    (home / "edi834.toml").write_text("settle_seconds = 7\n")

    assert load_settings(home=home).settle_seconds == 7
    assert load_settings(home=elsewhere).settle_seconds != 7


@pytest.mark.fault("F37")
def test_a_configuration_that_would_not_hold_afterwards_restores_nothing(elsewhere, tmp_path):
    """The database would be another one as soon as somebody stands in another folder."""
    home = tmp_path / "restored"
    home.mkdir()
    for folder, seconds in ((home, 7), (elsewhere, 8)):
        (folder / "edi834.toml").write_text(f"settle_seconds = {seconds}\n")

    with pytest.raises(Terminal, match=r"in the current folder does\. Restore from another"):
        restore(tmp_path / "backup", load_settings(home=home))


def test_a_home_and_the_database_of_another_one_are_refused(cedar_after_a_night, new_database_url):
    """Neither may a night begin at number one, nor a backup hold rows without their bytes."""
    world = cedar_after_a_night
    settings = world.house.settings
    empty = settings.model_copy(update={"database_url": new_database_url()})
    with pytest.raises(Terminal, match=r"knows of no night, and .* has files of some"):
        open_house(empty).__enter__()

    other = settings.model_copy(update={"home": world.folder / "other"})
    with open_house(other) as house, pytest.raises(Terminal, match="has none of the newest"):
        back_up(house, world.folder / "backup", NOW)
