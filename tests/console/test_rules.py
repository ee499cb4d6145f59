"""What the console says of the rules."""

from console.screens.rules import NIGHTS
from schemas.catalog import load_rules
from tests.console.places import what_if_of
from tests.console.visitor import make_account


def test_every_rule_is_found_with_its_sentence_its_source_and_its_hits(opened, browse):
    """A steward finds a rule by its words, sees how often it was broken, and in which file."""
    (row,) = opened.rows(
        "SELECT i.rule, count(*) AS hits, max(i.file_id) AS file_id FROM ledger.issue i"
        " JOIN ledger.file f USING (file_id)"
        f" WHERE f.run_id > (SELECT max(run_id) FROM ledger.run) - {NIGHTS}"
        " GROUP BY i.rule ORDER BY 2 DESC, 1 LIMIT 1"
    )
    page = browse("steward", java_script_enabled=False)
    page.goto("/rules")
    assert page.locator("a[data-open]").count() == len(load_rules())

    page.fill("#search", row.rule)
    page.get_by_role("button", name="Find").click()
    found = page.locator("tr", has=page.get_by_role("link", name=row.rule, exact=True))
    assert found.locator("td").nth(3).inner_text() == f"{row.hits:,}"

    page.get_by_role("link", name=row.rule, exact=True).click()
    assert load_rules()[row.rule].source in page.inner_text("main")
    assert page.locator(f'a[href="/files/{row.file_id}"]').count() == 1


def test_only_rules_that_were_broken_are_asked_for(opened, browse):
    """The filter stands in the address; what nobody broke is left out."""
    broken = {
        row.rule
        for row in opened.rows(
            "SELECT DISTINCT i.rule FROM ledger.issue i JOIN ledger.file f USING (file_id)"
            f" WHERE f.run_id > (SELECT max(run_id) FROM ledger.run) - {NIGHTS}"
        )
    }
    page = browse("auditor", java_script_enabled=False)
    page.goto("/rules?hit=yes")
    links = page.locator("a[data-open]").all()
    assert {link.inner_text() for link in links} == broken & load_rules().keys() != set()


def test_what_changed_rules_would_have_done_is_shown_by_rule(opened, browse):
    """From the list to the answer: what was changed, who would be accepted, the rule itself."""
    number = what_if_of(opened)
    (kept,) = opened.rows(f"SELECT totals, reason FROM ledger.what_if WHERE what_if_id = {number}")
    page = browse("steward", java_script_enabled=False)
    page.goto("/rules")
    page.locator(f'a[href="/what-ifs/{number}"]').click()
    told = page.inner_text("main")
    assert kept.reason in told
    accepted = page.locator("tr", has=page.get_by_role("rowheader", name="Newly accepted"))
    assert accepted.locator("td").first.inner_text() == str(
        kept.totals["newly_accepted"]["members"]
    )
    page.get_by_role("link", name="element-date-invalid").first.click()
    assert "element-date-invalid" in page.inner_text("h1")


def test_an_answer_about_another_partner_is_not_there(opened):
    """Who sees one partner sees that one's answers."""
    number = what_if_of(opened)
    partner = ("cedar-valley-tx",)
    opened.accounts["asker"] = make_account(opened.world, "asker", ["steward"], partner)
    assert opened.get(f"/what-ifs/{number}", opened.token("asker")).status_code == 404
    assert opened.get(f"/what-ifs/{number}", opened.token("steward")).status_code == 200
