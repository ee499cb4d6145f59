"""The tasks of operations in a browser, from what is wrong to where it is put right."""

from datetime import UTC, timedelta

import pytest

from ledger.operator_words import partner_holds
from ledger.server import embedded_url
from pipeline.night import run_night
from tests.cases.bad_input import Content
from tests.cases.world import CEDAR, HARBOR, opened_world
from tests.console.seeded import served

STRANGE = "OPR.007654321T.I834.D261201.T180200000.P"


@pytest.fixture(scope="module")
def opened(tmp_path_factory, server_folder):
    """A console over two nights: a stranger's file, then no file and no carrier's records."""
    url = embedded_url(server_folder, "console_operations")
    with opened_world(tmp_path_factory.mktemp("operations"), url, members=30) as world:
        world.send(1)
        strange = Content(edits={"*CMSFFM  ": "*NOBODY  "}).bytes()
        (world.outbox(HARBOR) / STRANGE).write_bytes(strange)
        world.run(1)
        extract = world.folder / "carrier" / CEDAR / "members.csv"
        content = extract.read_bytes()
        extract.unlink()
        run_night(world.house, world.clock(2) + timedelta(hours=3))
        extract.write_bytes(content)
        with served(world) as opened:
            yield opened


def _say(page, name, reason="The exchange has confirmed it."):
    """Fills in the reason of the open form with that button, and sends it."""
    form = page.locator("form.act", has=page.get_by_role("button", name=name, exact=True)).first
    form.get_by_label("Reason").fill(reason)
    form.get_by_role("button", name=name, exact=True).click()


def test_a_missing_file_is_an_alarm_until_somebody_says_why(opened, browse):
    """The night is past the deadline and no file came: it is red, with the deadline, until then."""
    page = browse("operations", java_script_enabled=False)
    page.goto("/")
    section = page.get_by_role("region", name=CEDAR, exact=True)
    assert section.get_by_text("1 missing").first.is_visible()
    alarm = section.locator(".alarm")
    assert "was due 2026-12-03 01:00" in alarm.inner_text()
    assert "America/New_York" in alarm.inner_text()
    section.get_by_text("Say why none comes").click()
    _say(page, "Close the alarm", "The exchange was closed that day.")
    assert page.get_by_role("status").get_by_text("The alarm is closed").is_visible()
    assert page.get_by_text("operations: The exchange was closed that day.").count() == 1
    page.goto("/")
    assert page.get_by_role("region", name=CEDAR, exact=True).locator(".alarm").count() == 0
    assert page.get_by_role("region", name=HARBOR, exact=True).locator(".alarm").count() == 1
    form = {"kind": "enrollment", "due": "2026-12-03T01:00:00+00:00", "reason": "Again."}
    again = opened.post(f"/partners/{CEDAR}/missing", opened.token("operations"), form)
    assert (again.status_code, "somebody has said why not" in again.text) == (409, True)


def test_the_counts_of_a_night_add_up(opened, browse):
    """What has become of the files that arrived makes up how many arrived."""
    page = browse("operations")
    page.goto("/?run=1")
    sums = page.locator(".sum").all_inner_texts()
    assert len(sums) == 2
    assert all("balances" in text for text in sums)
    (kept,) = opened.rows(
        "SELECT count(*) AS files FROM ledger.file WHERE partner_id = :partner"
        " AND direction = 'exchange_to_issuer' AND run_id = 1",
        partner=HARBOR,
    )
    assert any(text.startswith(f"{kept.files} arrived") for text in sums)


