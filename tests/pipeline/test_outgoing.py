"""What goes out: held for two persons, released, answered, and unsaid when it is rejected."""

import json
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from pipeline.books import compare_books
from pipeline.night import run_night

CEDAR = "cedar-valley-tx"
_DAYS = 70  # by then every binder that was not paid is overdue


def command(world, *arguments):
    """Exit code, output and error of a real `edi834 outgoing` in this world."""
    return world.edi834("outgoing", *arguments)


def states(world, kind):
    """How many decisions of that kind are in each state."""
    counted = "SELECT state, count(*) FROM book.decision WHERE kind = :kind GROUP BY state"
    return dict(world.rows(counted, kind=kind))


def open_items(world, kind):
    """The policies of the open items of a kind, by `edi834 open-items`."""
    rows = json.loads(world.edi834("open-items", "--json").out)
    return [row["exchange_policy_id"] for row in rows if row["kind"] == kind]


@pytest.fixture(scope="module")
def overdue(tmp_path_factory, new_database_url, open_world):
    """Night 1, its answers, and a night in which many binders are overdue."""
    folder = tmp_path_factory.mktemp("overdue")
    with open_world(folder, new_database_url(), members=240, partner_ids=(CEDAR,)) as world:
        world.send(1)
        world.run(1)
        world.exchange.read_answers(1)
        _one_payment_more(world)
        with one_file_kept_out(world):
            world.run(_DAYS)
        yield world


@contextmanager
def one_file_kept_out(world):
    """As when the check of a file of the exchange has failed: it is nowhere in the book."""
    ((file_id, state),) = world.rows(
        "SELECT file_id, state FROM ledger.file WHERE kind = 'enrollment'"
        " AND direction = 'exchange_to_issuer' ORDER BY file_id LIMIT 1"
    )
    moved = sa.text("UPDATE ledger.file SET state = :state WHERE file_id = :file_id")
    for now in ("received", state):
        with world.house.engine.begin() as conn:
            conn.execute(moved, {"state": now, "file_id": file_id})
        if now != state:
            yield


def _one_payment_more(world):
    """Of somebody unknown: the carrier's records are not stale."""
    path = world.folder / "carrier" / CEDAR / "payments.csv"
    last = path.read_text("utf-8").splitlines()[-1].split(",")
    path.write_text(path.read_text("utf-8") + ",".join(["99999999999", *last[1:]]) + "\n", "utf-8")


def test_what_ends_much_coverage_waits(overdue):
    """It is told with the figures, and nothing of it was sent."""
    assert states(overdue, "cancellation").keys() == {"held"}
    listed = command(overdue, "list", "--json")

    assert listed.code == 1
    held = json.loads(listed.out)
    assert held["state"] == "held"
    assert "policies in force would end" in held["reasons"][0]
    assert held["reasons"][-1].startswith("Files of the exchange that are not in the book: 1.")
    assert len(open_items(overdue, "held")) == held["waiting"]


def test_a_hold_shows_each_policy_now_and_then(overdue):
    """With what it pays: that is what a person decides about."""
    shown = json.loads(command(overdue, "show", 1, "--json").out)

    assert {row["next_status"] for row in shown["decisions"]} == {"cancelled"}
    assert all(row["premium_total"] is not None for row in shown["decisions"])
    text = command(overdue, "show", 1)
    assert "edi834 outgoing release 1" in text.out


@pytest.mark.control("separation")
def test_two_persons_release_what_the_exchange_then_accepts(overdue):
    """It goes out with the next night, is accepted, and both books agree."""
    first = command(overdue, "release", 1, "--by", "Ada First", "--reason", "They never paid.")
    assert (first.code, states(overdue, "cancellation").keys()) == (0, {"held"})
    assert "1 more person" in first.out
    again = command(overdue, "release", 1, "--by", "ada first", "--reason", "They never paid.")
    assert (again.code, again.out) == (2, "")
    command(overdue, "release", 1, "--by", "Ben Second", "--reason", "I looked at each.")

    overdue.run(_DAYS + 1)
    summary = overdue.exchange.read_answers(1)
    run_night(overdue.house, overdue.clock(_DAYS + 2))

    assert states(overdue, "cancellation").keys() == {"sent"}
    assert summary.rejected == ()
    assert compare_books(overdue.house, overdue.exchange.book(), overdue.clock(_DAYS + 3)).agree
    assert command(overdue, "list").code == 0


@pytest.fixture
def world(cedar_after_a_night):
    """After the first night of one partner."""
    return cedar_after_a_night


