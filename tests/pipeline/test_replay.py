"""A history with all that may happen, worked again: identical, or each change found and named."""

import gzip
import hashlib
import json
import re
import shutil
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from ledger import audit, gates
from pipeline import gate
from pipeline.month import build_rcni
from pipeline.replay import replay
from pipeline.replay_history import Later, read_history
from pipeline.replay_tables import _query
from pipeline.runs import at_work
from pipeline.steps import Steps
from reconciliation.months import release
from schemas.breaks import break_
from schemas.columns import metadata
from schemas.errors import Terminal
from schemas.matches import match
from schemas.partners import load_exchange
from schemas.replay import load_uncompared
from schemas.sign_offs import signed_period
from simulator.monthly import MonthlyExchange, segments_of
from simulator.premiums import Seeds, pay_month
from tests.cases.commands import run_edi834

CEDAR, HARBOR = "cedar-valley-tx", "harbor-light-nc"


@pytest.fixture(scope="module")
def story(tmp_path_factory, new_database_url, open_world):
    """Three nights: one is killed twice, one is held, released and run again, one fails at first.

    The exchange sends faulty, damaged and doubled files all the time, and answers.
    """
    folder = tmp_path_factory.mktemp("replay")
    options = {"members": 280, "mass_ending": 2}
    with open_world(folder, new_database_url(), **options) as world:
        world.send(1)
        killed_twice(world)
        first = world.run(1)
        world.exchange.read_answers(1)
        seen_again(world)
        month = told_month(world)
        world.send(2)
        second = world.run(2)
        world.exchange.read_answers(2)
        answered_month(world, month)
        with world.house.engine.begin() as conn:
            held = [b.batch_id for b in gates.batches(conn) if b.state == "held"]
            decide = ("Ada Second", "ada", "The exchange meant it.")
            gates.decide(conn, held[0], gates.Decision("released", *decide))
            gates.decide(conn, held[1], gates.Decision("refused", *decide))
        world.run(2)
        world.send(3)
        third = failed_and_mended(world)
        yield SimpleNamespace(world=world, first=first, second=second, third=third)


def killed_twice(world):
    """Night 1 stops after a file is checked, then after a batch is formed; more comes meanwhile."""
    outbox = world.outbox(CEDAR)
    late = max(outbox.iterdir())
    held_back = world.folder / late.name
    shutil.move(late, held_back)
    with at_work(world.house, world.clock(1), [CEDAR]) as opened:
        steps = Steps(world.house, opened.run, CEDAR)
        steps.receive()
        steps.check(steps.waiting_files()[0])
    with at_work(world.house, world.clock(1), [CEDAR]) as opened:
        steps = Steps(world.house, opened.run, CEDAR)
        for file_id in steps.waiting_files():
            steps.check(file_id)
        gate.stage_files(world.house, opened.run, CEDAR)
        with world.house.engine.begin() as conn:
            gates.form_batch(conn, CEDAR, opened.run.run_id)
    shutil.move(held_back, late)


def seen_again(world):
    """The exchange leaves a file a second time, under its name."""
    ((name, key),) = world.rows(
        "SELECT name, storage_key FROM ledger.file WHERE partner_id = :p"
        " AND kind = 'enrollment' AND direction = 'exchange_to_issuer'"
        " ORDER BY file_id LIMIT 1",
        p=CEDAR,
    )
    shutil.copy(world.house.settings.landing_folder / key, world.outbox(CEDAR) / name)


def told_month(world):
    """A person writes and releases the monthly file; night 2 sends it. The exchange's own book."""
    house = world.house
    written = build_rcni(house, CEDAR, 2027, world.clock(1), world.folder / "month")
    with house.engine.begin() as conn:
        release(conn, written.month_file_id, "Ada First", "ada", "The month has ended.")
    known = world.exchange.known_to_carrier(CEDAR, 1)
    segments = [one for each in known for one in segments_of(each.policy, 2027)]
    month = MonthlyExchange(("001234567T", "TX0", "91001"), segments)
    month.lose(segments[0].values["exchange_policy_id"])
    return month


