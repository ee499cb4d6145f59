"""`edi834 book`: what is believed of a policy, for which dates, since when, and who told us."""

import json
import re
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from enrollment.believed import PolicyKey
from ledger import audit
from ledger.server import open_engine, upgrade
from pipeline.book_answer import Answer, Question
from pipeline.book_picture import BLOCKS, PLAIN, picture
from pipeline.book_report import Report
from schemas.partners import load_exchange
from tests.enrollment.conftest import PARTNER, Carrier, Say, TransactionSet

NIGHTS = [datetime.fromisoformat(f"2026-12-0{day}T06:00:00+00:00") for day in range(1, 7)]
TODAY = date(2027, 4, 10)
APRIL, JULY = date(2027, 4, 1), date(2027, 7, 1)
SECRETS = ("SAMPLE", "PERSON", "1990-05-17", "900121234", "5125550100", "AUSTIN", "BROKER, BO")


def with_codes(said, maintenance_type, reason, additional):
    """The set with the combination by which this exchange says it."""
    codes = {
        "maintenance_type": maintenance_type,
        "maintenance_reason": reason,
        "additional_maintenance_reason": additional,
    }
    people = [replace(person, member=person.member | codes) for person in said.people]
    return TransactionSet(people, said.header)


def with_bytes(said):
    """The set with ends of its INS segments, as a parser would find them."""
    people = [replace(one, member=one.member | {"byte_end": 1834}) for one in said.people]
    return TransactionSet(people, said.header)


def premium(amount, first_day, more=()):
    """A change of the premium as DC Health Link says it."""
    said = Say.change("P1", "S1", amounts=[("PRE AMT TOT", amount, first_day)])
    changed = with_codes(said, "001", "EC", "CHANGE")
    return TransactionSet([*changed.people, *more], changed.header)


def enrolled():
    """S1 and D1, with everything that says who they are."""
    said = Say.at(
        "2026112008000000",
        Say.enrollment("P1", "S1", "D1", ssn="900121234", phone="5125550100", premium="412.50"),
    )
    header = said.header | {"broker_name": "BROKER, BO", "broker_id": "13545507"}
    return TransactionSet(said.people, header)


def nights():
    """What comes night by night: the story of P1, and what belongs to others."""
    unknown = Say.unchanged("P1", "S1", "D9")
    stranger = replace(
        unknown,
        member=unknown.member
        | {"maintenance_reason": "EC", "additional_maintenance_reason": "CHANGE"},
    )
    ending = Say.termination("P1", "S1", date(2027, 6, 30))
    returning = Say.change("P1", "S1")
    return [
        [
            enrolled(),
            Say.enrollment("P2", "S1", begin=APRIL),
            Say.enrollment("P3", "S3", "S1"),
            Say.at("2026112010000000", Say.enrollment("P5", "S5")),
        ],
        [Say.at("2026112208000000", premium("398.10", JULY))],
        # A retransmission from before it, the enrollment once more, and somebody nobody knows.
        [
            Say.at("2026112108000000", premium("405.00", APRIL)),
            enrolled(),
            Say.at("2026112308000000", premium("1.00", JULY, [stranger])),
            Say.at("2026112008000000", Say.enrollment("P5", "S5", premium="320.00")),
            Say.at("2026112309000000", with_codes(Say.change("P7", "S7"), "001", "EC", "CHANGE")),
        ],
        [Say.at("2026112408000000", with_codes(ending, "024", "59", None))],
        [Say.at("2026112508000000", with_codes(returning, "025", None, None))],
    ]


@pytest.fixture(scope="module")
def story(new_database_url):
    """The URL of a database in which the nights have been played."""
    url = new_database_url()
    engine = open_engine(url)
    upgrade(engine)
    with engine.begin() as conn:
        carrier = Carrier(conn, NIGHTS[0])
        carrier.exchange = load_exchange("dc-health-link")
        for night, sets in zip(NIGHTS, nights(), strict=False):
            if night != NIGHTS[0]:
                carrier.begins_night(night)
            late = {"function_code": "I834RT"} if night == NIGHTS[2] else {}
            carrier.receives(*map(with_bytes, sets), named_at=night.replace(tzinfo=None), **late)
            carrier.applies()
    engine.dispose()
    return url


