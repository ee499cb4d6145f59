"""Who comes in, for how long, and what is noted of it."""

import hashlib
import re

import pytest
import sqlalchemy as sa

from console import sessions
from console.access import EMERGENCY, load_access
from console.accounts import (
    TRIES_OF_A_NAME,
    TRIES_OF_AN_ADDRESS,
    Grant,
    TooManyTries,
    account_by_password,
    set_local_account,
)
from console.passwords import make_password
from console.visits import FORM_COOKIE
from pipeline.figures import figures
from pipeline.settings import ConsoleSettings
from schemas.console import failed_sign_in
from schemas.errors import Terminal
from schemas.watch import load_watch
from tests.cases.world import HARBOR
from tests.console.places import place_of
from tests.console.seeded import served
from tests.console.visitor import make_account

EVERYTHING = Grant(["auditor"], ["*"])


@pytest.fixture
def transaction(opened):
    """A connection whose work is undone."""
    with opened.world.house.engine.connect() as conn:
        yield conn


def test_a_person_signs_in_and_out_in_a_browser(opened, browse):
    """By keyboard alone, from the form to tonight's board and out again."""
    password = make_password()
    with opened.world.house.engine.begin() as conn:
        set_local_account(conn, "nora", password, Grant(["operations"], ["*"]), "tests")
    page = browse(None, java_script_enabled=False)
    page.goto("/")
    assert page.url.endswith("/sign-in")
    page.fill("#name", "nora")
    page.fill("#password", password)
    with page.expect_navigation():  # pressing a key waits for nothing
        page.keyboard.press("Enter")
    assert "Night of" in page.locator("h1").inner_text()
    (cookie,) = [c for c in page.context.cookies() if c["name"] == "__Host-edi834"]
    assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (True, True, "Lax")
    page.get_by_role("button", name="Sign out").click()
    assert page.url.endswith("/sign-in")
    assert opened.get("/", cookie["value"]).status_code == 303


@pytest.mark.control("logoff")
def test_a_session_ends_when_nothing_happens(transaction, opened):
    """After 15 minutes on the server, whatever the browser keeps; the hash of its token is kept."""
    token = sessions.begin(transaction, opened.accounts["auditor"])
    assert sessions.guest_of(transaction, token).name == "auditor"
    assert (sessions.IDLE_MINUTES, sessions.LONGEST_HOURS) == (15, 12)
    _shift(transaction, "last_seen_at", sessions.IDLE_MINUTES + 1)
    assert sessions.guest_of(transaction, token) is None


@pytest.mark.control("logoff")
def test_a_session_ends_after_half_a_day(transaction, opened):
    """However busy somebody is."""
    token = sessions.begin(transaction, opened.accounts["auditor"])
    _shift(transaction, "began_at", sessions.LONGEST_HOURS * 60 + 1)
    assert sessions.guest_of(transaction, token) is None


def test_no_token_is_kept(transaction, opened):
    """Whoever reads the table can sign in as nobody."""
    token = sessions.begin(transaction, opened.accounts["auditor"])
    kept = transaction.exec_driver_sql("SELECT s::text FROM console.session s").scalars()
    assert not [row for row in kept if token in row]


def test_an_account_that_was_disabled_is_out_at_once(transaction, opened):
    """Also in the middle of a session."""
    token = sessions.begin(transaction, opened.accounts["auditor"])
    transaction.exec_driver_sql("UPDATE console.account SET state = 'disabled'")
    assert sessions.guest_of(transaction, token) is None


@pytest.mark.control("authentication")
def test_wrong_passwords_are_counted_by_name(transaction):
    """After five none is looked at, not even the right one, nor for a name that nobody has."""
    password = make_password()
    set_local_account(transaction, "omar", password, EVERYTHING, "tests")
    assert account_by_password(transaction, "omar", password, "here") is not None
    for name in ("omar", "nobody of that name"):
        for _ in range(TRIES_OF_A_NAME):
            assert account_by_password(transaction, name, "wrong", f"from {name}") is None
        with pytest.raises(TooManyTries):
            account_by_password(transaction, name, password, f"from {name}")


PUBLIC = "https://enrollment.carrier.example"
PROXY, ATTACKER, STEWARD = "127.0.0.1", "203.0.113.7", "203.0.113.8"


@pytest.fixture
def guesses(opened):
    """As many wrong passwords as there may be from the proxy and from one browser, then none."""
    tries = [
        {"subject_sha256": _sha256(f"{n}"), "address_sha256": _sha256(address)}
        for address in (PROXY, ATTACKER)
        for n in range(TRIES_OF_AN_ADDRESS)
    ]
    with opened.world.house.engine.begin() as conn:
        conn.execute(sa.insert(failed_sign_in).values(tries))
    yield
    with opened.world.house.engine.begin() as conn:
        conn.execute(sa.delete(failed_sign_in))


@pytest.mark.control("authentication")
@pytest.mark.parametrize(
    ("settings", "kept_out"),
    [
        ({}, {None, ATTACKER, STEWARD}),
        ({"public_url": PUBLIC}, {ATTACKER}),
        ({"public_url": PUBLIC, "proxies": ["10.0.0.0/8"]}, set()),
    ],
    ids=["no proxy", "the proxy is believed", "another proxy is"],
)
@pytest.mark.usefixtures("guesses")
def test_who_guesses_behind_a_proxy_keeps_nobody_else_out(night, settings, kept_out):
    """Tries are counted by the browser that the proxy names; by the proxy's own address never."""
    console = ConsoleSettings(**night.house.settings.console.model_dump() | settings)
    password = make_password()
    with night.house.engine.begin() as conn:
        set_local_account(conn, "rosa", password, EVERYTHING, "tests")
    with served(night, accounts=False, console=console) as opened:
        for browser in (None, ATTACKER, STEWARD):
            form = {"name": "rosa", "password": password, "csrf": sessions.form_token("a form")}
            headers = {"Cookie": f"{FORM_COOKIE}=a form"}
            headers |= {"X_Forwarded_For": browser} if browser else {}
            answer = opened.post("/sign-in", None, form, **headers)
            assert answer.status_code == (429 if browser in kept_out else 303), browser