def test_a_file_that_was_set_apart_is_looked_at_and_released(opened, browse):
    """From the ledger to the cause, to what a release would do, to the release itself."""
    page = browse("operations", java_script_enabled=False)
    page.goto("/files?state=quarantined")
    page.get_by_role("link", name=STRANGE).click()
    assert page.get_by_text("sender-unknown").first.is_visible()
    page.get_by_role("link", name="See what a release would do").click()
    beside = page.get_by_role("table", name="Side by side")
    assert beside.get_by_role("row", name="Verdict").inner_text().split("\t")[1:2] == ["rejected"]
    assert "accepted" in beside.get_by_role("row", name="Verdict").inner_text()
    changed = page.get_by_role("table", name="Answers that change")
    assert changed.get_by_role("row").count() == 4
    _say(page, "Release it")
    assert page.get_by_text("The next night takes it in.").first.is_visible()
    assert page.get_by_text("Released by operations").is_visible()
    (row,) = opened.rows(
        "SELECT person, account, rule, reason FROM ledger.operator_word"
        " WHERE word = 'file released'"
    )
    assert (row.person, row.rule) == ("operations", "sender-unknown")
    assert row.account == f"console:{opened.accounts['operations']}"
    file_id = page.url.rpartition("/")[2]
    again = opened.post(f"/files/{file_id}/release", opened.token("operations"), {"reason": "So."})
    assert (again.status_code, "was released by operations already" in again.text) == (409, True)


def test_a_file_is_judged_again_by_both_rules_and_nothing_is_changed(opened, browse):
    """Side by side: the same, as the rules are."""
    before = opened.rows(
        "SELECT max(ordinal) AS last FROM ledger.audit_entry WHERE object_kind <> 'account'"
    )
    (row,) = opened.rows(
        "SELECT min(file_id) AS file_id FROM ledger.file WHERE verdict = 'partially_accepted'"
    )
    page = browse("steward")
    page.goto(f"/files/{row.file_id}")
    page.get_by_role("link", name="by the rules of its day").click()
    assert "the same" in page.locator(".headline").inner_text()
    page.get_by_role("link", name="Today").click()
    assert "rules=today" in page.url
    assert page.get_by_role("table", name="Side by side").get_by_role("row").count() == 6
    after = opened.rows(
        "SELECT max(ordinal) AS last FROM ledger.audit_entry WHERE object_kind <> 'account'"
    )
    assert before == after


def test_a_partner_is_held_and_resumed(opened, browse):
    """Every page says so meanwhile, to whoever sees the partner; both are in the trail."""
    page = browse("operations", java_script_enabled=False)
    page.goto("/partners")
    page.get_by_text(f"Hold {CEDAR}").click()
    section = page.get_by_role("region", name=CEDAR, exact=True)
    section.get_by_label("Reason").last.fill("Their plans are wrong.")
    section.get_by_role("button", name="Hold", exact=True).click()
    said = f"{CEDAR} is held since"
    for role, path in (("steward", "/files"), ("auditor", "/rules"), ("approver", "/held")):
        assert said in opened.get(path, opened.token(role)).text
    with opened.world.house.engine.connect() as conn:
        assert partner_holds(conn, [CEDAR])[CEDAR].reason == "Their plans are wrong."
    page.get_by_text(f"Resume {CEDAR}").click()
    _say(page, "Resume", "They are right now.")
    assert said not in opened.get("/", opened.token("operations")).text
    told = opened.rows(
        "SELECT action FROM ledger.audit_entry WHERE object_kind = 'operator word'"
        " AND actor = 'operations' AND action LIKE 'partner %' ORDER BY ordinal"
    )
    assert [row.action for row in told] == ["partner held", "partner resumed"]


def test_a_failed_step_is_asked_for_again(opened, browse):
    """The next night does it, and the night that it failed in is no longer red."""
    page = browse("operations", java_script_enabled=False)
    page.goto("/?run=2")
    assert page.get_by_text("reconciling and deciding failed.").is_visible()
    page.get_by_text("Try it again").first.click()
    _say(page, "Try it again", "The extract is back.")
    assert page.get_by_text("The next night does it again").is_visible()
    run_night(opened.world.house, opened.world.clock(3).astimezone(UTC) + timedelta(hours=3))
    page.goto("/?run=2")
    assert page.get_by_text("failed.").count() == 0
    (row,) = opened.rows("SELECT state FROM ledger.run WHERE run_id = 2")
    assert row.state.startswith("balanced")
