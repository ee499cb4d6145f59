"""What would end coverage: looked at row by row, and released by two persons in a browser."""

from decimal import Decimal

import pytest

from console.screens import held
from enrollment.previews import preview
from ledger.server import embedded_url
from tests.cases.world import CEDAR, opened_world
from tests.console.seeded import served
from tests.console.visitor import make_account

_DAYS = 70  # by then every binder that was not paid is overdue
SECOND = "second approver"


@pytest.fixture(scope="module")
def opened(tmp_path_factory, server_folder):
    """A console over a night that has held what it has decided to end."""
    url = embedded_url(server_folder, "console_endings")
    folder = tmp_path_factory.mktemp("endings")
    with opened_world(folder, url, members=240, partner_ids=(CEDAR,)) as world:
        world.send(1)
        world.run(1)
        world.exchange.read_answers(1)
        _pay_once_more(world)
        world.run(_DAYS)
        with served(world) as opened:
            opened.accounts[SECOND] = make_account(world, SECOND, ["approver"])
            yield opened


def _pay_once_more(world):
    """Of somebody unknown: the carrier's records are not stale, or nobody's coverage would end."""
    path = world.folder / "carrier" / CEDAR / "payments.csv"
    *others, last = path.read_text("utf-8").splitlines()
    more = ",".join(["99999999999", *last.split(",")[1:]])
    path.write_text("\n".join([*others, last, more]) + "\n", "utf-8")


def _waiting(opened):
    with opened.world.house.engine.connect() as conn:
        return preview(conn, CEDAR, hold_id=1).to_pylist()


def test_a_hold_is_walked_by_key_to_its_last_policy(opened, browse, monkeypatch):
    """Every policy once, in the order of the command, with the dollars of all of them."""
    monkeypatch.setattr(held, "PAGE", 2)
    rows = _waiting(opened)
    assert len(rows) > 2
    page = browse("approver", java_script_enabled=False)
    page.goto("/held/outgoing/1")
    total = sum((row["premium_total"] for row in rows), Decimal(0))
    assert f"{total:,.2f}" in page.get_by_role("table", name="In all").inner_text()
    seen = []
    while True:
        table = page.get_by_role("table", name="Policies of the hold")
        seen += table.locator("tbody th").all_inner_texts()
        following = page.get_by_role("link", name="Next policies")
        if not following.count():
            break
        following.click()
    assert seen == [row["exchange_policy_id"] for row in rows]


def test_two_persons_release_it_and_the_next_night_sends_it(opened, browse):
    """One word is not enough, nor the same person's twice; then it goes out."""
    count = len(_waiting(opened))
    first = browse("approver", java_script_enabled=False)
    _release(first, "They have never paid.")
    assert first.get_by_text("Hold 1 waits for 1 more.").is_visible()
    _release(first, "They have never paid, I say.")
    assert first.get_by_text("has released hold 1 already").is_visible()
    second = browse(SECOND, java_script_enabled=False)
    _release(second, "Looked at each of them.")
    assert second.get_by_text("Hold 1 is released. The next night sends it.").is_visible()
    words = opened.rows(
        "SELECT decided_by, account FROM book.hold_word WHERE hold_id = 1 ORDER BY decided_at"
    )
    accounts = [(name, f"console:{opened.accounts[name]}") for name in ("approver", SECOND)]
    assert [tuple(row) for row in words] == accounts
    opened.world.run(_DAYS + 1)
    (sent,) = opened.rows(
        "SELECT count(*) AS sets FROM book.decision WHERE hold_id = 1 AND state = 'sent'"
    )
    assert sent.sets == count


def _release(page, reason):
    page.goto("/held/outgoing/1")
    form = page.locator("form.act", has=page.get_by_role("button", name="Release it"))
    form.get_by_label("Reason").fill(reason)
    form.get_by_role("button", name="Release it").click()
