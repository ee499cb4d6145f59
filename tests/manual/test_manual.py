"""The manual builds without any other host, and its commands end as it says."""

import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.core import TyperGroup
from typer.main import get_command

from console import command as console_command
from scripts.reference_pages import console_page

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
BIN = Path(sys.executable).parent
EXIT = re.compile(r"\s+# (?:exit code (\d))?.*$")
RESOURCE = re.compile(
    r'<(?:script|img|iframe|link rel="stylesheet")[^>]*(?:src|href)="(//|https?:)'
)


@pytest.fixture(scope="module")
def manual(tmp_path_factory):
    """The pages."""
    out = tmp_path_factory.mktemp("manual")
    command = [BIN / "mkdocs", "build", "--strict", "--site-dir", out]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    run = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stdout.strip()) == (0, ""), run.stderr
    return out


def test_no_page_needs_another_host(manual):
    """Nor does any link within the manual lead nowhere: the build is strict."""
    asking = [
        path.name for path in manual.rglob("*.html") if RESOURCE.search(path.read_text("utf-8"))
    ]
    assert asking == []


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("settings", "how long a waiting file must keep its size"),
        ("tables", "end of IEA, or of the last segment found"),
        ("database", 'id="ledgeraudit_entry"'),
        ("database", 'id="ledgercase"'),
        ("database", 'id="reconciliationbreak"'),
        ("database", "kind IN ('ta1', '999', 'enrollment', 'error_report', 'rcni')"),
    ],
)
def test_reference_is_made_of_the_code(manual, page, said):
    """What the code says of a setting, a column or a state is on the page."""
    text = (manual / "reference" / f"{page}.html").read_text("utf-8")
    assert said in text.replace("&#39;", "'")


@pytest.mark.parametrize("taken", [True, False])
def test_pictures_of_the_console_are_shown_once_they_are_taken(tmp_path, taken):
    """Until then the page says how."""
    if taken:
        (tmp_path / "held-wide.png").touch()
        (tmp_path / "held-dark.png").touch()
    text = console_page(tmp_path)
    assert ("![The page](../screens/held-wide.png)" in text) == taken
    assert ("make screens" in text) != taken
    assert "dark" not in text


def pages_in_order():
    """The pages of the manual as its navigation has them."""
    navigation = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))["nav"]
    waiting, found = list(navigation), []
    while waiting:
        entry = waiting.pop(0)
        if isinstance(entry, dict):
            (entry,) = entry.values()
        if isinstance(entry, list):
            waiting = entry + waiting
        elif (DOCS / entry).is_file():
            found.append(entry)
    return found


def commands_of(page):
    """Each command of a page with the exit code that it says, 0 where it says none."""
    text = (DOCS / page).read_text("utf-8")
    blocks = re.findall(r"^ *```console\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    for line in "".join(blocks).splitlines():
        command = line.strip().removeprefix("$ ")
        said = EXIT.search(command)
        yield EXIT.sub("", command), int(said[1] or 0) if said else 0


def commands_of_the_readme():
    """Those that stand on lines of their own, each of which ends with 0."""
    text = (ROOT / "README.md").read_text("utf-8")
    for command in re.findall(r"^    \.venv/bin/(.*)$", text, re.MULTILINE):
        yield command, 0


def test_every_command_is_one_that_there_is():
    """With these arguments and options; `make soak` runs them."""
    told = {page: list(commands_of(page)) for page in pages_in_order()}
    told["README.md"] = list(commands_of_the_readme())
    unknown, asked = [], 0
    for page, commands in told.items():
        for command, _ in commands:
            program, *arguments = shlex.split(command)
            if program == "edi834":
                asked += 1
                if complaint := complaint_about(arguments):
                    unknown.append((page, command, complaint))
    assert unknown == []
    assert asked > 30
    assert len(told["README.md"]) > 5


def test_every_command_that_an_alert_names_is_one_that_there_is():
    """What to do is told where nobody has a manual at hand."""
    named = re.findall(r"`edi834 ([^`]+)`", (ROOT / "schemas/watch.toml").read_text("utf-8"))
    words = {tuple(one.split()) for one in named}

    assert {one for one in words if not is_command(one)} == set()
    assert len(words) > 8
    assert not is_command(("partners", "missing"))


def is_command(words):
    """Whether the words name a command, with options that it has after it or without."""
    command = get_command(console_command.cli.app)
    for word in words:
        if isinstance(command, TyperGroup):
            command = command.commands.get(word)
        elif word.startswith("-") and command is not None:
            return any(word in one.opts for one in command.params)
    return command is not None and not isinstance(command, TyperGroup)


def test_every_target_of_make_is_one_that_there_is():
    """In the README and the manual."""
    named = set()
    for page in (ROOT / "README.md", *DOCS.rglob("*.md")):
        text = page.read_text("utf-8")
        named |= set(re.findall(r"(?:^    |`)make ([a-z-]+)", text, re.MULTILINE))
    there = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert named - there == set()
    assert {"demo", "test", "console"} <= named


@pytest.mark.parametrize("wrong", ["cases shw 1", "cases show 1 --nope", "nothing"])
def test_what_there_is_not_would_be_noticed(wrong):
    """So that the test above means something."""
    assert complaint_about(shlex.split(wrong))


def complaint_about(arguments):
    """What the command line says against arguments, read to the last word; nothing is run."""
    try:
        parse(get_command(console_command.cli.app), arguments)
    except Exception as error:  # noqa: BLE001 - typer's errors of usage have no public class
        return str(error) or type(error).__name__
    return ""


def parse(command, arguments):
    """Reads arguments as the command line would."""
    context = command.make_context("edi834", arguments)
    while isinstance(context.command, TyperGroup):
        _, command, rest = context.command.resolve_command(
            context, [*context._protected_args, *context.args]
        )
        context = command.make_context(command.name, rest, parent=context)


@pytest.mark.soak
def test_every_command_ends_as_the_manual_says(tmp_path):
    """In one folder, page after page, as somebody would who reads it from the beginning."""
    told = [(page, *one) for page in pages_in_order() for one in commands_of(page)]
    done, otherwise = run_in(tmp_path, told)
    assert otherwise == []
    assert done.count("edi834") > 30


@pytest.mark.soak
def test_every_command_ends_as_the_readme_says(tmp_path):
    """One after the other, in a folder of its own."""
    done, otherwise = run_in(tmp_path, [("README.md", *one) for one in commands_of_the_readme()])
    assert otherwise == []
    assert done.count("edi834") > 5


def run_in(folder, told):
    """The programs that were run, and what did not end as told (page, command, exit code)."""
    environment = {name: value for name, value in os.environ.items() if "EDI834" not in name}
    environment["PATH"] = f"{BIN}:{environment['PATH']}"
    done, otherwise = [], []
    try:
        for page, command, expected in told:
            run = subprocess.run(
                ["sh", "-c", command],
                cwd=folder,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            done.append(shlex.split(command)[0])
            if run.returncode != expected or "Traceback" in run.stderr:
                said = (run.stderr or run.stdout)[-300:]
                otherwise.append((page, command, run.returncode, said))
    finally:
        stop_server(folder / "var" / "postgresql")
    return done, otherwise


def stop_server(data):
    """Stops the PostgreSQL of these commands, which a command leaves to the next one."""
    running = data / "postmaster.pid"
    if running.exists():
        os.kill(int(running.read_text().split()[0]), signal.SIGINT)
