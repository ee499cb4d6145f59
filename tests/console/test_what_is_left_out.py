"""What a page does not show, it says: the figures on it are those of the rows behind them."""

from urllib.parse import parse_qs, urlsplit

import pytest

from console.screens import files, reconciliation
from tests.console.places import place_of


@pytest.fixture
def steward(opened, browse):
    """A page without scripts; and what was changed for it is changed back."""
    return browse("steward", java_script_enabled=False)


def changed(opened, statement, **told):
    """One row of the database is another one."""
    with opened.world.house.engine.begin() as conn:
        assert conn.exec_driver_sql(statement, told).rowcount >= 1


def test_every_part_of_an_envelope_has_a_page(opened, steward, monkeypatch):
    """However many sets a file has, each is shown once, with what was answered to it."""
    (row,) = opened.rows(
        "SELECT file_id, count(*) AS sets FROM ledger.transaction_set"
        " GROUP BY 1 ORDER BY 2 DESC LIMIT 1"
    )
    (known,) = opened.rows(
        "SELECT (SELECT count(*) FROM ledger.interchange WHERE file_id = :id)"
        " + (SELECT count(*) FROM ledger.functional_group WHERE file_id = :id) AS above",
        id=row.file_id,
    )
    monkeypatch.setattr(files, "_PARTS", 4)
    steward.goto(f"/files/{row.file_id}")
    names = []
    while True:
        names += steward.locator("th[class^=level]").all_inner_texts()
        following = steward.get_by_role("link", name="Next parts")
        if not following.count():
            break
        following.click()
    assert len(names) == row.sets + known.above
    assert names[0].startswith("ISA ")
    steward.get_by_role("link", name="First parts").click()
    assert steward.locator("th[class^=level]").all_inner_texts() == names[:4]


def test_a_file_says_how_often_and_when_last_it_was_seen_again(opened, steward):
    """Also when it lies in the outbox for months."""
    (row,) = opened.rows("SELECT min(file_id) AS file_id, min(run_id) AS run_id FROM ledger.file")
    seen = "INSERT INTO ledger.sighting (file_id, run_id, seen_at) SELECT %(file)s, %(run)s,"
    seen += (
        " timestamptz '2027-01-01 06:00Z' + day * interval '1 day' FROM generate_series(1, 60) day"
    )
    changed(opened, seen, file=row.file_id, run=row.run_id)
    steward.goto(f"/files/{row.file_id}")
    assert "60 times, last 2027-03-02" in steward.locator("dl.facts").inner_text()
    changed(opened, "DELETE FROM ledger.sighting WHERE seen_at > '2027-01-01'")


def test_each_cause_counts_the_rows_that_its_link_leads_to(opened, steward):
    """Without what is snoozed, and of one source: fields have the same names in several."""
    number = int(place_of("/triage/{work}/{number}", opened).rpartition("/")[2])
    snooze = "UPDATE ledger.case SET snoozed_until = %(day)s WHERE case_id = %(id)s"
    changed(opened, snooze, day="2999-12-31", id=number)
    steward.goto("/triage")
    causes = steward.get_by_role("table", name="Causes").locator("tbody tr")
    told = [
        (causes.nth(n).locator("a").get_attribute("href"), causes.nth(n).locator("td.number"))
        for n in range(causes.count())
    ]
    counted = {address: int(numbers.first.inner_text()) for address, numbers in told}
    assert len(counted) == len(told) > 1
    for address, count in counted.items():
        assert {"work", "sort", "cause"} <= parse_qs(urlsplit(address).query).keys()
        steward.goto(address)
        rows = 0
        while True:
            rows += steward.locator("tbody input[type=checkbox]").count()
            following = steward.get_by_role("link", name="Later due")
            if not following.count():
                break
            following.click()
        assert rows == count, address
    changed(opened, snooze, day=None, id=number)


def test_waivers_that_are_not_shown_are_told(opened, browse, monkeypatch):
    """The page has the newest; that there may be more it says."""
    page = browse("auditor")
    waivers = page.locator("section[aria-labelledby=waivers]")
    said = "INSERT INTO reconciliation.break_event (break_id, at, person, account, action, state)"
    said += " SELECT min(break_id), '2026-12-02', 'Ada', 'console:1', 'waive', 'waived'"
    changed(opened, said + " FROM reconciliation.break")
    page.goto("/reconciliation?from=2026-12-01&to=2026-12-31")
    assert waivers.locator("tbody tr").count() == 1
    assert "The newest" not in waivers.inner_text()
    monkeypatch.setattr(reconciliation, "WAIVERS_MOST", 1)
    page.reload()
    assert "The newest 1 are shown; what is taken away has all." in waivers.inner_text()
    changed(opened, "DELETE FROM reconciliation.break_event WHERE action = 'waive'")
