"""What is handed to a carrier: a wheel that holds everything, the same bytes each time."""

import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PERMISSIVE = ("MIT", "Apache", "BSD", "ISC", "PSF", "Python-2.0", "Python Software", "Unlicense")
PERMISSIVE += ("0BSD", "Zlib", "CC0", "HPND")


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """What git holds of this working tree, in a repository of its own with one commit."""
    folder = tmp_path_factory.mktemp("tree")
    known = git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    names = known.removesuffix("\0").split("\0")
    for name in names:
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    identity = ("-c", "user.name=nobody", "-c", "user.email=nobody@example.invalid")
    git(folder, *identity, "commit", "-q", "-m", "All of it")
    return folder, names


def git(folder, *arguments):
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def built(tree, out, umask):
    """What `scripts/build` makes of a tree, by somebody with that umask."""
    subprocess.run(
        [tree / "scripts" / "build", out],
        check=True,
        capture_output=True,
        env=os.environ | {"PYTHON": sys.executable},
        umask=umask,
    )
    return {path.suffix: path for path in out.iterdir()}


@pytest.fixture(scope="module")
def wheel(tree, tmp_path_factory):
    """The wheel of this working tree."""
    return built(tree[0], tmp_path_factory.mktemp("dist"), 0o022)[".whl"]


@pytest.mark.control("supply-chain")
def test_the_same_commit_gives_the_same_bytes(tree, wheel, tmp_path):
    """Whoever builds it, and whenever."""
    again = built(tree[0], tmp_path, 0o077)
    assert again[".whl"].read_bytes() == wheel.read_bytes()
    assert again[".gz"].read_bytes() == wheel.with_name(again[".gz"].name).read_bytes()


def test_the_wheel_holds_every_file_of_the_rooms(tree, wheel):
    """Pages, rows and code lists too, and nothing that git does not hold."""
    with zipfile.ZipFile(wheel) as archive:
        inside = {name for name in archive.namelist() if ".dist-info/" not in name}
    rooms = {name.split("/")[0] for name in inside}
    expected = {name for name in tree[1] if "/" in name and name.split("/")[0] in rooms}
    assert inside == expected
    assert {"console", "dags", "parsers", "pipeline", "schemas", "validators"} <= rooms


def test_what_is_unpacked_from_the_wheel_runs(wheel, tmp_path):
    """It checks a file, without the repository."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    (tmp_path / "empty.834").write_bytes(b"")
    code = "import sys, console.command as c; print(c.__file__); sys.exit(c.main())"
    run = subprocess.run(
        [sys.executable, "-c", code, "check", "empty.834"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path), "EDI834_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert str(tmp_path) in run.stdout
    assert "file-empty" in run.stdout
    assert run.stderr == ""


def bill():
    path = ROOT / "scripts" / "bill_of_materials.py"
    spec = importlib.util.spec_from_file_location("bill_of_materials", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def licence_of(name):
    """What a package's own metadata says of its licence."""
    told = distribution(name).metadata
    classifiers = [c for c in told.get_all("Classifier", []) if c.startswith("License")]
    return " ".join([told.get("License-Expression") or told.get("License") or "", *classifiers])


def test_packages_that_ask_more_than_to_be_named_are_known():
    """Each is told in `docs/supply-chain.md`, with what it means; no other one comes in."""
    needed = bill().needed_at_run_time()
    asking = {
        name for name in needed if not any(word in licence_of(name) for word in PERMISSIVE)
    } | {name for name in needed if "GPL" in licence_of(name)}
    rows = [
        line.split("|")[1].strip()
        for line in (ROOT / "docs" / "supply-chain.md").read_text("utf-8").splitlines()
        if line.startswith("| ") and not line.startswith(("| package", "|--"))
    ]
    assert sorted(asking) == sorted(rows)


@pytest.mark.control("supply-chain")
def test_what_only_builds_and_tests_is_not_in_the_bill():
    """It names what runs at a carrier's."""
    needed = bill().needed_at_run_time()
    assert {"paramiko", "pyx12", "great-expectations", "pyspark-client"} <= needed
    assert not {"pytest", "mypy", "cyclonedx-bom", "mkdocs", "playwright", "edi834"} & needed
