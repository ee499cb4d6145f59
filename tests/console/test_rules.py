"""What the console says of the rules."""

from console.screens.rules import NIGHTS
from schemas.catalog import load_rules


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
