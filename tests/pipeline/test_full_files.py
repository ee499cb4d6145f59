"""Full files of a state exchange (INS03 030, INS04 XN, BGN08 4) through whole nights."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from ledger import gates
from pipeline.apply import apply_to_book
from pipeline.check import check_received
from pipeline.gate import batches_at_gate, put_to_gate
from pipeline.receive import take_in
from pipeline.runs import open_for_scheduler
from sftp_inbox.receive import Fetched
from tests.cases.full_files import Family, enrollment_of, families, full_file_of
from tests.cases.house import opened_house, partners_with

DC = "potomac-dc"
FIRST = datetime(2026, 3, 2, 4, tzinfo=UTC)
FAMILIES = families(40)


class Nights:
    """Nights of a carrier in the District, each with one file."""

    def __init__(self, house):
        self.house = house
        self.count = 0

    @property
    def number(self):
        """The control number of the next file."""
        return 900 + self.count

    @property
    def day(self):
        """The day of the next file, as it is written in it."""
        return f"{FIRST + timedelta(days=self.count):%Y%m%d}"

    def spend(self, content=None):
        """Takes in a file, judges it, and brings the book up to date; what the night left."""
        moment = FIRST + timedelta(days=self.count)
        run = open_for_scheduler(self.house, moment, [DC]).run
        self.count += 1
        if content is not None:
            stored = self.house.landing.store([content])
            named = (DC, f"full-{self.count}.834", stored.sha256, stored.size_bytes)
            fetched = Fetched(*named, stored.storage_key, run.as_of)
            check_received(self.house, run, take_in(self.house, run, fetched).file_id)
        put_to_gate(self.house, run, DC)
        apply_to_book(self.house, run, DC)

    def full(self, told):
        """A night with a full file of these families."""
        self.spend(full_file_of(told, self.number, day=self.day))

    def rows(self, statement):
        with self.house.engine.connect() as conn:
            return [tuple(row) for row in conn.execute(sa.text(statement))]

    def last_batch(self):
        return batches_at_gate(self.house)[-1]

    def breaks(self):
        """Kind, policy, member and field of the breaks that are open."""
        return set(
            self.rows(
                "SELECT kind, exchange_policy_id, exchange_member_id, field"
                " FROM reconciliation.break WHERE state <> 'resolved'"
            )
        )

    def covered(self):
        """How many members are covered without an end."""
        return self.rows(
            "SELECT count(*) FROM book.effective_coverage"
            " WHERE known_to = 'infinity' AND benefit_end IS NULL"
        )[0][0]


@pytest.fixture
def nights(tmp_path, engine):
    """After the night in which all families were enrolled."""
    nights = Nights(opened_house(tmp_path, engine))
    nights.spend(enrollment_of(FAMILIES, nights.number))
    assert nights.covered() == 80
    return nights


def test_a_full_file_that_names_everybody_passes_and_finds_nothing(nights):
    """Policies, members and dollars are counted all the same."""
    nights.full(FAMILIES)
    one = nights.last_batch()
    found = {finding.expectation: finding for finding in one.findings}

    assert one.batch.state == "passed"
    assert nights.breaks() == set()
    assert (found["full-file-omits"].rows, found["full-file-omits"].observed) == (40, 0)
    assert found["full-file-omits-members"].rows == 80
    assert found["full-file-omits-premium"].observed == 0


OMITTING = {
    "half of the members": (
        [Family(one.number, ("subscriber",)) for one in FAMILIES],
        {"full-file-omits-members": 0.5},
        40 * 100.0,
    ),
    "half of the policies": (
        FAMILIES[:20],
        {"full-file-omits": 0.5, "full-file-omits-members": 0.5},
        20 * 400.0,
    ),
    "one whole plan": (
        [one for one in FAMILIES if one.number % 2],
        {"full-file-omits": 0.5, "full-file-omits-members": 0.5, "full-file-omits-plan": 0.5},
        20 * 400.0,
    ),
}


@pytest.mark.fault("F39")
@pytest.mark.parametrize("what", OMITTING)
def test_a_full_file_that_leaves_out_many_is_held_for_a_second_person(nights, what):
    """With policies, members and dollars; released, it makes breaks, and ends nobody."""
    told, outside, dollars = OMITTING[what]
    nights.full(told)
    one = nights.last_batch()
    found = {finding.expectation: finding for finding in one.findings}

    assert one.batch.state == "held"
    assert {finding.expectation: finding.observed for finding in one.outside} == outside
    assert found["full-file-omits-premium"].observed == dollars
    assert (nights.breaks(), nights.covered()) == (set(), 80)
    with nights.house.engine.begin() as conn:
        word = gates.Decision("released", "Ada Second", "ada", "The exchange confirmed it.")
        gates.decide(conn, one.batch.batch_id, word)
    nights.spend()

    left_out = {one.policy_id for one in FAMILIES} - {one.policy_id for one in told}
    partly = {(one.policy_id, one.child_id()) for one in told if len(one.members) == 1}
    by_policy = {(row[0], row[1]) for row in nights.breaks() if row[1] in left_out}
    assert by_policy == {("missing_at_carrier", policy) for policy in left_out}
    assert {row[1:3] for row in nights.breaks() if row[1] not in left_out} == partly
    assert nights.covered() == 80


def test_a_full_file_without_anybody_is_rejected_and_leaves_nobody_out(nights):
    """An empty file is none, and a set without a member breaks the guide: nothing is compared."""
    whole = full_file_of(FAMILIES[:1], nights.number, day=nights.day).decode()
    head, body = whole.split("~INS*", 1)
    trailer = body[body.index("~SE*") :]
    nights.spend(f"{head}{trailer}".encode())
    nights.spend(b"")

    states = nights.rows("SELECT state, verdict FROM ledger.file WHERE name LIKE 'full-%'")
    assert states[0] == ("applied", "accepted")
    assert states[1][1] == "rejected"
    assert states[2][0] == "quarantined"
    assert (nights.breaks(), nights.covered()) == (set(), 80)


AGREED = """
[[bounds]]
expectation = "{expectation}"
at_most = 0.1
effective_from = {begin}
agreed_with = "the exchange's carrier operations (a fictional agreement)"
agreed_on = 2026-02-01
reason = "It drops lapsed policies from its files a month before it ends them."
"""


@pytest.mark.parametrize(("begin", "state"), [("2026-03-01", "passed"), ("2026-04-01", "held")])
def test_a_bound_that_was_agreed_on_with_the_partner_holds_from_its_day(
    tmp_path, engine, begin, state
):
    """Three of forty policies are too many, unless the partner's file says otherwise by then."""
    folder = partners_with(tmp_path / "partners")
    kinds = ("full-file-omits", "full-file-omits-members")
    with (folder / f"{DC}.toml").open("a") as file:
        file.writelines(AGREED.format(expectation=one, begin=begin) for one in kinds)
    nights = Nights(opened_house(tmp_path, engine, partners=folder))
    nights.spend(enrollment_of(FAMILIES, nights.number))
    nights.full(FAMILIES[3:])

    assert nights.last_batch().batch.state == state