def as_if_answers_were_lost(world, before=0):
    """Number and name of two files of ours, which the exchange has taken and we do not know.

    As when a process dies after the rename, and the exchange has moved the files away.
    """
    ours = "SELECT file_id, name FROM ledger.file WHERE direction = 'issuer_to_exchange'"
    rows = world.rows(f"{ours} ORDER BY file_id DESC LIMIT 2 OFFSET {before}")[::-1]
    with world.house.engine.begin() as conn:
        for file_id, name in rows:
            written = "UPDATE ledger.file SET state = 'written', delivered_at = NULL"
            conn.execute(sa.text(f"{written} WHERE file_id = {file_id}"))
            (world.inbox(CEDAR) / name).unlink(missing_ok=True)
    return rows


def state_of(world, file_id):
    ((state,),) = world.rows("SELECT state FROM ledger.file WHERE file_id = :f", f=file_id)
    return state


@pytest.mark.fault("F21", "F23")
def test_what_the_exchange_may_have_is_not_sent_again_before_a_person_says_so(overdue):
    """He is told what to ask, and by his word the next night sends it, or takes it as delivered."""
    (one, name), (other, other_name) = as_if_answers_were_lost(overdue)
    result = run_night(overdue.house, overdue.clock(_DAYS + 10))

    assert [failure.step for failure in result.failures] == ["delivering files"]
    assert f"edi834 outgoing lost {one}" in result.failures[0].sentence
    assert {state_of(overdue, file_id) for file_id in (one, other)} == {"written"}
    assert not {name, other_name} & {path.name for path in overdue.inbox(CEDAR).iterdir()}

    said = ("--by", "Ada First", "--reason", "By telephone with the exchange.")
    assert command(overdue, "lost", one, *said).code == 0
    assert command(overdue, "lost", one, *said).code == 2
    assert command(overdue, "arrived", other, *said).code == 0
    result = run_night(overdue.house, overdue.clock(_DAYS + 11))

    assert result.failures == ()
    assert {state_of(overdue, file_id) for file_id in (one, other)} == {"delivered"}
    there = {path.name for path in overdue.inbox(CEDAR).iterdir()}
    assert (name in there, other_name in there) == (True, False)
    by = "SELECT details ->> 'by' FROM ledger.audit_entry WHERE action = 'delivery lost'"
    assert overdue.rows(by) == [("Ada First",)]


@pytest.mark.fault("F22")
def test_a_name_that_is_taken_keeps_back_its_own_file_only(overdue):
    """What was written after it is delivered, and the step says what a person has to do."""
    (taken, name), (later, later_name) = as_if_answers_were_lost(overdue, before=2)
    (overdue.inbox(CEDAR) / name).write_bytes(b"of somebody else")
    (overdue.inbox(CEDAR) / f"{later_name}.part").write_bytes(stored(overdue, later))
    result = run_night(overdue.house, overdue.clock(_DAYS + 12))

    assert [failure.step for failure in result.failures] == ["delivering files"]
    assert name in result.failures[0].sentence
    assert (state_of(overdue, taken), state_of(overdue, later)) == ("written", "delivered")
    assert (overdue.inbox(CEDAR) / later_name).is_file()


@pytest.mark.fault("F1", "F22")
def test_what_the_exchange_does_not_take_keeps_back_its_own_file_only(overdue):
    """A failure at the first name while the line holds: later ones go out, and all is told."""
    (asked, _), _ = as_if_answers_were_lost(overdue, before=6)
    (kept, name), (later, later_name) = as_if_answers_were_lost(overdue, before=4)
    folder = overdue.inbox(CEDAR) / f"{name}.part"
    for file_id in (kept, later):
        assert (
            command(overdue, "lost", file_id, "--by", "Ada First", "--reason", "Asked.").code == 0
        )
    folder.mkdir()
    result = run_night(overdue.house, overdue.clock(_DAYS + 13))

    failed = {failure.step: failure.sentence for failure in result.failures}
    assert f"delivering {name}" in failed["delivering files"]
    assert f"edi834 outgoing lost {asked}" in failed["delivering files"]
    assert (state_of(overdue, kept), state_of(overdue, later)) == ("written", "delivered")
    assert (overdue.inbox(CEDAR) / later_name).is_file()

    folder.rmdir()
    run_night(overdue.house, overdue.clock(_DAYS + 13))
    assert state_of(overdue, kept) == "delivered"


def stored(world, file_id):
    ((key,),) = world.rows("SELECT storage_key FROM ledger.file WHERE file_id = :f", f=file_id)
    with world.house.landing.open(key) as content:
        return content.read()


