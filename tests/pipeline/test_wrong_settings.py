"""Wrong settings, unreachable things: one line that says what to do, exit code 2, no traceback."""

import json
import shutil
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import asyncssh
import pytest

from pipeline.night import run_night
from schemas import partners
from schemas.errors import Terminal
from schemas.partners import load_partners

CEDAR, HARBOR = "cedar-valley-tx", "harbor-light-nc"
AS_OF = "2026-12-02T00:00:00+00:00"


def only_line(ended):
    """The one line on standard error of a command that failed before it began."""
    assert ended.code == 2
    assert ended.out == ""
    (line,) = ended.err.splitlines()
    assert line.startswith("edi834: ")
    assert "Traceback" not in line
    return line


BROKEN = {
    "not_toml": ("mailboxes = [", "is not TOML"),
    "unknown_setting": ('frobnicate = "1"', "frobnicate"),
    "wrong_type": ('[mailboxes.cedar-valley-tx]\nport = "many"', "mailboxes.cedar-valley-tx"),
    "unknown_partner": (
        '[mailboxes.nobody]\nhost = "h"\nusername = "u"\nprivate_key = "k"\nhost_key = "k"',
        f"No trading partner 'nobody'. Known partners: {', '.join(load_partners())}.",
    ),
    "no_mailbox": ("settle_seconds = 1", "No mailbox is configured."),
}


@pytest.mark.fault("F29")
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_configuration_file_is_named_with_its_fault(edi834, tmp_path, database_url, name):
    """The line names what is wrong, and nothing is done."""
    content, expected = BROKEN[name]
    path = tmp_path / "wrong.toml"
    path.write_text(content)
    ended = edi834("night", EDI834_CONFIG=str(path), EDI834_DATABASE_URL=database_url)

    assert expected in only_line(ended)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("elm-tx", f"elm-tx.toml: trading_partner_id .* is that of {CEDAR} already"),
        (CEDAR, f"elm-tx.toml: the id '{CEDAR}' is that of another file"),
    ],
)
def test_two_partner_files_of_one_partner_are_refused(tmp_path, name, told):
    """The exchange would see each control number of theirs twice, or one would be gone."""
    for path in (Path(partners.__file__).parent / "partners").glob("*.toml"):
        shutil.copy(path, tmp_path)
    text = (tmp_path / f"{CEDAR}.toml").read_text()
    (tmp_path / "elm-tx.toml").write_text(text.replace(f'id = "{CEDAR}"', f'id = "{name}"', 1))

    with pytest.raises(Terminal, match=told):
        load_partners(tmp_path)


def test_a_configuration_file_that_is_none_is_named(edi834):
    """EDI834_CONFIG must name a file."""
    line = only_line(edi834("night", EDI834_CONFIG="/nowhere/edi834.toml"))

    assert "EDI834_CONFIG names /nowhere/edi834.toml, which is no file" in line


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://edi834:secret@127.0.0.1:1/edi834", "does not answer"),
        ("edi834:secret@127.0.0.1", "no PostgreSQL URL"),
    ],
)
def test_a_database_that_does_not_answer_is_named_without_its_password(edi834, url, expected):
    """The line says which server, and never the password."""
    line = only_line(edi834("night", EDI834_DATABASE_URL=url))

    assert expected in line
    assert "secret" not in line


@pytest.mark.fault("F29")
@pytest.mark.parametrize(
    "variables",
    [
        {"EDI834_MAILBOXES": "{"},
        {"EDI834_HOME": "/dev/null/home"},
    ],
)
def test_a_wrong_variable_is_one_line(edi834, variables):
    """A number that is none, JSON that is none, a home that cannot be."""
    line = only_line(edi834("night", **variables))

    assert next(iter(variables)).removeprefix("EDI834_").split("_")[0].lower() in line.lower()


def test_a_partner_without_mailbox_is_named(edi834, world):
    """`night --partner` with a name that has no mailbox does nothing."""
    ended = edi834("night", "--partner", "nobody", **world.environment())

    assert ended.code == 2
    assert ended.failures == [
        "edi834: No mailbox for partner nobody. Add [mailboxes.nobody] to edi834.toml."
    ]
    assert world.rows("SELECT * FROM ledger.run") == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", __file__, "--partner", "nobody"),
        ("check", __file__, "--out", "/dev/null/out"),
        ("simulate", "file", "/dev/null/file.834"),
        ("reconcile", "--book", "/nowhere", "--carrier", "/nowhere", "--out", "/dev/null/out"),
        ("rules", "no-such-rule"),
    ],
)
def test_a_wrong_argument_is_one_line(edi834, arguments):
    """A file, folder, partner or rule that does not exist."""
    only_line(edi834(*arguments))


