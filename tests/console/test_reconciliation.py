"""What auditors do: from figures to bytes, samples drawn twice alike, periods that two sign."""

import csv
import hashlib
import html
import io
import json
import zipfile
from pathlib import Path

import pytest
import sqlalchemy as sa

from console.screens import looked_at, reconciliation
from schemas.report_tables import DEFINITIONS, MEASURE_DEFINITIONS
from tests.console.places import payments_of, place_of
from tests.console.visitor import make_account

DAYS = {"from": "2026-12-01", "to": "2026-12-31"}


@pytest.fixture
def auditor(opened):
    """The token of a session of an auditor."""
    return opened.token("auditor")


def trail(opened, action):
    """What the audit trail has of an action: who, and the details."""
    return [
        (row.actor, row.details)
        for row in opened.rows(
            "SELECT actor, details::text FROM ledger.audit_entry WHERE action = :action"
            " ORDER BY ordinal",
            action=action,
        )
    ]


def test_every_figure_of_breaks_leads_to_its_rows_and_each_row_to_its_bytes(opened, browse):
    """By links alone: a count, that many rows, the evidence, the segment with a reason."""
    page = browse("auditor")
    page.goto("/reconciliation?from=2026-12-01&to=2026-12-31")
    links = page.locator("section[aria-labelledby=causes] td a")
    counts = [int(links.nth(n).inner_text().split()[0]) for n in range(links.count())]
    (known,) = opened.rows("SELECT count(*) AS n FROM reconciliation.break")
    assert sum(counts) == known.n > 0
    links.first.click()
    assert page.locator("tbody tr").count() == counts[0]
    page.goto(place_of("/reconciliation/breaks/{break_id}", opened))
    assert page.get_by_text("hash checked now").is_visible()
    page.locator("a.uncover[href*=segment]").click()
    page.get_by_label("Reason").fill("Proof of a figure.")
    page.get_by_role("button", name="Uncover this value").click()
    assert page.locator("pre.bytes").inner_text().startswith("INS")


def test_the_carriers_record_behind_a_break_is_uncovered_with_a_reason(opened, browse):
    """Its fields are told without their values; these need a reason, which the trail has."""
    (differing,) = opened.rows(
        "SELECT break_id, carrier_value FROM reconciliation.break WHERE field = 'birth_date'"
    )
    page = browse("auditor", java_script_enabled=False)
    page.goto(f"/reconciliation/breaks/{differing.break_id}")
    assert differing.carrier_value not in page.content()
    page.locator("a.uncover[href*=carrier_row]").click()
    page.get_by_label("Reason").fill("What the carrier has.")
    page.get_by_role("button", name="Uncover this value").click()
    assert f"birth_date: {differing.carrier_value}" in page.locator("pre").inner_text()
    assert [actor for actor, told in trail(opened, "revealed") if "carrier_row" in told] == [
        "auditor"
    ]


def test_a_match_rate_of_payments_leads_to_its_rows(opened, auditor):
    """By the look's link; each row has its bytes, and the policy shows the same money."""
    file_id = payments_of(opened)
    dashboard = opened.get("/reconciliation?from=2026-12-01&to=2026-12-31", auditor).text
    assert f'href="/reconciliation/files/{file_id}"' in dashboard
    rows = opened.rows(
        "SELECT exchange_policy_id, payments FROM reconciliation.premium_month"
        " WHERE file_id = :file_id",
        file_id=file_id,
    )
    page = opened.get(f"/reconciliation/files/{file_id}", auditor).text
    assert all(row.exchange_policy_id in page for row in rows)
    assert page.count(f"of={file_id}-0-105") == len(rows)
    policy = opened.get(f"/policies/harbor-light-nc/{rows[0].exchange_policy_id}", auditor).text
    assert "Money of the exchange" in policy
    assert f"{rows[0].payments:,.2f}" in policy


def test_a_page_that_is_just_full_has_no_page_behind_it(opened, auditor, monkeypatch):
    """Of rows of a file, of a night's comparison and of breaks; one row more has one."""
    file_id, days = payments_of(opened), "from=2026-12-01&to=2026-12-31"
    linked = '<th scope="row"><a href='
    for screen, path, row in (
        (looked_at, f"/reconciliation/files/{file_id}", '<th scope="row" class="number">'),
        (reconciliation, "/reconciliation/looks/1", linked),
        (reconciliation, f"/reconciliation/breaks?{days}", linked),
        (reconciliation, f"/reconciliation/work/first_time_right?{days}", linked),
    ):
        monkeypatch.setattr(screen, "ROWS", 50)
        count = opened.get(path, auditor).text.count(row)
        assert count > 1, path
        monkeypatch.setattr(screen, "ROWS", count)
        assert 'rel="next"' not in opened.get(path, auditor).text, path
        monkeypatch.setattr(screen, "ROWS", count - 1)
        short = opened.get(path, auditor).text
        assert short.count(row) == count - 1
        behind = html.unescape(short.partition('<a rel="next" href="')[2].partition('"')[0])
        assert opened.get(behind, auditor).text.count(row) == 1, path


