"""Questions to a book that remembers what it believed, and when."""

from datetime import date, datetime

from enrollment.believed import PolicyKey, believed
from enrollment.finding import policies_of_member
from enrollment.snapshot import book_snapshot
from schemas import records

NEW_YEAR = date(2027, 1, 1)
NIGHTS = [datetime.fromisoformat(f"2027-0{month}-01T06:00:00+00:00") for month in (1, 2)]


def test_a_snapshot_of_a_former_night_does_not_change(carrier, say):
    """What a night froze can be made again, to the byte, after later nights."""
    carrier.begins_night(NIGHTS[0])
    carrier.receives(say.enrollment("P1", "S1", "D1"))
    carrier.applies()
    frozen = book_snapshot(carrier.conn, "cedar-valley-tx", NIGHTS[0])
    carrier.begins_night(NIGHTS[1])
    carrier.receives(say.change("P1", "S1", last_name="RENAMED"))
    carrier.receives(say.enrollment("P2", "S2"))
    carrier.applies()

    again = book_snapshot(carrier.conn, "cedar-valley-tx", NIGHTS[0])

    assert frozen.schema.equals(records.BOOK_MEMBERS)
    assert frozen.num_rows == 2
    assert again.equals(frozen)


def test_a_book_shows_no_other_partners_policies(carrier, say):
    """A partner's snapshot holds that partner's rows only."""
    carrier.receives(say.enrollment("P1", "S1"))
    carrier.applies()

    assert book_snapshot(carrier.conn, "harbor-light-nc", carrier.as_of).num_rows == 0


def test_a_snapshot_has_the_issuer_s_ids_that_were_said_last(carrier, say):
    """Ours are known to the exchange from the day we tell them, before it sends them back."""
    carrier.receives(say.enrollment("P1", "S1", "D1"))
    carrier.applies()
    ids = {"exchange_policy_id": "P1", "issuer_policy_id": "I1", "issuer_subscriber_id": "IS1"}
    told = [
        {**ids, "exchange_member_id": member, "issuer_member_id": f"I{member}"}
        for member in ("S1", "D1")
    ]
    carrier.decides([("P1", "200.00")], told)
    carrier.sends_effectuations()

    rows = book_snapshot(carrier.conn, "cedar-valley-tx", carrier.as_of).to_pylist()

    assert [row["issuer_member_id"] for row in rows] == ["IS1", "ID1"]
    assert rows[0]["issuer_subscriber_id"] == "IS1"


def test_a_snapshot_tells_each_span_of_a_member(carrier, say):
    """As it is in effect: cut off where the policy ends, and none of one that was cancelled."""
    carrier.receives(*(say.enrollment(f"P{n}", f"S{n}", f"D{n}") for n in (1, 2, 3)))
    carrier.receives(say.termination("P2", "S2", date(2027, 3, 31)), say.cancellation("P3", "S3"))
    carrier.applies()

    rows = book_snapshot(carrier.conn, "cedar-valley-tx", carrier.as_of).to_pylist()

    begins = {row["exchange_policy_id"]: row["benefit_begin"] for row in rows}
    assert {(row["exchange_policy_id"], row["coverage_spans"]) for row in rows} == {
        ("P1", f"{begins['P1']}/.."),
        ("P2", f"{begins['P2']}/2027-03-31"),
        ("P3", None),
    }


def test_a_policy_has_the_rating_area_that_was_told_last(carrier, say):
    """On the subscriber's row; a change that tells none leaves it as it was."""
    area = ("RATING AREA", "R-TX004", date(2027, 1, 1))
    carrier.receives(say.enrollment("P1", "S1", "D1"))
    carrier.applies()
    assert {row["rating_area"] for row in carrier.book().values()} == {None}
    carrier.receives(say.change("P1", "S1", amounts=[area]))
    carrier.applies()
    carrier.receives(say.change("P1", "S1", last_name="RENAMED"))
    carrier.applies()

    areas = {member: row["rating_area"] for (_, member), row in carrier.book().items()}
    assert areas == {"S1": "R-TX004", "D1": None}


def test_a_snapshot_has_the_plan_of_each_member_s_last_day_of_coverage(carrier, say):
    """A variant from June on never took effect where coverage had ended by May.

    Where nothing is covered it is the policy's last plan, or of a cancelled one the last told.
    """
    for n in (1, 2, 3, 4):
        carrier.receives(say.enrollment(f"P{n}", f"S{n}", f"D{n}"))
        variant = {"reason": "CSR VARIANT CHANGE", "maintenance_effective": date(2027, 6, 1)}
        changed = say.change(f"P{n}", f"S{n}", **variant)
        changed.people[0].coverage["plan_id"] = "91001TX001000104"
        carrier.receives(changed)
    later = {"submitted": "2026120112000000"}
    for n, end in ((1, date(2027, 5, 31)), (2, NEW_YEAR)):
        gone = say.removed(f"P{n}", f"S{n}", f"D{n}", end)
        carrier.receives(say.change(f"P{n}", f"S{n}", gone, **later))
    carrier.receives(
        say.at("2026120212000000", say.termination("P2", "S2", date(2027, 3, 31))),
        say.at("2026120212000000", say.termination("P3", "S3", date(2027, 6, 30))),
        say.at("2026120212000000", say.cancellation("P4", "S4")),
    )
    carrier.applies()

    rows = book_snapshot(carrier.conn, "cedar-valley-tx", carrier.as_of).to_pylist()

    plans_of = {row["exchange_member_id"]: row["plan_id"] for row in rows}
    first = {member for member, plan in plans_of.items() if plan == "91001TX001000101"}
    assert (first, len(plans_of)) == ({"D1", "S2", "D2"}, 8)
    open_one, ended = (
        believed(carrier.conn, PolicyKey(policy, "cedar-valley-tx"), None)
        for policy in ("P1", "P2")
    )
    assert open_one.plan_of() == plans_of["S1"] != open_one.plan_of("D1")
    assert ended.plan_of() == ended.plan_of("D2") == plans_of["S2"]
    (found,) = policies_of_member(carrier.conn, "D2", None, None)
    assert found["plan_id"] == plans_of["D2"]
