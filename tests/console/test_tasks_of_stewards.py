"""What stewards have to do, from the page where it begins to what it leaves in the database."""

import itertools
import re
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from tests.cases.world import HARBOR
from tests.console.places import place_of
from tests.console.visitor import make_account

_UNTIL = f"{datetime.now(UTC).date() + timedelta(days=30)}"
_numbers = itertools.count(1)


@pytest.fixture
def another(opened, browse):
    """A page of another steward than `steward`."""
    name = f"second steward {next(_numbers)}"
    opened.accounts[name] = make_account(opened.world, name, ["steward"])
    return browse(name)


@pytest.fixture
def case(opened):
    """A new case of 1,500 dollars a month: the number of one of the night's, as it was found."""
    with opened.world.house.engine.begin() as conn:
        number = conn.execute(
            sa.text("SELECT max(case_id) FROM ledger.case WHERE kind = 'rejected'")
        ).scalar_one()
        conn.execute(
            sa.text(
                "UPDATE ledger.case SET premium = 1500, state = 'new', owner = NULL,"
                " is_escalated = false, snoozed_until = NULL, waived_until = NULL,"
                " asked_by = NULL, asked_until = NULL WHERE case_id = :number"
            ),
            {"number": number},
        )
    return number


def _row(opened, case):
    (row,) = opened.rows("SELECT * FROM ledger.case WHERE case_id = :id", id=case)
    return row


def _word(page, action, **given):
    """Says a word on the page of an item, as a person does: opens it, fills it, sends it."""
    form = page.locator(f"details:has(input[value='{action}'])")
    if form.get_attribute("open") is None:
        form.locator("summary").click()
    for name, value in given.items():
        form.locator(f"[name={name}]").fill(value)
    form.locator("button").click()


def test_a_dear_waiver_is_asked_for_and_allowed_by_another(opened, browse, another, case):
    """Who asks is told to wait; whoever else comes by the view of what waits allows it."""
    page = browse("steward")
    page.goto(f"/triage/case/{case}")
    _word(page, "waive", until=_UNTIL, reason="They mend it next month.")
    assert "wait for a second person" in page.locator(".said").inner_text()
    assert "for another person" in page.locator("main").inner_text()
    assert page.locator("button", has_text="Allow").count() == 0
    another.goto("/triage?show=open")
    another.get_by_role("link", name="For a second person").click()
    another.locator(f"a[href='/triage/case/{case}']").click()
    another.locator("#reason-second").fill("Looked at.")
    another.locator("button", has_text="Allow").click()
    row = _row(opened, case)
    assert (row.state, str(row.waived_until), row.asked_by) == ("waived", _UNTIL, None)
    assert "waived" in another.locator(".headline").inner_text()


def test_a_snoozed_case_leaves_the_queue_and_an_escalated_one_leads_it(opened, browse, case):
    """Its state and clock stay; what is escalated stands first, with its mark."""
    page = browse("steward", java_script_enabled=False)
    page.goto(f"/triage/case/{case}")
    _word(page, "snooze", until=_UNTIL, reason="The exchange is closed.")
    link = f"a[href='/triage/case/{case}']"
    page.goto("/triage?work=case&show=open")
    assert page.locator(link).count() == 0
    page.goto(f"/triage/case/{case}")
    assert f"Snoozed until\n{_UNTIL}" in page.locator("main").inner_text()
    with opened.world.house.engine.begin() as conn:
        conn.execute(sa.text("UPDATE ledger.case SET snoozed_until = NULL"))
    _word(page, "escalate", owner="Cleo", reason="Many dollars.")
    page.goto("/triage?show=open")
    first = page.locator("tbody tr:has(input[type=checkbox])").first
    assert first.locator(link).count() == 1
    assert "escalated" in first.inner_text()


