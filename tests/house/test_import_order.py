"""Imports point one way."""

from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports


def test_imports_point_one_way(house, monkeypatch):
    """pipeline → the middle rooms → validators → parsers → schemas, and never back."""
    monkeypatch.chdir(house.root)
    assert lint_imports(config_filename="pyproject.toml", no_cache=True) == EXIT_STATUS_SUCCESS


def test_every_room_is_under_the_contracts(house):
    """A new room that nobody added to the contracts would be free to import anything."""
    linted = house.project["tool"]["importlinter"]["root_packages"]
    assert sorted(linted) == house.rooms
    typed = house.project["tool"]["mypy"]["packages"]
    assert sorted(typed) == sorted([*house.rooms, "benchmarks"])


def test_every_package_folder_is_shipped(house):
    """A folder that setuptools does not list is missing from the wheel; so would be the DAGs."""
    folders = {
        path.parent.relative_to(house.root).as_posix().replace("/", ".")
        for room in house.rooms
        for path in (house.root / room).rglob("__init__.py")
    }
    assert folders | {"dags"} == set(house.project["tool"]["setuptools"]["packages"])