@pytest.fixture
def ask(story, edi834):
    """Asks by the real command."""

    def run(*arguments, **environment):
        return edi834(
            "book", *arguments, EDI834_DATABASE_URL=story, EDI834_OPERATOR="auditor", **environment
        )

    return run


@pytest.fixture
def asked(story):
    """Answers a question about P1, with a clock of the test's own."""
    engine = open_engine(story)
    with engine.connect() as conn:
        yield lambda **more: Answer.to(conn, Question(PolicyKey("P1", PARTNER), TODAY, **more))
    engine.dispose()


@pytest.mark.parametrize(
    ("night", "day", "status", "owed", "covered"),
    [
        (1, "2027-03-15", "initial", "412.50", 2),
        (1, "2027-08-15", "initial", "412.50", 2),
        (3, "2027-03-15", "initial", "412.50", 2),
        (3, "2027-08-15", "initial", "398.10", 2),
        (4, "2027-05-15", "terminated", "405.00", 2),
        (4, "2027-08-15", "terminated", None, 0),
        (5, "2027-08-15", "initial", "398.10", 2),
    ],
)
def test_what_was_believed_then_about_a_day(ask, night, day, status, owed, covered):
    """At each known time, for each day: what had been told by then, even where it was wrong."""
    known_at = NIGHTS[night - 1].isoformat()
    told = ask("P1", "--valid-on", day, "--known-at", known_at, "--json")
    answer = json.loads(told.out)

    assert (told.code, told.err) == (0, "")
    assert answer["believed"]["status"] == status
    amounts = [row["amount"] for row in answer["amounts"] if row["name"] == "PRE AMT TOT"]
    assert amounts == [owed] * (owed is not None)
    assert len(answer["coverages"]) == covered