def answered_month(world, month):
    """Night 3 finds the answer, a packed copy of it, and a file of payments."""
    (asked,) = world.inbox(CEDAR).parent.rglob("*RCNI7*")
    content = month.answer(asked.read_bytes(), world.clock(3).date())
    outbox = world.outbox(CEDAR)
    (outbox / "OPR.001234567T.RCNO7.D261203.T010000000.P").write_bytes(content)
    (outbox / "OPR.001234567T.RCNO7.D261203.T020000000.P").write_bytes(gzip.compress(content))
    paid = pay_month(
        world.exchange.policies(CEDAR), world.house.partner(CEDAR), load_exchange("ffe"),
        date(2027, 1, 1), fee_rate=Decimal("0.019"), control_number=90820,
        created=world.clock(3), seeds=Seeds(seed=3, short=1),
    )  # fmt: skip
    (outbox / "OPR.001234567T.I820.D261203.T030000000.P").write_bytes(paid.content)


def failed_and_mended(world):
    """Night 3 lacks a carrier's extract at first, and goes through when it is there."""
    members = Path(world.house.settings.carriers[HARBOR].members)
    aside = members.with_suffix(".late")
    members.rename(aside)
    failed = world.run(3)
    assert failed.state == "failed"
    aside.rename(members)
    return world.run(3)


def test_the_history_has_all_that_may_happen(story):
    """Otherwise the tests below say less than they seem to."""
    happened = {(entry.action, entry.object_kind) for entry in entries(story.world)}

    assert {
        ("taken up", "run"), ("seen again", "file"), ("quarantined", "file"), ("held", "batch"),
        ("released", "batch"), ("refused", "batch"), ("duplicate", "file"), ("refused", "file"),
        ("step failed", "run"), ("step went through", "run"), ("decisions sent", "run"),
        ("acknowledged", "file"), ("payments posted", "run"), ("month sent", "month file"),
        ("month loaded", "month file"), ("breaks new", "reconciliation"),
    } <= happened  # fmt: skip
    assert story.third.state != "failed"


def entries(world):
    """All entries of the audit trail."""
    with world.house.engine.connect() as conn:
        return list(audit.entries(conn))


@pytest.mark.control("contingency")
def test_the_whole_history_replays_to_the_same_bytes_and_rows(story):
    """Nothing differs, and of each thing there was some to compare."""
    found = replay(story.world.house)

    assert found.differences == []
    assert found.stopped is None
    assert found.is_identical
    assert found.other_rules == []
    for what in (
        *("files: ta1", "files: 999", "files: enrollment", "files: error_report"),
        *("files: report", "book.policy", "book.member", "book.amount", "book.event_set"),
        *("ledger.disposition", "ledger.issue", "ledger.gate_finding", "ledger.gate_decision"),
        *("files: rcni", "reconciliation.month_file", "reconciliation.month_action"),
        *("reconciliation.premium_payment", "reconciliation.premium_month"),
        *("ledger.sighting", "reconciliation.difference", "entries of the audit trail"),
    ):
        assert found.compared[what] > 0, what


def everything(world):
    """Files of the home and the mailboxes, every row, every database, and the audit trail."""
    databases = world.rows("SELECT datname FROM pg_database ORDER BY 1")
    files = tree(world.house.settings.home, world.folder / "exchange")
    return files, database(world), databases, entries(world)


@pytest.fixture(scope="module")
def replayed(story):
    """What a replay to the end of the second night found; all that there was before and after."""
    before = everything(story.world)
    return replay(story.world.house, story.second.run.run_id), before, everything(story.world)


def test_an_earlier_run_is_compared_as_it_was_then(replayed):
    """What the third night has changed since is no difference; the second was run twice."""
    found, *_ = replayed

    assert found.is_identical, found.differences
    assert found.has_later
    assert found.compared["book.policy"] > 0
    assert found.runs == 3


