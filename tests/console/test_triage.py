"""What stewards do in the console: find, take, wait, waive, correct, and never over one another."""

from datetime import UTC, date, datetime

import pytest
import sqlalchemy as sa

from console import queue
from schemas.console import saved_view
from tests.cases.world import HARBOR
from tests.console.places import place_of
from tests.console.visitor import HOSTILE_ID

PLACE = "/triage/{work}/{number}"


@pytest.fixture
def case(opened):
    """The address of a rejected case."""
    return place_of(PLACE, opened)


def _state(opened, case):
    number = int(case.rpartition("/")[2])
    (row,) = opened.rows(
        "SELECT state, owner, version FROM ledger.case WHERE case_id = :id", id=number
    )
    return row


def test_the_queue_leads_by_keyboard_to_an_item(opened, browse):
    """j goes to the first, Enter opens it, a and c come to the words that they name."""
    page = browse("steward")
    page.goto("/triage?work=case")
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.hasAttribute('data-open')")
    page.keyboard.press("Enter")
    page.wait_for_url("**/triage/case/*")
    page.keyboard.press("c")
    assert "Note" in page.evaluate("document.activeElement.textContent")
    assert page.locator("summary", has_text="Assign").is_visible()


def test_all_open_may_be_what_opens_first(opened):
    """A view of the queue without a filter leads to it, also one that was kept before this rule."""
    token = opened.token("approver")
    view = {"name": "Everything", "query": "", "default": "yes"}
    opened.post("/triage/views", token, view)
    try:
        assert opened.get("/triage", token).headers["location"] == "/triage?show=open"
        with opened.world.house.engine.begin() as conn:
            conn.execute(sa.update(saved_view).values(query=""))
        assert opened.get("/triage", token).status_code == 200
    finally:
        with opened.world.house.engine.begin() as conn:
            conn.execute(sa.delete(saved_view))


@pytest.mark.control("unique-user", "accessibility")
def test_a_steward_takes_a_case_and_says_something_about_it(opened, browse, case):
    """The trail names the person, by the account of the console."""
    page = browse("steward", java_script_enabled=False)
    page.goto(case)
    page.locator("#owner-assign").fill("steward")
    page.locator("button", has_text="Assign").click()
    assert page.locator(".said").inner_text() == "Noted: assign."
    assert _state(opened, case).owner == "steward"
    (event,) = opened.rows(
        "SELECT person, account FROM ledger.case_event ORDER BY case_event_id DESC LIMIT 1"
    )
    assert event.person == "steward"
    assert event.account.startswith("console:")


@pytest.mark.fault("F36")
def test_who_looks_at_an_older_version_is_told_to_look_again(opened, case):
    """Nothing is written, and the page shows the newest."""
    token = opened.token("steward")
    form = {"action": "note", "reason": "Called.", "version": "0"}
    before = _state(opened, case).version
    opened.post(case, token, {**form, "version": str(before)})
    late = opened.post(case, token, {**form, "version": str(before)})
    assert late.status_code == 409
    assert "changed by somebody else" in late.text
    assert _state(opened, case).version == before + 1


def test_several_are_done_at_once_after_a_preview(opened, browse):
    """The preview counts them; confirmed, all of them change."""
    page = browse("steward")
    page.goto("/triage?work=case")
    boxes = page.locator("td input[type=checkbox]")
    names = [boxes.nth(place).get_attribute("name") for place in range(min(2, boxes.count()))]
    for place in range(len(names)):
        boxes.nth(place).check()
    page.locator("#action").select_option("begin")
    page.locator("#reason").fill("They are alike.")
    page.locator("button", has_text="Preview").click()
    assert f"Begin: {len(names)} item" in page.locator("h1").inner_text()
    page.locator("button", has_text="Do it").click()
    page.wait_for_url("**/triage?work=case")
    for name in names:
        assert _state(opened, f"/triage/case/{name.partition('-')[2]}").state == "in_progress"


def test_a_correction_is_checked_kept_and_resubmitted_by_another(opened, browse, case):
    """Without a script: what is typed is judged at once; who drafted does not let it go alone."""
    page = browse("steward", java_script_enabled=False)
    page.goto(case)
    page.locator("#edits").fill("nonsense")
    page.locator("button", has_text="Check").click()
    assert "names no element" in page.locator("[role=alert]").inner_text()
    ordinal = page.locator("section.broad tr:has(code) td").first.inner_text()
    page.locator("#edits").fill(f"#{ordinal}*01=ZZ")
    page.locator("button", has_text="Check").click()
    assert page.locator("main .notice.bad[role=status]").is_visible()
    assert not opened.rows("SELECT FROM ledger.correction")