_COPIED = """
INSERT INTO {table} OVERRIDING SYSTEM VALUE
SELECT (jsonb_populate_record(t, :other)).* FROM {table} t
WHERE partner_id = :partner AND exchange_policy_id = :policy {newest}
"""


def test_the_books_row_behind_a_break_is_that_of_its_partner(opened, auditor):
    """Two exchanges may give one policy id to two policies: each break shows its own one."""
    (ours,) = opened.rows(
        "SELECT min(break_id) AS number, b.partner_id, b.exchange_policy_id AS policy, p.plan_id"
        " FROM reconciliation.break b JOIN book.policy p USING (partner_id, exchange_policy_id)"
        " JOIN book.member m USING (partner_id, exchange_policy_id, exchange_member_id)"
        " WHERE p.known_to = 'infinity' AND m.known_to = 'infinity' GROUP BY 2, 3, 4"
        " ORDER BY 1 LIMIT 1"
    )
    other = {"partner_id": "cedar-valley-tx", "break_id": 9_000_000, "plan_id": "77777TX0010001"}
    assert ours.partner_id != other["partner_id"]
    told = {"partner": ours.partner_id, "policy": ours.policy, "other": json.dumps(other)}
    with opened.world.house.engine.begin() as conn:
        for table in ("book.policy", "book.member", "reconciliation.break"):
            known = "known_to = 'infinity'" if "book" in table else f"break_id = {ours.number}"
            conn.execute(sa.text(_COPIED.format(table=table, newest=f"AND {known}")), told)
    try:
        for number, plan in ((ours.number, ours.plan_id), (other["break_id"], other["plan_id"])):
            page = opened.get(f"/reconciliation/breaks/{number}", auditor).text
            assert f"plan {plan}," in page
    finally:
        with opened.world.house.engine.begin() as conn:
            for table in ("reconciliation.break", "book.member", "book.policy"):
                gone = f"DELETE FROM {table} WHERE partner_id = :other AND exchange_policy_id = :id"
                conn.execute(sa.text(gone), {"other": other["partner_id"], "id": ours.policy})


def test_the_ages_count_every_break_once(opened, browse):
    """Each cell leads to as many rows as it says."""
    page = browse("auditor")
    page.goto("/reconciliation?from=2026-12-01&to=2026-12-31")
    cells = page.locator("section[aria-labelledby=ages] td a")
    counts = [int(cells.nth(n).inner_text().split()[0]) for n in range(cells.count())]
    (known,) = opened.rows("SELECT count(*) AS n FROM reconciliation.break")
    assert sum(counts) == known.n
    work = page.locator("section[aria-labelledby=work] td a")
    leads_to = {work.nth(n).get_attribute("href"): work.nth(n).inner_text() for n in range(3)}
    cells.first.click()
    assert page.locator("tbody tr").count() == counts[0]
    for address, count in leads_to.items():
        page.goto(address)
        assert page.locator("tbody tr").count() == int(count.split()[0])


def test_a_sample_is_drawn_alike_by_whoever_draws_it(opened, browse, auditor):
    """With scripts off, too; each draw is in the audit trail."""
    page = browse("auditor", java_script_enabled=False)
    page.goto("/reconciliation/sample")
    page.get_by_label("Seed").fill("seven")
    page.get_by_label("Rows").fill("4")
    page.get_by_role("button", name="Draw").click()
    first = page.locator("tbody th").all_inner_texts()
    form = {"population": "members", "seed": "seven", "n": "4"}
    again = opened.post("/reconciliation/sample", auditor, form).text
    assert len(first) == 4
    assert all(key in again for key in first)
    assert [actor for actor, _ in trail(opened, "exported")][-2:] == ["auditor"] * 2
    assert '"seed": "seven"' in trail(opened, "exported")[-1][1]


def test_two_persons_sign_a_period_in_the_browser(opened, browse, monkeypatch):
    """The preparer cannot review, and nobody when a figure has changed, which the page shows.

    That a later version says better what a figure means changes none.
    """
    page = browse("auditor")
    page.goto("/reconciliation/periods")
    page.get_by_label("Partner").select_option("harbor-light-nc")
    page.get_by_label("From").fill("2026-12-01")
    page.get_by_label("To").fill("2026-12-31")
    page.get_by_label("Reason").fill("All breaks looked at.")
    page.get_by_role("button", name="Sign as preparer").click()
    assert page.get_by_text("another person reviews it.").last.is_visible()
    assert page.get_by_role("button", name="Sign as reviewer").count() == 0
    address = page.url.removeprefix(opened.url)
    own = opened.post(address, opened.token("auditor"), {"reason": "All."})
    assert (own.status_code, "Somebody else must review" in own.text) == (409, True)
    other = browse("approver")
    other.goto(address)
    dearer(opened, 1)
    other.get_by_role("button", name="Compare with the figures of now").click()
    assert other.get_by_text("The figures differ from what was signed.").is_visible()
    refused = opened.post(address, opened.token("approver"), {"reason": "Twelve drawn."})
    assert (refused.status_code, "have changed since it was prepared" in refused.text) == (
        409,
        True,
    )
    dearer(opened, -1)
    for words in (DEFINITIONS, MEASURE_DEFINITIONS):
        for name in words:
            monkeypatch.setitem(words, name, "Said better.")
    other.reload()
    assert other.get_by_text("The figures are those that were prepared.").is_visible()
    other.get_by_label("Reason").fill("Twelve drawn.")
    other.get_by_role("button", name="Sign as reviewer").click()
    assert other.locator("h1 + .badge").inner_text().endswith("signed")
    assert [actor for actor, _ in trail(opened, "period reviewed")] == ["approver"]