def test_a_replay_changes_nothing_but_for_its_note(story, replayed):
    """Only the trail has more."""
    _, (*before, trail), (*after, longer) = replayed

    assert after == before
    assert [(e.action, e.object_kind, e.object_id) for e in longer[len(trail) :]] == [
        ("replayed", "run", story.second.run.run_id)
    ]
    assert json.loads(longer[-1].details) == {"outcome": "identical", "differences": 0}


def tree(*folders):
    """Every file with its hash and the time of its last change."""
    return {
        path: (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file()
    }


def database(world):
    """Each table's rows as one hash, but for the audit trail's."""
    tables = [t for t in metadata.sorted_tables if not t.name.startswith("audit")]
    return {
        table.fullname: world.rows(
            f"SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {table} t"
        )
        for table in tables
    }


@pytest.mark.fault("F11")
@pytest.mark.control("integrity")
def test_a_changed_byte_of_a_received_file_is_named(story):
    """The landing zone says that its content no longer has its hash; nothing is replayed."""
    name, path = stored(story.world, "kind = 'enrollment' AND verdict = 'accepted'")

    with altered_file(path), pytest.raises(Terminal) as caught:
        replay(story.world.house)

    assert name in str(caught.value)
    assert "is damaged: its content no longer has that hash" in str(caught.value)


def test_a_changed_byte_of_what_was_read_of_the_carrier_is_named(story):
    """By run and partner."""
    world = story.world
    ((run_id, key),) = world.rows(
        "SELECT run_id, payments_key FROM ledger.carrier_reading WHERE partner_id = :p"
        " ORDER BY reading_id LIMIT 1",
        p=HARBOR,
    )
    told = f"The carrier's records that run {run_id} has read for {HARBOR}: Stored file"

    path = world.house.settings.landing_folder / key
    with altered_file(path), pytest.raises(Terminal, match=told):
        replay(world.house)


def test_a_trail_that_is_not_whole_is_not_followed(story):
    """The altered entry is named, and what to do."""
    world = story.world
    alter = "UPDATE ledger.audit_entry SET actor = '{}' WHERE ordinal = 7"
    ((actor,),) = world.rows("SELECT actor FROM ledger.audit_entry WHERE ordinal = 7")
    unguarded = "ALTER TABLE ledger.audit_entry {} TRIGGER audit_refuse"
    execute(world, unguarded.format("DISABLE"), alter.format("somebody"))

    with pytest.raises(Terminal, match=r"The audit trail is not whole: entry 7 of .* was altered"):
        replay(world.house)

    execute(world, alter.format(actor), unguarded.format("ENABLE ALWAYS"))


def stored(world, condition):
    """Name and path of the first file of the ledger of which the condition holds."""
    ((name, key),) = world.rows(
        f"SELECT name, storage_key FROM ledger.file WHERE {condition} ORDER BY file_id LIMIT 1"
    )
    return name, world.house.settings.landing_folder / key


@contextmanager
def altered_file(path):
    """A file of which one byte in the middle is another one."""
    content = path.read_bytes()
    middle = len(content) // 2
    path.write_bytes(content[:middle] + b"?" + content[middle + 1 :])
    try:
        yield middle
    finally:
        path.write_bytes(content)


@pytest.fixture(scope="module")
def altered(story):
    """What the command says once a sent file has another byte, a person another name, and an
    amount is gone from the book.
    """
    world = story.world
    name, path = stored(world, "kind = 'enrollment' AND direction = 'issuer_to_exchange'")
    ((policy, member, last_name),) = world.rows(
        "SELECT exchange_policy_id, exchange_member_id, last_name FROM book.member"
        " WHERE known_from = :first ORDER BY 1, 2 LIMIT 1",
        first=world.clock(1),
    )
    rename = (
        f"UPDATE book.member SET last_name = '{{}}' WHERE exchange_policy_id = '{policy}'"
        f" AND exchange_member_id = '{member}' AND known_from = '{world.clock(1)}'"
    )
    gone = f"FROM book.amount WHERE exchange_policy_id = '{policy}' AND name = 'TOT RES AMT'"
    with altered_file(path) as place:
        execute(
            world,
            rename.format("Zzyzx"),
            f"CREATE TABLE aside AS SELECT * {gone}",
            f"DELETE {gone}",
        )
        told = command(world, story.first.run.run_id)
    execute(
        world,
        rename.format(last_name),
        "INSERT INTO book.amount SELECT * FROM aside",
        "DROP TABLE aside",
    )
    return SimpleNamespace(
        told=told,
        sentences=[line.strip() for line in told.out.splitlines() if line.startswith("  ")],
        name=name,
        place=place,
        policy=policy,
        member=member,
        values=(last_name, "Zzyzx"),
    )


def execute(world, *statements):
    """Somebody changes the database by hand."""
    with world.house.engine.begin() as conn:
        for statement in statements:
            conn.execute(sa.text(statement))


def test_a_changed_byte_of_a_sent_file_is_named(altered):
    """File, byte and segment; and that the replay has what was sent."""
    (sentence,) = [one for one in altered.sentences if altered.name in one]

    assert f"at byte {altered.place:,}, segment " in sentence
    assert re.search(r"segment [0-9,]+ \([A-Z0-9]{2,3}\)", sentence)
    assert "The replay has the bytes that were sent" in sentence


def test_a_changed_row_of_the_book_is_named_without_its_value(altered):
    """Table, policy, member and column."""
    (sentence,) = [one for one in altered.sentences if one.startswith("book.member: ")]

    assert f"exchange_policy_id {altered.policy}" in sentence
    assert f"exchange_member_id {altered.member}" in sentence
    assert sentence.endswith("otherwise in last_name")
    assert not any(value in sentence for value in altered.values)


def test_a_row_that_was_taken_out_of_the_book_is_named(altered):
    """Policy and amount are; the row is in the replay only."""
    (sentence,) = [one for one in altered.sentences if one.startswith("book.amount: ")]

    assert f"exchange_policy_id {altered.policy}" in sentence
    assert sentence.endswith("only in the replay")


def test_the_command_ends_with_1_when_something_differs(altered):
    """Three things do, and the rules and the program are the same."""
    differing = [one for one in altered.sentences if not re.match(r"[0-9,]+ ", one)]

    assert altered.told.code == 1, altered.told.err
    assert len([one for one in differing if "runs have changed" not in one]) == 4
    assert altered.told.out.splitlines()[-1] == "differs"
    assert "Rules and program are those of then" in altered.told.out
    assert re.search(r"[0-9]+ files: 999", altered.told.out)


@pytest.mark.control("configuration")
def test_another_rule_is_named_with_its_digest_and_what_follows_from_it(story, tmp_path):
    """A plan that the partner does not have any more: other answers, another book, and why."""
    world = story.world
    folder = partners_without_a_plan(tmp_path)
    settings = world.house.settings.model_copy(update={"partners": folder})
    house = replace(world.house, settings=settings)
    found = replay(house, story.first.run.run_id)

    assert any("(999 for file" in one and "differs from what" in one for one in found.differences)
    assert any(one.startswith("ledger.disposition: ") for one in found.differences)
    assert any(one.startswith("book.policy: ") for one in found.differences)
    (cause,) = found.other_rules
    then, now = (one.rules.parts["partners"] for one in (world.house, house))
    assert f"other partners ({then[:12]}, now {now[:12]})" in cause


def test_work_that_cannot_be_done_again_is_named_and_ends_the_replay(story, tmp_path):
    """Of a partner that there is not any more: the entry, and what to do."""
    world = story.world
    folder = partners_without_a_plan(tmp_path)
    (folder / f"{CEDAR}.toml").unlink()
    settings = world.house.settings.model_copy(update={"partners": folder})
    found = replay(replace(world.house, settings=settings), story.first.run.run_id)

    assert not found.is_identical
    assert re.match(r"entry [0-9]+ of the audit trail \('received' of file 1\)", found.stopped)
    assert CEDAR in found.stopped


def partners_without_a_plan(tmp_path):
    """A copy of the program's partners, in which a plan has another id."""
    folder = tmp_path / "partners"
    shutil.copytree(Path(__file__).parents[2] / "schemas" / "partners", folder)
    path = folder / f"{CEDAR}.toml"
    path.write_text(path.read_text().replace("91001TX0010002", "91001TX0010009"))
    return folder


def command(world, *arguments, **environment):
    """Exit code, output and error of a real `edi834 replay` in this world."""
    environment = world.environment(**environment)
    return run_edi834(world.folder, ("replay", *arguments), environment)


def test_a_run_that_never_was_cannot_be_replayed(story):
    """One line, with what to do."""
    with pytest.raises(Terminal, match=r"There is no run 99\. `edi834 audit list` names them\."):
        replay(story.world.house, 99)


def test_before_the_first_night_there_is_nothing_to_replay(new_database_url):
    engine = sa.create_engine(new_database_url(), poolclass=sa.NullPool)
    with engine.connect() as conn, pytest.raises(Terminal, match="no run yet"):
        read_history(conn, None)


def test_a_role_that_may_not_create_databases_is_told_what_to_do(story):
    """One line, exit code 2, and nothing is left behind."""
    world = story.world
    schemas = ("ledger", "book", "reconciliation", "public")
    execute(
        world,
        "CREATE ROLE reader LOGIN",
        *(f"GRANT USAGE ON SCHEMA {schema} TO reader" for schema in schemas),
        *(f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO reader" for schema in schemas),
    )
    url = world.house.engine.url.set(username="reader", password=None)
    before = world.rows("SELECT datname FROM pg_database ORDER BY 1")

    told = command(world, EDI834_DATABASE_URL=url.render_as_string(hide_password=False))

    assert told.code == 2
    assert "A replay needs a role that may create databases" in told.err
    assert world.rows("SELECT datname FROM pg_database ORDER BY 1") == before


@pytest.mark.control("contingency")
def test_a_kept_replay_is_a_rebuilt_book_and_a_killed_one_is_dropped_by_the_next(story):
    """Its database has the book, its folder what was sent; a left-over one of a killed is gone."""
    world = story.world
    left = f"{world.house.engine.url.database}_replay_0badcafe"
    folder_of_left = world.house.settings.home / "replay.0badcafe"
    with world.house.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.exec_driver_sql(f'CREATE DATABASE "{left}"')
    folder_of_left.mkdir()

    found = replay(world.house, story.first.run.run_id, keep=True)

    name, folder = found.kept
    engine = sa.create_engine(world.house.engine.url.set(database=name))
    with engine.connect() as conn:
        policies = conn.execute(sa.text("SELECT count(*) FROM book.policy")).scalar_one()
    engine.dispose()
    assert policies == found.compared["book.policy"] > 0
    assert any((Path(folder) / "landing").rglob("*"))
    assert not world.rows("SELECT 1 FROM pg_database WHERE datname = :name", name=left)
    assert not folder_of_left.exists()
    with world.house.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.exec_driver_sql(f'DROP DATABASE "{name}"')
    shutil.rmtree(folder)


def test_all_that_is_left_out_is_there_and_every_other_column_has_a_name_in_common():
    """`schemas/replay.toml` names tables and columns that exist; the others can all be compared."""
    assert {break_.metadata, match.metadata, signed_period.metadata} == {metadata}
    uncompared = load_uncompared()
    left_out = {row.table for row in uncompared.tables}

    assert left_out <= metadata.tables.keys()
    for row in uncompared.columns:
        assert row.column in metadata.tables[row.table].columns
    for table in metadata.sorted_tables:
        if table.fullname not in left_out:
            assert _query(table, Later(), datetime(2026, 12, 2, tzinfo=UTC)) is not None
