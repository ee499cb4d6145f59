"""The work of operations: find a file, see why, take its bytes, decide what is held."""

import hashlib

import pytest

from console.screens.files import PAGE
from tests.cases.world import CEDAR
from tests.console.visitor import HOSTILE


def test_the_ledger_is_walked_by_key_and_loses_nothing(opened, browse):
    """From page to page every file comes once, the newest first."""
    (all_files,) = opened.rows("SELECT count(*) AS files FROM ledger.file")
    page = browse("operations", java_script_enabled=False)
    page.goto("/files")
    seen = []
    while True:
        seen += [link.get_attribute("href") for link in page.locator("a[data-open]").all()]
        older = page.get_by_role("link", name="Older")
        if not older.count():
            break
        older.click()
    numbers = [int(path.rpartition("/")[2]) for path in seen]
    assert len(numbers) == all_files.files
    assert numbers == sorted(numbers, reverse=True)
    assert (len(numbers) > PAGE) == (all_files.files > PAGE)


def test_a_file_is_found_by_the_beginning_of_its_name_or_its_hash(opened, browse):
    """The filter stands in the address, and signs of a pattern are only signs."""
    (one,) = opened.rows(
        "SELECT name, sha256, file_id FROM ledger.file WHERE name LIKE 'OPR%' ORDER BY 3 LIMIT 1"
    )
    page = browse("operations", java_script_enabled=False)
    for asked in (one.name[:12], one.sha256):
        page.goto("/files")
        page.fill("#search", asked)
        page.get_by_role("button", name="Find").click()
        assert f"search={asked}" in page.url
        assert page.locator(f'a[href="/files/{one.file_id}"]').count() == 1
    page.goto("/files?search=%25")
    assert page.locator("a[data-open]").count() == 0


def test_j_and_k_walk_the_ledger(opened, browse):
    """And Enter opens what they stand on."""
    page = browse("operations")
    page.goto("/files")
    links = page.locator("a[data-open]")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    assert page.evaluate(
        "document.activeElement.getAttribute('href')"
    ) == links.first.get_attribute("href")
    page.keyboard.press("Enter")
    page.wait_for_url("**/files/*")


def test_a_file_says_its_answers_with_their_cause(opened):
    """What the 999 says stands beside the issue that earned it."""
    (row,) = opened.rows(
        "SELECT file_id, message, rule FROM ledger.issue WHERE x12_field = 'IK403'"
        " ORDER BY file_id, issue_ordinal LIMIT 1"
    )
    text = opened.get(f"/files/{row.file_id}", opened.token("operations")).text
    assert text.count(row.rule) >= 1
    assert "IK5" in text


@pytest.mark.control("audit", "minimum-necessary")
def test_the_raw_bytes_need_a_reason_and_leave_an_entry(opened):
    """Byte for byte as they came, for a steward; operations may not."""
    (row,) = opened.rows(
        "SELECT file_id, sha256 FROM ledger.file WHERE direction = 'exchange_to_issuer'"
        " AND size_bytes > 1000 ORDER BY 1 LIMIT 1"
    )
    path = f"/files/{row.file_id}/raw"
    token = opened.token("steward")
    assert opened.post(path, opened.token("operations"), {"reason": "so"}).status_code == 403
    assert opened.post(path, token, {}).status_code == 409
    taken = opened.post(path, token, {"reason": "The exchange doubts it."})
    assert hashlib.sha256(taken.content).hexdigest() == row.sha256
    assert taken.headers["content-disposition"].startswith("attachment")
    (noted,) = opened.rows(
        "SELECT count(*) AS entries FROM ledger.audit_entry WHERE action = 'file taken'"
        " AND actor = 'steward' AND object_id = :file_id",
        file_id=row.file_id,
    )
    assert noted.entries == 1


def test_a_hostile_name_is_shown_and_does_nothing(opened, browse):
    """Mark-up in the name of a file stays text, and its turning sign is made visible."""
    page = browse("operations")
    page.goto(f"/files?partner={CEDAR}")
    shown = page.locator("a[data-open]", has_text="onerror=alert(1)").first.inner_text()
    assert shown.startswith(HOSTILE.split("\N{RIGHT-TO-LEFT OVERRIDE}")[0])
    assert page.locator("img").count() == 0


def test_a_second_person_decides_what_is_held(opened):
    """The console's word is the command's: one row with name, account and reason."""
    with opened.world.house.engine.begin() as conn:
        batch_id = conn.exec_driver_sql(
            "INSERT INTO ledger.gate_batch (partner_id, run_id, state, judged_in_run, judged_by)"
            f" SELECT '{CEDAR}', max(run_id), 'held', max(run_id), 'night crew'"
            " FROM ledger.run RETURNING batch_id"
        ).scalar_one()
    path = f"/held/gate/{batch_id}"
    said = {"word": "released", "reason": "Seen with the exchange."}
    assert opened.post(path, opened.token("operations"), said).status_code == 403
    assert "Let it into the book" in opened.get("/held", opened.token("approver")).text
    assert opened.post(path, opened.token("approver"), said).status_code == 303
    (row,) = opened.rows(
        "SELECT decided_by, account, reason FROM ledger.gate_decision WHERE batch_id = :batch_id",
        batch_id=batch_id,
    )
    assert (row.decided_by, row.reason) == ("approver", "Seen with the exchange.")
    assert row.account == f"console:{opened.accounts['approver']}"
    again = opened.post(path, opened.token("approver"), said)
    assert (again.status_code, "not held" in again.text) == (409, True)


def test_the_board_says_what_both_sides_owe(opened):
    """An 834 of ours that lies at the exchange without an answer, and since when."""
    owed = opened.rows(
        "SELECT count(*) AS files FROM ledger.file WHERE direction = 'issuer_to_exchange'"
        " AND kind = 'enrollment' AND state = 'delivered' GROUP BY partner_id"
    )
    assert owed
    board = opened.get("/", opened.token("operations")).text
    for row in owed:
        assert f"TA1 or 999 to {row.files} of our 834s now" in board


def test_the_board_counts_what_the_balance_counts(opened):
    """Files of the night, each in its place, and every line of the balance adds up."""
    arrived = opened.rows(
        "SELECT partner_id, count(*) AS files FROM ledger.file WHERE direction ="
        " 'exchange_to_issuer' AND run_id = (SELECT max(run_id) FROM ledger.run) GROUP BY 1"
    )
    board = opened.get("/", opened.token("operations")).text
    assert "off by" not in board
    assert board.count(">yes</span>") >= len(arrived)
