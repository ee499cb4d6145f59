"""The carrier's records in a night: empty, shrunk, stale, or changing while they are read."""

from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import pipeline.carrier
from enrollment.snapshot import book_snapshot
from pipeline.night import run_night
from pipeline.replay import replay
from schemas.records import BOOK_MEMBERS, CARRIER_MEMBERS

CEDAR, HARBOR = "cedar-valley-tx", "harbor-light-nc"


@pytest.mark.fault("F26")
def test_a_carrier_without_members_agrees_with_an_empty_book_only(world):
    """Before the first enrollment nobody is on record; after it, such an extract is a wrong one."""
    world.write_carrier_records(1)
    extracts = {name: world.folder / "carrier" / name / "members.csv" for name in (CEDAR, HARBOR)}
    assert all(len(path.read_text().splitlines()) == 1 for path in extracts.values())
    assert world.run(1).state == "balanced"

    world.exchange.send(1)
    result = world.run(2)

    assert result.state == "failed"
    for failure in result.failures:
        with world.house.engine.connect() as conn:
            members = book_snapshot(conn, failure.partner_id, world.clock(2)).num_rows
        assert failure.step == "reconciling and deciding"
        assert f"{extracts[failure.partner_id]} holds no member record" in failure.sentence
        assert f"all {members} members of the book" in failure.sentence
    assert {failure.partner_id for failure in result.failures} == {CEDAR, HARBOR}
    assert not world.rows("SELECT 1 FROM ledger.file WHERE kind = 'effectuation'")


def cut(path, rows):
    """The extract with its header and so many rows; what it was before."""
    whole = path.read_text()
    path.write_text("".join(whole.splitlines(keepends=True)[: rows + 1]))
    return whole


def rows_of(path):
    """How many data rows an extract has."""
    return len(path.read_text().splitlines()) - 1


def read_in(world, night):
    """What the run of that night has kept of the carriers, a row a reading."""
    return world.rows(
        "SELECT partner_id, members_rows, payments_rows, requests_rows, unchanged_since, is_stale"
        " FROM ledger.carrier_reading JOIN ledger.run USING (run_id) WHERE as_of = :clock"
        " ORDER BY reading_id",
        clock=world.clock(night),
    )