@pytest.mark.fault("F25")
def test_a_rejected_interchange_is_unsaid_and_sent_again(after_a_night):
    """A TA1 that rejects makes policies initial again; the next night says them once more."""
    world = after_a_night
    confirmed = states(world, "effectuation")["sent"]
    sent = "SELECT name, storage_key FROM ledger.file WHERE kind = 'enrollment' AND partner_id = :p"
    ((_, key),) = world.rows(sent + " AND direction = 'issuer_to_exchange'", p=CEDAR)
    content = (world.house.settings.landing_folder / key).read_text("ascii")
    _put_ta1(world, content, "R")

    world.run(2)

    rejected = states(world, "effectuation")["rejected"]
    assert 0 < rejected < confirmed
    assert states(world, "effectuation")["sent"] == confirmed
    counted = "SELECT count(*) FROM book.policy WHERE known_to = 'infinity' AND status = 'initial'"
    assert world.rows(counted) == world.rows(
        counted + " AND NOT EXISTS (SELECT FROM book.decision d WHERE d.state = 'sent'"
        " AND d.exchange_policy_id = policy.exchange_policy_id)"
    )
    assert open_items(world, "rejected") == []


def _put_ta1(world, content, code):
    """The exchange's TA1 about an interchange of ours, in the partner's outbox."""
    isa = content[:105].split("*")
    number, day, hour = isa[13], isa[9], isa[10]
    header = [*isa[:6], isa[8], isa[7], isa[6], *isa[9:13], "000009999", *isa[14:]]
    text = f"{'*'.join(header)}~TA1*{number}*{day}*{hour}*{code}*000~IEA*0*000009999~"
    name = "OPR.001234567T.TA1.D261202.T200000000.P"
    (world.outbox(CEDAR) / name).write_text(text, "ascii")


def _put_999(world, content, group, last_set, *, is_cut):
    """The exchange's 999: of our group it accepts all but the last set; or it ends before that."""
    isa, gs = content[:105].split("*"), content.split("~")[1].split("*")
    header = [*isa[:6], isa[8], isa[7], isa[6], *isa[9:13], "000008888", *isa[14:]]
    told = (
        *("*".join(header), f"GS*FA*{gs[3]}*{gs[2]}*20261202*2000*8888*X*005010X231A1"),
        *("ST*999*0001*005010X231A1", f"AK1*BE*{group}*005010X220A1"),
        f"AK2*834*{last_set}*005010X220A1",
    )
    rest = ("IK5*R*5", "AK9*P*2*2*1", "SE*5*0001", "GE*1*8888", "IEA*1*000008888")
    name = f"OPR.001234567T.999.D261202.T20000000{0 if is_cut else 1}.P"
    text = "".join(f"{segment}~" for segment in (told if is_cut else (*told, *rest)))
    (world.outbox(CEDAR) / name).write_text(text, "ascii")
    return name


@pytest.mark.fault("F25")
def test_an_answer_that_is_cut_off_is_none(world):
    """The file is set apart, and the whole one that comes then is the first answer."""
    ((key, policy, group, number),) = world.rows(
        "SELECT f.storage_key, d.exchange_policy_id, g.control_number AS group_number,"
        " s.control_number FROM book.decision d"
        " JOIN ledger.file f ON f.file_id = d.sent_file_id"
        " JOIN ledger.transaction_set s ON s.file_id = d.sent_file_id"
        " AND s.set_ordinal = d.set_ordinal"
        " JOIN ledger.functional_group g ON g.file_id = s.file_id"
        " AND g.group_ordinal = s.group_ordinal"
        " WHERE d.partner_id = :p AND d.kind = 'effectuation' ORDER BY d.set_ordinal DESC LIMIT 1",
        p=CEDAR,
    )
    content = (world.house.settings.landing_folder / key).read_text("ascii")
    cut = _put_999(world, content, group, number, is_cut=True)
    whole = _put_999(world, content, group, number, is_cut=False)

    world.run(2)

    assert open_items(world, "rejected") == [policy]
    apart = world.file_named(cut)
    assert (apart.state, world.file_named(whole).state) == ("quarantined", "applied")
    rules = world.rows("SELECT rule FROM ledger.issue WHERE file_id = :f", f=apart.file_id)
    assert rules == [("interchange-trailer-missing",)]
    answers = "SELECT level, code, a.state FROM ledger.answer a WHERE note IS NULL ORDER BY 1"
    assert world.rows(answers) == [("group", "P", "counts"), ("set", "R", "counts")]


@pytest.mark.fault("F23")
def test_an_answer_that_does_not_come_is_an_open_item_until_it_does(world):
    """F23: due at the exchange's drops after the delivery; what is sent stays as it was sent."""
    sent = "SELECT name, state FROM ledger.file WHERE direction = 'issuer_to_exchange' ORDER BY 1"
    before = world.rows(sent)

    def missing():
        items = json.loads(world.edi834("open-items", "--json").out)
        return {item["reason"] for item in items if item["kind"] == "answer-missing"}

    assert missing() == set()
    run_night(world.house, world.clock(5))
    assert missing() == {"TA1 999"}
    assert world.rows(sent) == before

    world.exchange.read_answers(1)
    run_night(world.house, world.clock(6))
    assert missing() == set()


