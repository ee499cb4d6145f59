"""The timeline of a policy in a browser."""

import pytest

from tests.cases.world import CEDAR, HARBOR
from tests.console.visitor import make_account


def _policy_of_two_beliefs(opened):
    (row,) = opened.rows(
        "SELECT partner_id, exchange_policy_id AS policy, count(*) AS beliefs FROM book.policy"
        " GROUP BY 1, 2 ORDER BY 3 DESC, 2 LIMIT 1"
    )
    return row


def test_a_policy_is_found_by_its_id_and_by_a_member_of_it(opened, browse):
    """Each of both leads to its timeline, whose sets lead to their files."""
    row = _policy_of_two_beliefs(opened)
    (member,) = opened.rows(
        "SELECT min(exchange_member_id) AS id FROM book.member"
        f" WHERE exchange_policy_id = '{row.policy}'"
    )
    page = browse("steward", java_script_enabled=False)
    for asked in (row.policy, member.id):
        page.goto("/policies")
        page.fill("#id", asked)
        page.get_by_role("button", name="Find").click()
        page.get_by_role("link", name=row.policy, exact=True).first.click()
        assert page.locator("h1").inner_text() == f"Policy {row.policy}"
    assert page.locator('a[href^="/files/"]').count() > 0
    assert page.get_by_role("img", name="Timeline of the policy").count() == 1


def test_the_sliders_ask_what_was_believed_of_a_day(opened, browse):
    """The first belief is drawn alone, and only what holds on the day stands in the tables."""
    row = _policy_of_two_beliefs(opened)
    page = browse("auditor")
    page.goto(f"/policies/{row.partner_id}/{row.policy}")
    assert "any day" in page.inner_text("label[for=month]")
    assert "now" in page.inner_text("label[for=belief]")

    page.locator("#belief").fill("1")
    page.locator("#month").fill("1")
    page.get_by_role("button", name="Show").click()

    assert "month=1" in page.url
    assert "belief=1" in page.url
    (first,) = opened.rows(
        "SELECT to_char(min(known_from) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') AS at"
        f" FROM book.policy WHERE exchange_policy_id = '{row.policy}'"
    )
    assert first.at in page.inner_text("label[for=belief]")


@pytest.mark.control("access")
def test_nobody_sees_a_policy_of_another_partner(opened):
    """Neither in a search nor by its address."""
    row = _policy_of_two_beliefs(opened)
    other = HARBOR if row.partner_id == CEDAR else CEDAR
    name = f"steward of {other} alone"
    opened.accounts[name] = make_account(opened.world, name, ["steward"], (other,))
    path = f"/policies/{row.partner_id}/{row.policy}"
    for role, status, found in (("steward", 200, True), (name, 404, False)):
        token = opened.token(role)
        assert opened.get(path, token).status_code == status
        assert (path in opened.get(f"/policies?id={row.policy}", token).text) is found