ENDED = """\
Policy P1 of cedar-valley-tx
As believed at 2026-12-04 06:00:00 UTC, for 2027-03-15

  status        terminated
  coverage      2027-01-01 to 2027-06-30
  plan          91001TX001000101, HLT
  subscriber    S1
  effectuation  none: it ended before the first payment came
  waits         5: told, and not in the book
  known since   2026-12-04 06:00, told by 6

                 2027
                 Jan  Feb  Mar  Apr  May  Jun  Jul  Aug  Sep  Oct  Nov  Dec
                             ▼   ◆
S1 subscriber    ██████████████████████████████░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░
D1 dependent     ██████████████████████████████░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░
APTC AMT         ├100.00───────────────────────░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░
PRE AMT 1        ├412.50───────────────────────░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░
PRE AMT TOT      ├412.50────────├405.00────────░398.10░░░░░░░░░░░░░░░░░░░░░░░
TOT RES AMT      ├312.50───────────────────────░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░
PRE AMT 1 D1     ├412.50───────────────────────░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░
waits            ?5

The policy, as believed since (UTC)
2026-12-01 06:00 █ initial, by 1 ███████████████████████████████████████████►
2026-12-02 06:00 █ initial, by 4 ███████████████████████████████████████████►
2026-12-03 06:00 █ initial, by 3 ███████████████████████████████████████████►
2026-12-04 06:00 █ terminated, by 6 ███████████

█ ─ in effect   ░ told, but not in effect   ► goes on   ?n set n waits
◆ today, 2027-04-10   ▼ asked about, 2027-03-15

What is believed, told by which set [n], known since when (UTC)
  S1 subscriber, ▒▒▒▒, born ▒▒▒▒, gender ▒▒▒▒, SSN ▒▒▒▒, phone ▒▒▒▒
                                                            [1] 2026-12-01 06:00
  D1 dependent, ▒▒▒▒, born ▒▒▒▒, gender ▒▒▒▒, SSN ▒▒▒▒, phone ▒▒▒▒
                                                            [1] 2026-12-01 06:00
  S1 covered 2027-01-01 to 2027-06-30*, 91001TX001000101    [1] 2026-12-01 06:00
  D1 covered 2027-01-01 to 2027-06-30*, 91001TX001000101    [1] 2026-12-01 06:00
  S1 APTC AMT 100.00 2027-01-01 to 2027-06-30*              [1] 2026-12-01 06:00
  S1 PRE AMT 1 412.50 2027-01-01 to 2027-06-30*             [1] 2026-12-01 06:00
  S1 PRE AMT TOT 412.50 2027-01-01 to 2027-03-31            [1] 2026-12-03 06:00
  S1 TOT RES AMT 312.50 2027-01-01 to 2027-06-30*           [1] 2026-12-01 06:00
  D1 PRE AMT 1 412.50 2027-01-01 to 2027-06-30*             [1] 2026-12-01 06:00
  S1 residence ▒▒▒▒ from 2027-01-01 on                      [1] 2026-12-01 06:00
  D1 residence ▒▒▒▒ from 2027-01-01 on                      [1] 2026-12-01 06:00
  broker 13545507 ▒▒▒▒ from 2027-01-01 on                   [1] 2026-12-01 06:00
  * told for more days; cut to those on which the policy is in force

What was told, in the order in which it counts
  1  initial enrollment, said 2026-11-20 08:00:00, applied in run 1 of
     2026-12-01 06:00
     OPR.001234567T.I834.D261201.T060000000.P, set 1, bytes 100-1834
     enrolls 2 members in 91001TX001000101 from 2027-01-01; APTC AMT 100.00, PRE
     AMT 1 412.50, PRE AMT TOT 412.50, TOT RES AMT 312.50 from 2027-01-01
  2  initial enrollment, said 2026-11-20 08:00:00, duplicate in run 3 of
     2026-12-03 06:00
     OPR.001234567T.I834RT.D261203.T060000000.P, set 2, bytes 200-1834
     changed nothing: says what 1 says
  3  change, said 2026-11-21 08:00:00, applied in run 3 of 2026-12-03 06:00
     OPR.001234567T.I834RT.D261203.T060000000.P, set 1, bytes 100-1834
     PRE AMT TOT 412.50 → 405.00 from 2027-04-01
  4  change, said 2026-11-22 08:00:00, applied in run 2 of 2026-12-02 06:00
     OPR.001234567T.I834.D261202.T060000000.P, set 1, bytes 100-1834
     PRE AMT TOT 405.00 → 398.10 from 2027-07-01
  5  change, said 2026-11-23 08:00:00, WAITS since run 3 of 2026-12-03 06:00
     OPR.001234567T.I834RT.D261203.T060000000.P, set 3, bytes 400-1834
     changed nothing yet: unknown-member. A change names a member whom nobody
     has added to the policy; it waits for the addition. Not on the policy: D9.
     Wait for the next file; if the addition does not come, ask the exchange for
     it.
  6  termination, said 2026-11-24 08:00:00, applied in run 4 of 2026-12-04 06:00
     OPR.001234567T.I834.D261204.T060000000.P, set 1, bytes 100-1834
     end of the policy none → 2027-06-30

To see the bytes of 6:
"""


def report(answer, width=80, signs=BLOCKS):
    """The lines of the report, and the last one: the command that shows the bytes."""
    *lines, command = Report(answer, Path("landing"), width, signs).lines()
    return lines, command


def test_an_ended_policy_is_told_whole(asked):
    """What was believed after the fourth night about a day in March, and every file that told."""
    lines, command = report(asked(known_at=NIGHTS[3], valid_on=date(2027, 3, 15)))

    assert lines == ENDED.splitlines()
    assert re.fullmatch(r"  edi834 show landing/landing/[0-9a-f]{64} --member S1", command)


def test_a_reinstatement_brings_all_back(asked):
    """After the fifth night the bars go on again, and the set says what it took back."""
    lines, _ = report(asked())

    assert "PRE AMT TOT      ├412.50────────├405.00────────├398.10──────────────────────►" in lines
    assert "2026-12-05 06:00 █ initial, by 7 ███████████████████████████████████████████►" in lines
    assert "     reinstates the policy: end 2027-06-30 → none" in lines
    assert not any("*" in line for line in lines)


