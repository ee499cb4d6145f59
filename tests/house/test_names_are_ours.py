"""Nobody else owns our import names (decision 0001)."""

from importlib.metadata import packages_distributions

import pytest

# The submodules of PyPI's `validators` 0.36: a module of ours with such a name could be swapped for
# theirs without anybody noticing.
# fmt: off
STRANGERS = {
    "between", "card", "country", "cron", "crypto_addresses", "domain", "email", "encoding",
    "finance", "hashes", "hostname", "i18n", "iban", "ip_address", "length", "mac_address", "slug",
    "uri", "url", "utils", "uuid",
}
# fmt: on


@pytest.mark.control("supply-chain")
def test_every_room_belongs_to_this_distribution_alone(house):
    """A second owner of `validators` or `schemas` would be imported instead of ours."""
    owners = packages_distributions()
    assert {room: set(owners.get(room, ())) for room in house.rooms} == {
        room: {"edi834"} for room in house.rooms
    }


def test_modules_of_validators_are_not_named_like_the_strangers(house):
    """Even in a mixed environment no module of ours is replaced by one of theirs."""
    ours = {path.stem for path in (house.root / "validators").rglob("*.py")}
    assert ours.isdisjoint(STRANGERS)


@pytest.mark.control("supply-chain")
def test_the_stranger_is_banned_from_every_resolution(house):
    """uv refuses to add it, and no pinned package brings it in."""
    assert "validators<0" in house.project["tool"]["uv"]["constraint-dependencies"]
    pins = (house.root / "constraints.txt").read_text().splitlines()
    assert not [line for line in pins if line.startswith("validators")]


def test_no_test_folder_plays_the_part_of_a_room(house):
    """With an `__init__.py`, `tests/validators` would be imported as `validators`."""
    assert list((house.root / "tests").rglob("__init__.py")) == []