@pytest.mark.fault("F26")
@pytest.mark.parametrize("name", ["members", "payments"])
def test_records_that_have_shrunk_are_refused_until_a_person_says_that_they_are_true(
    after_a_night, edi834, name
):
    """Nobody is missing, nothing is decided, until they are whole or somebody takes them as true.

    What he says holds for the next reading alone.
    """
    world = after_a_night
    path = world.folder / "carrier" / CEDAR / f"{name}.csv"
    then = rows_of(path)
    now = (then - 1) // 2
    decided = "SELECT count(*), max(decision_id) FROM book.decision WHERE partner_id = :p"
    before = world.rows(decided, p=CEDAR)
    cut(path, now)
    refused = world.run(2)
    assert world.rows(decided, p=CEDAR) == before
    told = world.rows(
        "SELECT partner_id FROM reconciliation.result NATURAL JOIN ledger.run WHERE as_of = :clock",
        clock=world.clock(2),
    )
    nameless = edi834(
        "carrier", "accept", CEDAR, "--by", " ", "--reason", "x", **world.environment()
    )
    why = "Half of the groups have left."
    said = edi834("carrier", "accept", CEDAR, "--by", "Ada", "--reason", why, **world.environment())
    accepted = world.run(2)
    cut(path, now // 2 - 1)
    again = world.run(3)

    (failure,) = refused.failures
    assert (failure.partner_id, failure.step) == (CEDAR, "reconciling and deciding")
    assert f"{path} holds {now} " in failure.sentence
    assert f"and run 1 has read {then}. " in failure.sentence
    assert f"edi834 carrier accept {CEDAR} --by NAME --reason TEXT" in failure.sentence
    assert told == [(HARBOR,)]
    assert nameless.failures == [
        "edi834: To accept records needs a person and a reason. Give --by and --reason."
    ]
    assert said.code == 0
    assert f" of {CEDAR} are accepted. The next `edi834 night` judges by that, once." in said.out
    assert accepted.failures == ()
    assert [row[0] for row in read_in(world, 2)] == [HARBOR, CEDAR, HARBOR]
    assert [failure.sentence.partition(", and ")[2][:14] for failure in again.failures] == [
        "run 2 has read"
    ]
    assert world.rows("SELECT accepted_by, reason, used_in_run FROM ledger.carrier_acceptance") == [
        ("Ada", why, accepted.run.run_id)
    ]
    (entry,) = world.rows(
        "SELECT actor, object_kind FROM ledger.audit_entry"
        " WHERE action = 'carrier records accepted'"
    )
    assert entry == ("Ada", "acceptance")
    told = edi834("audit", "list", "--object", "acceptance:1", **world.environment())
    assert "acceptance used" in told.out


def test_accepted_records_are_no_leave_for_fewer(cedar_after_a_night, edi834):
    """What was accepted was counted: the next reading may not hold half of that."""
    world = cedar_after_a_night
    path = world.folder / "carrier" / CEDAR / "members.csv"
    half = rows_of(path) // 2 - 1
    cut(path, half)
    edi834("carrier", "accept", CEDAR, "--by", "Ada", "--reason", "So.", **world.environment())
    cut(path, half // 2 - 1)
    (failure,) = world.run(2).failures

    assert f"and Ada has accepted {half}." in failure.sentence
    assert world.rows("SELECT used_in_run FROM ledger.carrier_acceptance") == [(None,)]


@pytest.mark.fault("F26")
def test_records_that_do_not_change_for_long_are_stale(after_a_night, edi834):
    """Until there is something new in them, or a person has said that they are true."""
    world = after_a_night
    results = {night: world.run(night) for night in (4, 5)}
    clock = world.clock(1)
    ended = edi834("night", "--as-of", world.clock(6).isoformat(), **world.environment())
    edi834(
        "carrier",
        "accept",
        CEDAR,
        "--by",
        "Ada",
        "--reason",
        "A quiet week.",
        **world.environment(),
    )
    payments = world.folder / "carrier" / HARBOR / "payments.csv"
    cut(payments, rows_of(payments) - 1)
    fresh = world.run(7)

    assert [row[-2:] for row in read_in(world, 4)] == [(clock, False)] * 2  # three days
    assert [row[-2:] for row in read_in(world, 5)] == [(clock, True)] * 2
    assert [r.partner_id for r in results[5].stale] == [CEDAR, HARBOR]
    assert results[5].state == "balanced_with_open_items"
    assert results[4].stale == fresh.stale == ()
    assert f"Stale: the carrier's records of {HARBOR} are those of 2026-12-02 00:00" in ended.out
    assert ended.code == 1
    assert [row[-2:] for row in read_in(world, 7)] == [(world.clock(7), False)] * 2


def move_house(world, number):
    """Somebody's street is another one: members.csv is a new one, payments.csv is not."""
    path = world.folder / "carrier" / CEDAR / "members.csv"
    header, first, *others = path.read_text().splitlines(keepends=True)
    cells = first.split(",")
    cells[header.split(",").index("ADDR_1")] = f"{number} ELM ST"
    path.write_text("".join([header, ",".join(cells), *others]))


def rules_decided(world):
    """The rules by which something was decided in the last run, and in which state it is."""
    return world.rows(
        "SELECT DISTINCT rule, state FROM book.decision WHERE run_id = (SELECT max(run_id)"
        " FROM ledger.run) ORDER BY rule"
    )


@pytest.mark.fault("F26")
def test_payments_that_stand_still_beside_new_members_end_nobody(cedar_after_a_night, edi834):
    """The carrier's job of payments has failed: those that are missing may have come."""
    world = cedar_after_a_night
    results = {}
    for night in (4, 65):  # three days after, and after the deadline of all binders
        move_house(world, night)
        results[night] = world.run(night)
    decided = rules_decided(world)
    told = edi834("night", "--as-of", world.clock(65).isoformat(), **world.environment())
    accepted = edi834(
        *("carrier", "accept", CEDAR, "--by", "Ada", "--reason", "Nobody has paid."),
        **world.environment(),
    )
    fresh = world.run(66)

    assert results[4].stale == ()
    (reading,) = results[65].stale
    assert (reading.unchanged_since, reading.is_stale) == (world.clock(65), False)
    assert (reading.payments_since, reading.payments_are_stale) == (world.clock(1), True)
    assert results[65].state == "balanced_with_open_items"
    assert decided == []
    assert results[65].held == ()
    assert f"Stale: the carrier's payments of {CEDAR} are those of 2026-12-02 00:00" in told.out
    assert "Nobody's coverage ends for want of one." in told.out
    assert accepted.code == 0
    assert fresh.stale == ()
    assert "binder-unpaid" in {rule for rule, _ in rules_decided(world)}
    assert replay(world.house).is_identical


def test_a_carrier_of_few_may_go_without_a_payment_for_longer(cedar_after_a_night):
    """Its own bound of days for the payments, beside that of all records."""
    world = cedar_after_a_night
    settings = world.house.settings
    patient = settings.carriers[CEDAR].model_copy(update={"payments_stale_after_days": 64})
    carriers = {CEDAR: patient}
    house = replace(world.house, settings=settings.model_copy(update={"carriers": carriers}))
    move_house(world, 65)
    result = run_night(house, world.clock(65))

    assert result.stale == ()
    assert "binder-unpaid" in {rule for rule, _ in rules_decided(world)}


@pytest.mark.fault("F27")
def test_extracts_that_change_while_they_are_read_are_not_used(cedar_world, monkeypatch):
    """Members of one hour and payments of the next: nothing of either is kept."""
    world = cedar_world
    world.send(1)
    path = world.folder / "carrier" / CEDAR / "members.csv"
    read_payments = pipeline.carrier.read_payments

    def deliver_meanwhile(source, partner):
        path.write_text(path.read_text())
        return read_payments(source, partner)

    with monkeypatch.context() as patched:
        patched.setattr(pipeline.carrier, "read_payments", deliver_meanwhile)
        result = run_night(world.house, world.clock(1), [CEDAR])
    kept = read_in(world, 1)
    mended = run_night(world.house, world.clock(1), [CEDAR])

    (failure,) = result.failures
    assert f"{path} was changed while it was read" in failure.sentence
    assert kept == []
    assert mended.failures == ()
    assert len(read_in(world, 1)) == 1


def with_requests(world, content):
    """The house of cedar's carrier with requests in an extract of this content."""
    path = world.folder / "carrier" / CEDAR / "requests.csv"
    path.write_text("POLICY_NO,REQUEST_CD,REASON_CD,LAST_DAY_DT,REQUEST_DT\n" + content)
    settings = world.house.settings
    carrier = settings.carriers[CEDAR].model_copy(update={"requests": str(path)})
    carriers = settings.carriers | {CEDAR: carrier}
    return replace(world.house, settings=settings.model_copy(update={"carriers": carriers}))


def test_requests_of_the_carrier_are_kept_for_a_replay(world):
    """One is read and kept; a carrier that has no such extract asks for nothing."""
    world.send(1)
    house = with_requests(world, "8801,cancel,CANCEL-FLC,,2026-12-01\n")
    run_night(house, world.clock(1))
    ((key,),) = world.rows(
        "SELECT requests_key FROM ledger.carrier_reading WHERE partner_id = :p", p=CEDAR
    )

    assert {(row[0], row[3]) for row in read_in(world, 1)} == {(CEDAR, 1), (HARBOR, 0)}
    (kept,) = pq.read_table(house.settings.landing_folder / key).to_pylist()
    assert (kept["exchange_policy_id"], kept["request"]) == ("8801", "cancel")
    assert replay(house).is_identical


def test_a_snapshot_that_cannot_be_used_is_told_in_one_line(tmp_path, edi834):
    """Exit code 2, one sentence on standard error, and nothing on standard output or in the folder.

    A book in which nobody is enrolled makes a break of whomever the carrier has.
    """
    for name, schema in (("book", BOOK_MEMBERS), ("carrier", CARRIER_MEMBERS)):
        row = {"exchange_policy_id": "8801", "exchange_member_id": "1"}
        rows = [row] if name == "carrier" else []
        (tmp_path / name).mkdir()
        pq.write_table(pa.Table.from_pylist(rows, schema), tmp_path / name / "members.parquet")
    asked = [f"--{name}={tmp_path / name}" for name in ("book", "carrier", "out")]
    told = edi834("reconcile", *asked, "--json")

    assert (told.code, told.out) == (2, "")
    assert f"{tmp_path / 'book'} holds no member, and the other side holds 1" in told.err
    assert not (tmp_path / "out").exists()
