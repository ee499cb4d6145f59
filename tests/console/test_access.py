"""Who may do what: every role at every endpoint, and no other way in."""

import hashlib
import re

import pytest

from console.access import EMERGENCY, EVERYONE, load_access
from console.app import build_app, endpoints
from console.headers import HEADERS
from console.visits import SESSION_COOKIE
from schemas.errors import Terminal
from tests.cases.world import CEDAR, HARBOR
from tests.console.places import PLACES, place_of
from tests.console.visitor import ALL, make_account

ACCESS = load_access()
ENDPOINTS = sorted(ACCESS.endpoints)


def _ask(opened, endpoint, token):
    """The answer to an endpoint about nothing that there is, without a reason: nothing is done."""
    method, path = endpoint.split()
    path = re.sub(r"\{[a-z_]+\}", "0", path)
    if method == "GET":
        return opened.get(path, token)
    return opened.post(path, token, {})


@pytest.mark.control("access")
@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("role", sorted(ACCESS.roles))
def test_a_role_may_do_what_the_table_says(opened, role, endpoint):
    """403 for whatever the table does not name, and never for what it does."""
    allowed = ACCESS.endpoints[endpoint]
    answer = _ask(opened, endpoint, opened.token(role))
    is_admitted = role in allowed or EVERYONE in allowed
    assert (answer.status_code != 403) == is_admitted or "emergency access" in answer.text
    assert answer.status_code < 500


@pytest.mark.control("access")
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_nobody_comes_in_without_a_session(opened, endpoint):
    """A page leads to the sign-in, a form is refused."""
    answer = _ask(opened, endpoint, None)
    if endpoint.startswith("GET"):
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    else:
        assert answer.status_code == 403


@pytest.mark.control("access")
@pytest.mark.parametrize("endpoint", [e for e in ENDPOINTS if e.startswith("POST")])
@pytest.mark.parametrize(
    ("form", "headers"),
    [({"csrf": ""}, {}), ({"csrf": "0" * 64}, {}), ({}, {"Sec_Fetch_Site": "cross-site"})],
    ids=["without a token", "with another token", "from another site"],
)
def test_only_forms_of_ours_are_taken(opened, endpoint, form, headers):
    """Whatever another site lets a browser send is refused before anything is done."""
    path = re.sub(r"\{[a-z_]+\}", "0", endpoint.split()[1])
    answer = opened.post(path, opened.token(ALL), form, **headers)
    assert answer.status_code == 403


@pytest.mark.control("access")
def test_the_table_and_the_routes_are_the_same(opened):
    """What is served without a row, and a row that nothing serves, do not let the console start."""
    served = set(endpoints(opened.app))
    ACCESS.require(served)
    with pytest.raises(Terminal, match="GET /more is served, and has no row"):
        ACCESS.require({*served, "GET /more"})
    with pytest.raises(Terminal, match="has a row, and is not served"):
        ACCESS.require(served - {"GET /account"})
    assert endpoints(build_app(opened.world.house))


@pytest.mark.parametrize(
    "page",
    [
        "/triage/pairs?after=²",
        "/triage/disputes?before=²",
        "/triage?after=1+0001-01-01T00:00:00%2B14:00+1+case",
        f"/triage?after=1+2026-01-01T00:00:00%2B00:00+{'9' * 30}+case",
        "/triage?cause=%00",
        "/policies/%00/1",
        "/reconciliation?to=9999-12-31",
        "/reconciliation?to=0001-01-05",
    ],
)
def test_an_address_that_somebody_made_up_is_no_defect(opened, page):
    """A number that is none, a day beyond the calendar, a character that no text has."""
    assert opened.get(page, opened.token(ALL)).status_code in (200, 404)


def test_a_form_that_somebody_made_up_is_no_defect(opened):
    """It is refused in words; nothing of it is done."""
    token = opened.token(ALL)
    word = {"word": "merge", "action": "note", "reason": "x", "version": "²", "case-²": "²"}
    for page in ("/triage/pairs/{match_id}", "/triage/{work}/{number}"):
        path = place_of(page, opened)
        assert opened.post(path, token, word | {"csrf": "é"}).status_code == 403
        assert opened.post(path, token, word | {"reason": "\0"}).status_code == 409
    assert opened.post("/triage", token, word).status_code == 409
    drawn = {"n": "000001000000", "seed": "1", "population": "members"}
    assert opened.post("/reconciliation/sample", token, drawn).status_code == 409


@pytest.mark.control("transmission")
@pytest.mark.parametrize("path", ["/", "/sign-in", "/nowhere", "/static/console.css", "/health"])
def test_every_answer_has_its_headers(opened, path):
    """Answers with pages, failures and files alike; only files may be kept."""
    answer = opened.get(path, opened.token(ALL))
    kept = HEADERS | (
        {"Cache-Control": "public, max-age=31536000, immutable"} if "static" in path else {}
    )
    assert {name: answer.headers.get(name) for name in kept} == kept
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert "server" not in answer.headers


@pytest.mark.control("access")
def test_a_person_sees_its_own_partners(opened):
    """What belongs to another partner is not there at all."""
    name = "harbor only"
    roles = [role for role in ACCESS.roles if role != EMERGENCY]
    opened.accounts[name] = make_account(opened.world, name, roles, (HARBOR,))
    token = opened.token(name)
    for path in PLACES:
        answer = opened.get(place_of(path, opened), token)
        assert CEDAR not in answer.text, path
    assert HARBOR in opened.get("/", token).text
    (of_cedar,) = opened.rows(
        "SELECT min(file_id) AS file_id FROM ledger.file WHERE partner_id = :partner", partner=CEDAR
    )
    hidden = f"/reveal?field=segment&of={of_cedar.file_id}-0-1"
    assert opened.get(hidden, token).status_code == 404


@pytest.mark.control("audit", "minimum-necessary")
def test_a_value_is_shown_once_the_trail_has_noted_who_saw_it(opened):
    """Without a reason nothing; with one that value, and in the trail the reason's hash."""
    path = place_of("/reveal", opened)
    of = path.rpartition("=")[2]
    token = opened.token("steward")
    asked = opened.get(path, token)
    refused = opened.post("/reveal", token, {"field": "segment", "of": of, "reason": " "})
    shown = opened.post("/reveal", token, {"field": "segment", "of": of, "reason": "Call 17."})
    assert "ISA*" not in asked.text + refused.text
    assert refused.status_code == 409
    assert "ISA*" in shown.text
    assert of not in shown.headers.get("location", "")
    (entry,) = opened.rows(
        "SELECT actor, object_id, details::text AS details FROM ledger.audit_entry"
        " WHERE action = 'revealed' ORDER BY ordinal DESC LIMIT 1"
    )
    assert (entry.actor, str(entry.object_id)) == ("steward", of.split("-")[0])
    assert "Call 17" not in entry.details
    assert hashlib.sha256(b"Call 17.").hexdigest() in entry.details


@pytest.mark.control("minimum-necessary")
def test_a_role_uncovers_what_the_table_says(opened):
    """Operations sees no bytes of a segment; in an emergency a person may."""
    path = place_of("/reveal", opened)
    for role in ACCESS.roles:
        may = role in ACCESS.fields["segment"].reveal
        assert (opened.get(path, opened.token(role)).status_code == 200) == may, role


def test_the_cookie_of_a_session_is_no_token_of_another(opened):
    """A made-up token is nobody's."""
    answer = opened.get("/", "made-up", Cookie=f"{SESSION_COOKIE}=made-up")
    assert answer.status_code == 303