def dearer(opened, dollars):
    """Makes the break of a premium dearer, as nothing of ours would afterwards."""
    with opened.world.house.engine.begin() as conn:
        changed = conn.exec_driver_sql(
            "UPDATE reconciliation.difference SET premium_difference = premium_difference"
            f" + {dollars} WHERE difference_id = (SELECT max(difference_id)"
            " FROM reconciliation.difference WHERE partner_id = 'harbor-light-nc'"
            " AND premium_difference IS NOT NULL)"
        )
        assert changed.rowcount == 1
        changed = conn.exec_driver_sql(
            "UPDATE reconciliation.break SET premium_difference = premium_difference"
            f" + {dollars} WHERE break_id = (SELECT min(break_id) FROM reconciliation.break"
            " WHERE partner_id = 'harbor-light-nc' AND premium_difference IS NOT NULL)"
        )
        assert changed.rowcount == 1


@pytest.mark.control("audit", "activity-review")
@pytest.mark.parametrize(("form", "begin"), [("pdf", b"%PDF"), ("xlsx", b"PK"), ("csv", b"PK")])
def test_what_is_taken_away_is_in_the_trail(opened, auditor, form, begin):
    """By form, filters and rows, under the person's name."""
    before = len(trail(opened, "exported"))
    taken = opened.post("/reconciliation/export", auditor, DAYS | {"form": form})
    assert (taken.status_code, taken.content[: len(begin)]) == (200, begin)
    assert "attachment" in taken.headers["Content-Disposition"]
    (actor, details), *more = trail(opened, "exported")[before:]
    told = json.loads(details)
    assert (actor, more, told["form"]) == ("auditor", [], form)
    assert DAYS["to"] in told["filters"].values()
    assert sum(told["rows"].values()) > 0
    if form == "csv":
        assert rows_of(taken.content) == told["rows"]


@pytest.mark.control("activity-review")
def test_what_was_signed_is_handed_out_with_an_entry_in_the_trail(opened):
    """Who took which bytes."""
    place = place_of("/reconciliation/periods/{period_id}", opened)
    taken = opened.post(f"{place}/report", opened.token("auditor"), {})
    assert taken.status_code == 200
    (entry,) = opened.rows(
        "SELECT actor, details ->> 'report' AS report, details ->> 'sha256' AS sha256"
        " FROM ledger.audit_entry WHERE action = 'exported' ORDER BY ordinal DESC LIMIT 1"
    )
    assert (entry.actor, entry.report) == ("auditor", "signed period")
    assert entry.sha256 == hashlib.sha256(taken.content).hexdigest()


def rows_of(packed):
    """How many rows each table of an export has."""
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        texts = {Path(name).stem: archive.read(name).decode() for name in archive.namelist()}
    del texts["about"]
    return {name: len(list(csv.DictReader(io.StringIO(text)))) for name, text in texts.items()}


@pytest.mark.control("access")
def test_nobody_sees_figures_of_another_partner(opened):
    """Neither by an address nor in an export, a sample or a period; without a partner, nothing."""
    theirs = place_of("/reconciliation/periods/{period_id}", opened)
    ours = place_of("/reconciliation/breaks/{break_id}", opened)
    token = _session(opened, "harbor auditor", ("harbor-light-nc",))
    page = opened.get("/reconciliation?from=2026-12-01&to=2026-12-31", token)
    assert "harbor-light-nc" in page.text
    assert "cedar-valley-tx" not in page.text
    other = {"partner": "cedar-valley-tx", "reason": "x", "form": "csv", "seed": "1", "n": "1"}
    for path in ("export", "sample", "periods"):
        assert opened.post(f"/reconciliation/{path}", token, other).status_code == 404, path
    assert opened.get(theirs, token).status_code == 404
    assert opened.get(ours, token).status_code == 200
    nobodys = _session(opened, "auditor of nobody", ())
    for path in (ours, "/reconciliation", "/reconciliation/breaks", "/reconciliation/looks/1"):
        assert opened.get(path, nobodys).status_code == 404, path


def _session(opened, name, partners):
    """The token of a session of a new auditor of these partners."""
    opened.accounts[name] = make_account(opened.world, name, ["auditor"], partners)
    return opened.token(name)