@pytest.mark.control("authentication")
def test_another_password_ends_what_was_begun_with_the_one_before(transaction):
    """An administrator who gives one because the old one was stolen shuts the thief out."""
    known = set_local_account(transaction, "tess", make_password(), EVERYTHING, "tests")
    token = sessions.begin(transaction, known)
    assert set_local_account(transaction, "tess", make_password(), EVERYTHING, "tests") == known
    assert sessions.guest_of(transaction, token) is None


@pytest.mark.control("idle-accounts")
def test_an_account_that_nobody_used_lets_nobody_in(transaction):
    """After sixty days (ARC-AMPE AC-2(3))."""
    password = make_password()
    set_local_account(transaction, "piet", password, EVERYTHING, "tests")
    for days, lets_in in ((61, False), (59, True)):
        transaction.exec_driver_sql(
            "UPDATE console.account SET last_seen_at = NULL,"
            f" created_at = now() - interval '{days} days' WHERE subject = 'piet'"
        )
        found = account_by_password(transaction, "piet", password, "here")
        assert (found is not None) is lets_in


def test_a_role_that_there_is_not_is_refused():
    """A wrong name in a group's grant or on the command line gives no account."""
    with pytest.raises(Terminal, match="no role 'king'"):
        Grant(["king"], ["*"])


@pytest.mark.control("emergency-access")
def test_an_emergency_needs_a_reason_and_ends(opened):
    """Break-glass: wider rights of a session for half an hour, said on every page and noted."""
    held = ["operations", EMERGENCY]
    opened.accounts["zoe"] = make_account(opened.world, "zoe", held, ("harbor-light-nc",))
    token = opened.token("zoe")
    uncover = "/reveal?field=segment&of=1-0-1"
    assert opened.get(uncover, token).status_code in (403, 404)
    assert opened.post("/account/emergency", token, {"reason": ""}).status_code == 409
    done = opened.post("/account/emergency", token, {"reason": "The exchange asks by telephone."})
    assert done.status_code == 303
    assert "Emergency access until" in opened.get("/", token).text
    assert opened.get(uncover, token).status_code == 200
    (entry,) = opened.rows(
        "SELECT actor, details::text AS details FROM ledger.audit_entry"
        " WHERE action = 'emergency access' AND actor = 'zoe'"
    )
    assert "telephone" not in entry.details
    beyond = load_watch().beyond(figures(opened.world.house))
    assert "emergency-access" in {rule.id for rule, _ in beyond}  # somebody hears of it
    with opened.world.house.engine.begin() as conn:
        conn.exec_driver_sql(
            "UPDATE console.session SET emergency_until = now() WHERE account_id = "
            f"{opened.accounts['zoe']}"
        )
    assert opened.get(uncover, token).status_code in (403, 404)


@pytest.mark.control("emergency-access")
def test_the_table_of_roles_names_an_emergency_for_reading_only():
    """Nobody releases, disables or changes anything because of an emergency."""
    written = {
        name
        for name, roles in load_access().endpoints.items()
        if EMERGENCY in roles and name.startswith("POST")
    }
    assert written == {"POST /reveal", "POST /files/{file_id}/raw"}


@pytest.mark.control("emergency-access")
@pytest.mark.parametrize(
    "page",
    [
        "/held/outgoing/{hold_id}",
        "/triage/pairs/{match_id}",
        "/triage/{work}/{number}",
        "/reconciliation/periods/{period_id}",
    ],
)
def test_an_emergency_opens_what_may_only_be_looked_at(opened, page):
    """Who works for no partner sees the page then, and its forms are about nothing of theirs."""
    if "nemo" not in opened.accounts:
        opened.accounts["nemo"] = make_account(opened.world, "nemo", list(load_access().roles), ())
    token, path = opened.token("nemo"), place_of(page, opened)
    word = {"word": "released", "action": "note", "reason": "Now!", "version": "0"}
    assert opened.get(path, token).status_code == 404
    opened.post("/account/emergency", token, {"reason": "The exchange asks by telephone."})
    assert opened.get(path, token).status_code == 200
    assert opened.post(path, token, word).status_code == 404
    held = opened.post(f"/partners/{HARBOR}", token, {"word": "hold", "reason": "Now!"})
    assert held.status_code == 404


def test_the_first_account_is_printed_once(opened):
    """`edi834 console account` prints a password that nobody else has, and it opens the console."""
    ended = opened.world.edi834("console", "account", "quinn", "--role", "auditor")
    assert ended.code == 0, ended.err
    password = re.search(r"password (\S+)", ended.out)[1]
    with opened.world.house.engine.begin() as conn:
        assert account_by_password(conn, "quinn", password, "here") is not None
    assert opened.world.edi834("console", "account", "quinn", "--role", "king").code == 2


def _sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


def _shift(conn, column, minutes):
    conn.exec_driver_sql(
        f"UPDATE console.session SET {column} = now() - interval '{minutes} minutes'"
    )