@pytest.mark.fault("F25")
@pytest.mark.parametrize("rejected", [True, False])
def test_a_business_acknowledgement_rejects_or_warns(world, rejected):
    """A reject unsays the transaction and opens an item; a warning changes nothing."""
    ((policy, number),) = world.rows(
        "SELECT d.exchange_policy_id, s.control_number FROM book.decision d"
        " JOIN ledger.transaction_set s ON s.file_id = d.sent_file_id"
        " AND s.set_ordinal = d.set_ordinal"
        " WHERE d.partner_id = :p AND d.kind = 'effectuation' ORDER BY 1 LIMIT 1",
        p=CEDAR,
    )
    _put_baa(world, policy, number, "R" if rejected else "W")

    world.run(2)

    status = (
        "SELECT status FROM book.policy WHERE known_to = 'infinity' AND exchange_policy_id = :p"
    )
    assert world.rows(status, p=policy) == [("initial" if rejected else "effectuated",)]
    assert (policy in open_items(world, "rejected")) is rejected
    if rejected:
        said = (
            "again",
            policy,
            "--partner",
            CEDAR,
            "--by",
            "Ada First",
            "--reason",
            "It is right.",
        )
        assert command(world, *said).code == 0
        world.run(3)
        assert world.rows(status, p=policy) == [("effectuated",)]
        assert command(world, *said).code == 2


def _put_baa(world, policy, number, severity):
    text = (
        "<BusinessApplicationAcknowledgment><TradingPartnerId>001234567T</TradingPartnerId>"
        f"<Transaction><TransactionSetControlNumber>{number}</TransactionSetControlNumber>"
        f"<ExchangeAssignedPolicyId>{policy}</ExchangeAssignedPolicyId>"
        f"<Error><Severity>{severity}</Severity><Element>DTP*348</Element><Code>E046</Code>"
        "<Text>begin</Text></Error></Transaction></BusinessApplicationAcknowledgment>"
    )
    name = "OPR.001234567T.BAA.D261202.T200000000.P"
    (world.outbox(CEDAR) / name).write_text(text, "utf-8")


@pytest.mark.control("malicious-code")
def test_a_business_acknowledgement_with_a_dtd_is_set_apart(world):
    """Nothing of it is read, and it waits for somebody with what is wrong."""
    name = "OPR.001234567T.BAA.D261202.T200000000.P"
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa">]><BusinessApplicationAcknowledgment>&a;</Business>'
    (world.outbox(CEDAR) / name).write_text(bomb, "utf-8")

    world.run(2)

    row = world.file_named(name)
    assert row.state == "quarantined"
    assert row.note
    rules = world.rows("SELECT rule FROM ledger.issue WHERE file_id = :f", f=row.file_id)
    assert rules == [("answer-with-declarations",)]


@pytest.mark.fault("F24")
def test_answers_for_somebody_else_or_to_nothing_of_ours_change_nothing(world):
    """A TA1 and a BAA that name another mailbox are set apart; an unknown number is an item."""
    before = states(world, "effectuation")
    sent = "SELECT storage_key FROM ledger.file WHERE kind = 'enrollment' AND partner_id = :p"
    ((key,),) = world.rows(sent + " AND direction = 'issuer_to_exchange'", p=CEDAR)
    content = (world.house.settings.landing_folder / key).read_text("ascii")
    harbor = content.replace("001234567T     ", "007654321T     ")
    number = content[:105].split("*")[13]
    _put_ta1(world, content.replace(number, "000077777", 1), "R")
    first = world.outbox(CEDAR) / "OPR.001234567T.TA1.D261202.T200000000.P"
    first.rename(first.with_name("OPR.001234567T.TA1.D261202.T200000001.P"))
    _put_ta1(world, harbor, "R")
    policy, set_number = world.rows(
        "SELECT d.exchange_policy_id, s.control_number FROM book.decision d"
        " JOIN ledger.transaction_set s ON s.file_id = d.sent_file_id"
        " AND s.set_ordinal = d.set_ordinal WHERE d.partner_id = :p LIMIT 1",
        p=CEDAR,
    )[0]
    _put_baa(world, policy, set_number, "R")
    baa = world.outbox(CEDAR) / "OPR.001234567T.BAA.D261202.T200000000.P"
    baa.write_text(baa.read_text("utf-8").replace("001234567T", "007654321T"), "utf-8")

    world.run(2)

    assert states(world, "effectuation") == before
    apart = {first.name: "quarantined", baa.name: "quarantined"}
    assert {name: world.file_named(name).state for name in apart} == apart
    items = json.loads(world.edi834("open-items", "--json").out)
    reasons = [item["reason"] for item in items if item["kind"] == "answer"]
    assert reasons == ["unknown-number 000077777"]