def test_a_case_is_disputed_by_one_and_released_by_another(opened, browse, another, case):
    """The draft has dollars and a last day; the drafter waits, another releases it."""
    page = browse("steward")
    page.goto(f"/triage/case/{case}")
    _word(page, "dispute", reason="They must send it again.")
    assert "by another person than you" in page.locator(".said").inner_text()
    page.goto("/triage/disputes")
    assert "for another person" in page.locator("tbody tr").first.inner_text()
    another.goto("/triage/disputes")
    row = another.locator("tbody tr").first
    row.locator("summary").click()
    row.locator("input[value=released]").check()
    row.locator("input[name=reason]").fill("Their fault.")
    row.locator("button").click()
    assert "next file of disputes" in another.locator(".said").inner_text()
    (dispute,) = opened.rows("SELECT * FROM ledger.dispute WHERE case_id = :id", id=case)
    assert (dispute.state, dispute.drafted_by) == ("released", "steward")
    assert _row(opened, case).state == "waiting_for_exchange"


def test_two_records_become_one_member_by_two_persons(opened, browse, another):
    """Side by side and masked; the first word waits, the second decides, a split takes it back."""
    path = place_of("/triage/pairs/{match_id}", opened)
    page = browse("steward")
    page.goto(path)
    page.locator("#reason-pair").fill("One birthday, one street.")
    page.locator("button", has_text="Merge").click()
    assert "Another person must say so" in page.locator(".said").inner_text()
    another.goto("/triage/pairs")
    another.locator(f"a[href='{path}']").click()
    assert "Your word decides" in another.locator("main").inner_text()
    another.locator("#reason-pair").fill("As they say.")
    another.locator("button", has_text="Merge").click()
    assert "merged" in another.locator(".headline").inner_text()
    another.locator("#reason-pair").fill("It was the twin.")
    another.locator("button", has_text="Split").click()
    number = int(path.rpartition("/")[2])
    said = opened.rows(
        "SELECT word, person FROM reconciliation.match_word WHERE match_id = :id"
        " ORDER BY match_word_id DESC LIMIT 3",
        id=number,
    )
    assert [one.word for one in said] == ["refuse", "accept", "accept"]
    late = opened.post(
        path, opened.token("steward"), {"word": "merge", "reason": "x", "version": "0"}
    )
    assert late.status_code == 409
    assert "changed by somebody else" in late.text


def test_a_view_is_kept_opens_first_and_is_shared_with_a_role(opened, browse, another):
    """The address holds the filters; another of the role sees the view, and nobody else's opens."""
    page = browse("steward")
    page.goto("/triage?work=case&owner=-")
    page.locator("summary", has_text="Save this view").click()
    page.locator("#view-name").fill("Mornings")
    page.locator("#view-role").select_option("steward")
    page.locator("input[name=default]").check()
    page.locator("details.views button", has_text="Save").first.click()
    assert page.locator(".said").inner_text() == "Saved: Mornings."
    page.goto("/triage")
    page.wait_for_url("**/triage?work=case&owner=-")
    assert page.locator("nav.nights [aria-current]").inner_text().startswith("★ Mornings")
    another.goto("/triage")
    assert another.url.endswith("/triage")
    shared = another.locator("nav.nights a", has_text="Mornings")
    assert "of steward" in shared.inner_text()
    assert another.locator("form.kept").count() == 0
    number = opened.rows("SELECT view_id FROM console.saved_view")[0].view_id
    strange = opened.post(f"/triage/views/{number}", opened.token("approver"), {"do": "remove"})
    assert strange.status_code == 404
    page.locator("summary", has_text="Save this view").click()
    page.locator("form.kept button", has_text="Remove").click()
    assert opened.rows("SELECT FROM console.saved_view") == []


def test_several_are_assigned_after_a_preview_that_counts_dollars(opened, browse, case):
    """What was changed meanwhile stops all of it, in a sentence."""
    page = browse("steward")
    page.goto("/triage?work=case&show=open")
    boxes = page.locator("td input[type=checkbox]")
    count = boxes.count()
    for place in range(count):
        boxes.nth(place).check()
    page.locator("#action").select_option("assign")
    page.locator("#to").fill("Dora")
    page.locator("#reason").fill("Hers this week.")
    page.locator("button", has_text="Preview").click()
    assert f"Assign: {count} item" in page.locator("h1").inner_text()
    assert re.search(r"Dollars a month\n[\d,]+\.\d\d", page.locator("main").inner_text())
    version = _row(opened, case).version
    opened.post(
        f"/triage/case/{case}",
        opened.token("steward"),
        {"action": "note", "reason": "Mine!", "version": str(version)},
    )
    page.locator("button", has_text="Do it").click()
    assert "changed by somebody else" in page.locator("main").inner_text()
    assert _row(opened, case).owner is None
    page.goto(f"/triage/case/{case}")
    assert "Mine!" in page.locator("main").inner_text()