def test_dates_are_corrected_by_one_and_resubmitted_by_another(opened, browse):
    """Live it is judged fit; whoever drafted it is refused, and an approver lets it go."""
    (case,) = opened.rows(
        "SELECT case_id, segment_id, element FROM ledger.case WHERE rule = 'element-date-invalid'"
        " AND segment_id = 'DMG' ORDER BY case_id LIMIT 1"
    )
    address = f"/triage/case/{case.case_id}"
    page = browse("steward", java_script_enabled=False)
    page.goto(address)
    begins = page.locator("tr:has(code:text('DTP*348'))").first.locator("td").first.inner_text()
    page.locator("#edits").fill(
        f"{case.segment_id}*{case.element:02d}=19800101\n#{begins}*03=20270101"
    )
    page.locator("button", has_text="Check").click()
    assert "Another person than you must resubmit it" in page.locator(".notice").inner_text()
    assert page.locator("main .notice.good[role=status]").is_visible()
    page.locator("#reason-keep").fill("The day that they said on the telephone.")
    page.locator("button", has_text="Keep as draft").click()
    page.locator("#reason-resubmit").fill("Mine.")
    page.locator("button", has_text="Resubmit").click()
    assert "is not who has drafted it" in page.locator("[role=alert]").inner_text()
    other = browse("approver", java_script_enabled=False)
    other.goto(address)
    assert "It sets DMG02 (segment" in other.locator("main").inner_text()
    assert "19800101" not in other.content()
    other.locator("a.uncover[href*='correction_values']").click()
    other.locator("input[name=reason]").fill("To decide about it.")
    other.locator("main button", has_text="Uncover").click()
    told = other.locator("#value").inner_text()
    assert "Becomes: DMG*D8*19800101*" in told
    assert "Becomes: DTP*348*D8*20270101" in told
    strange = {"reason": "Looked at.", "correction": "999999"}
    late = opened.post(f"{address}/resubmit", opened.token("approver"), strange)
    assert (late.status_code, "another draft" in late.text) == (409, True)
    other.get_by_role("link", name="Back").click()
    other.locator("#reason-resubmit").fill("Looked at.")
    other.locator("button", has_text="Resubmit").click()
    assert "The next night takes it in." in other.locator(".said").inner_text()
    (kept,) = opened.rows(
        "SELECT state, released_by FROM ledger.correction WHERE case_id = :id", id=case.case_id
    )
    assert (kept.state, kept.released_by) == ("released", "approver")


@pytest.mark.parametrize(
    ("query", "index"), [(queue.CASES_DUE, "ix_case_due"), (queue.BREAKS_DUE, "ix_break_due")]
)
def test_the_queue_walks_an_index(opened, query, index):
    """A page costs a page, however much is open."""
    told = {
        "partners": [HARBOR], "partner": "", "owner": "", "cause": "", "sort": "", "nobody": False,
        "due": datetime(2000, 1, 1, tzinfo=UTC), "latest": datetime(2100, 1, 1, tzinfo=UTC),
        "calm": False, "number": 0, "after_work": "", "rows": 26, "today": date(2026, 12, 2),
    }  # fmt: skip
    with opened.world.house.engine.begin() as conn:
        conn.execute(sa.text("SET LOCAL enable_seqscan = off"))
        conn.execute(sa.text("SET LOCAL enable_bitmapscan = off"))
        conn.execute(sa.text("SET LOCAL enable_sort = off"))
        plan = conn.execute(sa.text("EXPLAIN " + query.format(shown=queue.OPEN)), told).scalars()
        assert index in " ".join(plan)


def test_dollars_of_a_break_are_those_that_a_second_person_is_asked_for(opened):
    """Also where all of them are APTC and CSR, in the queue and in its causes."""
    dollars = "UPDATE reconciliation.break SET aptc_difference = {}, csr_difference = {}"
    with opened.world.house.engine.begin() as conn:
        number, field = conn.execute(
            sa.text(
                "SELECT break_id, coalesce(field, kind) FROM reconciliation.break"
                " WHERE premium_difference IS NULL AND aptc_difference IS NULL"
                f" AND {queue.OPEN} ORDER BY break_id LIMIT 1"
            ),
            {"today": date(2026, 12, 2)},
        ).one()
        one = f" WHERE break_id = {number}"
        conn.execute(sa.text(dollars.format("-98765.43", "0.02") + one))
    try:
        page = opened.get(f"/triage?work=break&cause={field}", opened.token("steward")).text
    finally:
        with opened.world.house.engine.begin() as conn:
            conn.execute(sa.text(dollars.format("NULL", "NULL") + one))
    assert page.count("98,765.45") == 2


def test_mark_up_in_an_id_is_text(opened, browse):
    """The bad input of row 91: the policy's number is shown as it was sent."""
    (found,) = opened.rows(
        "SELECT min(case_id) AS number FROM ledger.case WHERE exchange_policy_id = :id",
        id=HOSTILE_ID,
    )
    page = browse("steward")
    for place in (f"/triage/case/{found.number}", "/triage?work=case&show=open"):
        page.goto(place)
        assert page.get_by_text(f"policy {HOSTILE_ID}").first.is_visible()
        assert page.locator("main b").count() == 0


def test_a_break_uncovers_a_value_with_a_reason_only(opened, browse):
    """Both values are masked; the reveal is noted."""
    found = opened.rows("SELECT break_id FROM reconciliation.break WHERE field IS NOT NULL LIMIT 1")
    page = browse("steward")
    page.goto(f"/triage/break/{found[0].break_id}")
    page.locator("a.uncover").first.click()
    page.locator("input[name=reason]").fill("Compared by phone.")
    page.locator("main button").last.click()
    assert page.locator(".bytes, .shown, pre, code").count()