def test_what_applied_then_is_told_although_it_waits_now(ask):
    """Another enrollment came, said before it: until then this one was the one that counted."""
    then = json.loads(ask("P5", "--known-at", "2026-12-02", "--json").out)
    now = json.loads(ask("P5", "--json").out)

    (one,) = then["told"]
    assert (one["state"], one["later"], one["decided_in_run"]) == ("applied", "pending", 3)
    assert one["changed"].startswith("enrolls 1 member")
    assert [each["state"] for each in now["told"]] == ["applied", "pending"]
    assert now["told"][1]["blocked_by"] == 1
    assert "Blocked by 1." in now["told"][1]["changed"]


def test_a_narrow_terminal_without_blocks(asked):
    """Months become letters, bars become signs of ASCII, nothing is wider, and it says so."""
    answer = asked(known_at=NIGHTS[3])
    lines, _ = report(answer, width=44, signs=PLAIN)

    assert picture(answer, 44, PLAIN)[:8] == [
        "                 2027",
        "                 J F M A M J J A S O N D",
        "                       t",
        "S1 subscriber    ############............",
        "D1 dependent     ############............",
        "APTC AMT         |100.00-----............",
        "PRE AMT 1        |412.50-----............",
        "PRE AMT TOT      |-----|-----.398.10.....",
    ]
    assert "In ASCII: this terminal's encoding has no" in lines
    assert all(line.isascii() for line in lines)
    assert max(len(line) for line in lines if "OPR." not in line) <= 44


def test_the_command_falls_back_to_ascii(ask):
    """Where the encoding has no blocks, every sign is replaced."""
    told = ask("P1", PYTHONIOENCODING="ascii")

    assert told.code == 0
    assert "In ASCII" in told.out
    assert "412.50 -> 405.00" in told.out


EVERY_WAY = [("P1",), ("P1", "--json"), ("P1", "--known-at", "2026-12-02"), ("--member", "S1")]


@pytest.mark.control("minimum-necessary")
@pytest.mark.parametrize("arguments", EVERY_WAY)
def test_nobody_is_named_unless_it_is_asked_for(ask, arguments):
    """Neither a report nor JSON nor a list says who somebody is."""
    told = ask(*arguments)

    assert told.code == 0
    for secret in SECRETS:
        assert secret not in told.out + told.err


@pytest.mark.control("audit", "activity-review")
@pytest.mark.parametrize("more", [(), ("--json",)])
def test_what_is_revealed_is_noted_in_the_audit_trail(ask, entries, more):
    """Who saw which policy, and as believed when; the note itself holds ids only."""
    before = len(entries())
    told = ask("P1", "--reveal", "--known-at", "2026-12-04", *more)
    (note,) = entries()[before:]

    assert told.code == 0
    for secret in SECRETS:
        assert (secret in told.out) == (secret != "AUSTIN, TX")
    assert (note.actor, note.action, note.object_kind) == ("auditor", "revealed", "policy")
    details = json.loads(note.details)
    assert details.pop("account")
    assert details == {
        "policy": "P1",
        "partner": PARTNER,
        "known_at": "2026-12-04T23:59:59.999999+00:00",
    }


def test_nothing_is_noted_of_what_stays_masked(ask, entries):
    """And nothing of a policy that nobody knows, for nothing was seen of it."""
    before = entries()

    assert ask("P1").code == 0
    assert ask("P99", "--reveal").code == 1
    assert entries() == before