def test_the_fault_is_marked_in_words_and_its_place_is_copied_by_keyboard(opened, browse, case):
    """Loop, bytes and element are told; no value is; the other sides stand beside it."""
    page = browse("steward")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"/triage/case/{case}")
    marked = page.locator("tr.faulty mark")
    assert "at fault" in marked.inner_text()
    assert marked.locator("u").is_visible()
    button = page.locator("[data-copy=place]")
    button.focus()
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('.said').textContent === 'Copied.'")
    place = page.evaluate("navigator.clipboard.readText()")
    assert re.search(r"File \d+, segment \d+ \(\w+\), loop 2000.*, bytes \d+ to \d+", place)
    page.locator("summary", has_text="What it tells").click()
    sides = page.get_by_role("region", name="The member as each side has it").inner_text()
    assert "Our book, last accepted" in sides
    name = opened.rows(
        "SELECT last_name FROM book.member WHERE partner_id = :partner LIMIT 1", partner=HARBOR
    )[0].last_name
    assert name not in page.locator("main").inner_text()
    page.locator("a.uncover[href*='item_values']").first.click()
    page.locator("input[name=reason]").fill("To compare by phone.")
    page.locator("main button", has_text="Uncover").click()
    assert page.locator("#value").inner_text().startswith("File: ")
    page.get_by_role("link", name="Back").click()
    page.wait_for_url(f"**/triage/case/{case}")


@pytest.mark.control("accessibility")
def test_a_day_by_keyboard_alone(opened, browse, case):
    """j to an item, Enter, a to take it, c to say something: no mouse, and no Tab past the row."""
    page = browse("steward")
    page.goto("/triage?work=case&show=open")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    page.wait_for_url("**/triage/case/*")
    number = int(page.url.rpartition("/")[2])
    page.keyboard.press("c")
    page.keyboard.press("Tab")
    page.keyboard.type("Called them.")
    page.keyboard.press("Enter")
    page.get_by_text("Noted: note.").wait_for()
    events = opened.rows(
        "SELECT action, reason FROM ledger.case_event WHERE case_id = :id"
        " ORDER BY case_event_id DESC LIMIT 1",
        id=number,
    )
    assert [(one.action, one.reason) for one in events] == [("note", "Called them.")]
    page.keyboard.press("a")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_text("Noted: assign.").wait_for()
    assert _row(opened, number).owner == "steward"


def test_the_command_line_says_the_same_words(opened, case):
    """One use case behind both: masked unless revealed, asked for, refused, drafted, dropped."""
    edi834 = opened.world.edi834
    page = edi834("cases", "list", "--limit", 1)
    causes = edi834("breaks", "causes", "--json")
    shown = edi834("cases", "show", case)
    revealed = edi834("cases", "show", case, "--reveal", "--json")
    word = ("--reason", "By hand.")
    asked = edi834("cases", "waive", case, "--until", _UNTIL, "--by", "Ada", *word)
    refused = edi834("cases", "allow", case, "--by", "ada", *word)
    edi834("cases", "refuse", case, "--by", "Ben", *word)
    drafted = edi834("breaks", "dispute", 2, "--by", "Ada", *word)
    listed = edi834("disputes", "list")
    (dispute,) = opened.rows("SELECT max(dispute_id) AS number FROM ledger.dispute")
    dropped = edi834("disputes", "drop", dispute.number, "--by", "Ada", *word)

    assert (page.code, "There may be more: --after" in page.out) == (1, True)
    assert (causes.code, '"source": "carrier"' in causes.out) == (1, True)
    assert shown.code == 0
    assert "The member on all sides" in shown.out
    assert '"field": "last_name", "differs": false, "file": "' in revealed.out
    assert f"edi834 cases allow {case}" in asked.out
    assert "needs another person than has asked for it" in refused.err
    assert (_row(opened, case).state, _row(opened, case).asked_by) == ("new", None)
    assert "edi834 disputes release" in drafted.out
    assert (listed.code, "break 2" in listed.out) == (1, True)
    assert "Nothing is claimed." in dropped.out