def with_mailbox(world, **changes):
    """The house with cedar's mailbox changed so."""
    settings = world.house.settings
    changed = settings.mailboxes[CEDAR].model_copy(update=changes)
    mailboxes = settings.mailboxes | {CEDAR: changed}
    return replace(world.house, settings=settings.model_copy(update={"mailboxes": mailboxes}))


@contextmanager
def changed_host_key(world):
    """The server has another key than the one that was agreed."""
    key = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
    yield with_mailbox(world, host_key=key)


@contextmanager
def missing_private_key(world):
    """The key file is not there."""
    yield with_mailbox(world, private_key=Path("/nowhere/key"))


@contextmanager
def nobody_listens(world):
    """Nobody listens on that port."""
    yield with_mailbox(world, port=1)


@contextmanager
def no_such_outbox(world):
    """The outbox has another name."""
    yield with_mailbox(world, outbox="elsewhere")


@contextmanager
def other_members(world, content):
    """The carrier's member extract holds this, or is missing."""
    path = world.folder / "carrier" / CEDAR / "members.csv"
    whole = path.read_bytes()
    path.unlink()
    if content is not None:
        path.write_bytes(content(whole))
    yield world.house
    path.write_bytes(whole)


def missing_extract(world):
    """The carrier's member extract did not come."""
    return other_members(world, None)


def cut_extract(world):
    """The carrier's member extract stops in the middle of a row."""
    return other_members(world, lambda whole: whole[:-40])


@contextmanager
def no_carrier_records(world):
    """No carrier records are configured for the partner."""
    settings = world.house.settings.model_copy(update={"carriers": {}})
    yield replace(world.house, settings=settings)


FAULTS = {
    changed_host_key: ("fetching files", "host key"),
    missing_private_key: ("fetching files", "/nowhere/key"),
    nobody_listens: ("fetching files", "cannot be reached"),
    no_such_outbox: ("fetching files", "there is no folder elsewhere"),
    no_carrier_records: ("reconciling and deciding", "Add [carriers.cedar-valley-tx] to"),
    missing_extract: ("reconciling and deciding", "members.csv"),
    cut_extract: ("reconciling and deciding", "members.csv"),
}


@pytest.mark.fault("F1", "F26")
@pytest.mark.control("denial-of-service")
def test_a_partner_that_fails_does_not_stop_the_other(world):
    """Fault after fault of one partner in the same night, with the other's night complete.

    Each fault is in the ledger while it lasts; once the last is mended, the night ends.
    """
    world.send(1)
    run_night(world.house, world.clock(1), [HARBOR])
    sent = "SELECT kind FROM ledger.file WHERE partner_id = :p AND state = 'delivered'"
    assert {kind for (kind,) in world.rows(sent, p=HARBOR)} == {
        *("ta1", "999", "enrollment", "error_report"),
    }
    moment = world.clock(1) + timedelta(minutes=1)
    for fault, (step, expected) in FAULTS.items():
        with fault(world) as house:
            result = run_night(house, moment, [CEDAR])
        (failure,) = result.failures
        assert (failure.partner_id, failure.step) == (CEDAR, step)
        assert expected in failure.sentence
        assert "\n" not in failure.sentence
        assert result.state == "failed"
        rows = world.rows("SELECT partner_id, step, sentence FROM ledger.step_failure")
        assert rows == [(CEDAR, step, failure.sentence)]
    mended = run_night(world.house, moment, [CEDAR])

    assert mended.failures == ()
    assert mended.state != "failed"
    assert world.rows("SELECT * FROM ledger.step_failure") == []


def test_the_command_says_which_partner_failed_and_ends_the_night_later(edi834, world):
    """One line on standard error and exit code 2; the other partner's night is complete."""
    world.send(1)
    environment = world.environment()
    world.write_configuration(cedar_valley_tx={"port": 1})
    failed = edi834("night", "--as-of", AS_OF, "--json", **environment)
    night = json.loads(failed.out)
    world.write_configuration()
    ended = edi834("night", "--as-of", AS_OF, **environment)

    assert failed.code == 2
    assert "Traceback" not in failed.err
    (line,) = failed.failures
    assert line.startswith(f"edi834: {CEDAR}, fetching files: ")
    assert "cannot be reached" in line
    assert night["state"] == "failed"
    assert [(f["partner_id"], f["step"]) for f in night["failures"]] == [(CEDAR, "fetching files")]
    members = [r for r in night["balance"] if (r["partner_id"], r["level"]) == (HARBOR, "members")]
    assert members[0]["accepted"] > 0
    assert ended.code in (0, 1)
    assert ended.failures == []
    assert CEDAR in ended.out
    assert world.rows("SELECT * FROM ledger.step_failure") == []