@pytest.mark.fault("F34")
@pytest.mark.control("audit")
def test_nothing_is_shown_when_it_cannot_be_noted(ask, story):
    """The note comes first: without it not a line is printed."""
    rename = "ALTER FUNCTION ledger.{} RENAME TO {}"
    engine = open_engine(story)
    with engine.begin() as conn:
        conn.execute(sa.text(rename.format("audit_note", "audit_none")))
    told = ask("P1", "--reveal")
    with engine.begin() as conn:
        conn.execute(sa.text(rename.format("audit_none", "audit_note")))
    engine.dispose()

    assert told.code != 0
    assert told.out == ""


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((), 2, "name its id, or a person by --member"),
        (("P1", "--member", "S1"), 2, "name its id, or a person by --member"),
        (("--member", "S1", "--reveal"), 2, "--reveal and --valid-on are for one POLICY"),
        (("P1", "--valid-on", "2027-02-30"), 2, "Give it as 2027-03-15"),
        (("P1", "--valid-on", "20270101"), 2, "Give it as 2027-03-15"),
        (("P1", "--known-at", "2026-12-02T06:00"), 2, "a moment with its zone. Give it as"),
        (("P1", "--known-at", "yesterday"), 2, "neither a date nor a moment"),
        (("P1", "--partner", "nobody"), 2, "No trading partner 'nobody'"),
        (("P1", "--partner", "harbor-light-nc"), 1, f"{PARTNER} has. Ask there"),
        (("P1", "--known-at", "2026-11-01"), 1, "nothing was believed of policy P1 at 2026-11-01"),
        (("P7",), 1, "policy P7 is not in the book: what was told of it waits"),
        (("P8",), 1, "Similar ids: P1, P2, P3, P5, P7"),
        (("S1",), 1, "It is the id of a member: edi834 book --member S1"),
        (("4711-0815",), 1, "Check the id (REF*1L)"),
        (("--member", "S99"), 1, "no member or subscriber S99 in the book"),
    ],
)
def test_what_cannot_be_shown_is_said_in_a_sentence(ask, arguments, code, said):
    """What is wrong, and what to check or write instead."""
    told = ask(*arguments)

    assert told.code == code
    (sentence,) = told.failures
    assert said in sentence


def test_the_same_id_at_two_partners_needs_the_partner(ask, story):
    """Two exchanges may give the same number; the answer is about one of them."""
    engine = open_engine(story)
    move = sa.text("UPDATE book.event_set SET partner_id = :to WHERE exchange_policy_id = 'P7'")
    copy = sa.text("UPDATE book.event_set SET exchange_policy_id = :id WHERE partner_id = :of")
    with engine.begin() as conn:
        conn.execute(move, {"to": "potomac-dc"})
        conn.execute(copy, {"id": "P1", "of": "potomac-dc"})
    ambiguous, told = ask("P1"), ask("P1", "--partner", PARTNER)
    with engine.begin() as conn:
        conn.execute(copy, {"id": "P7", "of": "potomac-dc"})
        conn.execute(move, {"to": PARTNER})
    engine.dispose()

    assert (ambiguous.code, told.code) == (2, 0)
    assert "Add --partner with one of them." in ambiguous.err


def test_one_person_in_three_plans_is_seen_at_once(ask):
    """The list names each policy, as whom, and which others cover the same days."""
    told = ask("--member", "S1")
    as_json = json.loads(ask("--member", "S1", "--json").out)

    rows = [line.split() for line in told.out.splitlines() if line.strip().startswith("P")]
    assert [row[0] for row in rows if row[0] != "Policies"][-3:] == ["P1", "P3", "P2"]
    assert [row["is_subscriber"] for row in as_json["policies"]] == [True, False, True]
    assert "P3, P2" in told.out


def test_the_object_has_the_fields_that_the_documentation_names(ask):
    """Each key of the JSON, also those of its rows, stands in docs/command-line.md."""
    text = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text()
    section = text.split("## What `book` tells")[1].split("\n## ")[0]
    answer = json.loads(ask("P1", "--json").out)

    keys = set(answer)
    for rows in answer.values():
        for row in rows if isinstance(rows, list) else [rows]:
            keys |= set(row) if isinstance(row, dict) else set()
    assert {key for key in keys if f"`{key}`" not in section} == set()


def test_every_line_of_the_book_names_its_bytes(ask):
    """Each row that is believed says which set told it: one of those that are listed below."""
    answer = json.loads(ask("P1", "--json").out)
    told = {one["set"]: one for one in answer["told"]}
    kinds = ("members", "coverages", "amounts", "addresses", "brokers")
    rows = [answer["believed"], *(row for kind in kinds for row in answer[kind])]

    assert len(rows) > 10
    for row in rows:
        source = row["told_by"]
        one = told[source["set"]]
        assert (one["file"], one["set_ordinal"]) == (source["file"], source["set_ordinal"])
        assert source["byte_end"] > source["byte_start"]


@pytest.fixture
def entries(story):
    """What the audit trail tells, in order."""
    engine = open_engine(story)

    def read():
        with engine.connect() as conn:
            return list(audit.entries(conn))

    yield read
    engine.dispose()
