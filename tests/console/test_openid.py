"""Sign-in by OpenID Connect, against a provider that really answers."""

import time
from urllib.parse import parse_qs, urlsplit

import pytest

from console.accounts import keep_guest
from console.openid import Provider
from pipeline.settings import GroupGrant, OpenIdSettings
from schemas.errors import Retryable, Terminal
from tests.console.provider import CLIENT, IdentityProvider

BACK = "https://console.example.com/sign-in/answer"


@pytest.fixture
def identity():
    """The provider."""
    provider = IdentityProvider()
    yield provider
    provider.close()


@pytest.fixture
def console(identity):
    """Our side of it."""
    grants = {"stewards": GroupGrant(roles=["steward"], partners=["harbor-light-nc"])}
    return Provider(OpenIdSettings(issuer=identity.issuer, client_id=CLIENT, grants=grants))


@pytest.mark.control("unique-user")
def test_groups_grant_roles_and_partners(console, identity):
    """Who signs in there is known here by name, with what the settings grant its groups."""
    begun = console.begin(BACK)
    assert parse_qs(urlsplit(begun.url).query)["redirect_uri"] == [BACK]
    vouched = console.finish(BACK, begun.kept, identity.sign_in(begun.url))
    assert (vouched.subject, vouched.name) == ("person-7", "rosa@example.com")
    assert (vouched.grant.roles, vouched.grant.partners) == (["steward"], ["harbor-light-nc"])


@pytest.mark.control("unique-user")
@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "somebody else's"},
        {"azp": "somebody else's"},
        {"exp": int(time.time()) - 3600},
        {"nonce": "another one"},
        {"iss": "https://elsewhere.example.com"},
    ],
    ids=lambda claims: next(iter(claims)),
)
def test_a_token_that_is_not_for_this_sign_in_is_refused(console, identity, claims):
    """Made for another client, another browser, another time or by another issuer."""
    identity.claims = claims
    begun = console.begin(BACK)
    with pytest.raises(Terminal, match="was refused"):
        console.finish(BACK, begun.kept, identity.sign_in(begun.url))


def test_an_answer_to_another_browser_is_refused(console, identity):
    """Its state, nonce and verifier are those of the browser that began."""
    theirs, ours = console.begin(BACK), console.begin(BACK)
    with pytest.raises(Terminal, match="was refused"):
        console.finish(BACK, ours.kept, identity.sign_in(theirs.url))


@pytest.mark.control("unique-user")
def test_an_answer_counts_once(console, identity):
    """The same code again opens nothing."""
    begun = console.begin(BACK)
    answer = identity.sign_in(begun.url)
    console.finish(BACK, begun.kept, answer)
    with pytest.raises(Terminal, match="was refused"):
        console.finish(BACK, begun.kept, answer)


def test_who_is_in_no_group_comes_not_in(console, identity):
    """Deny by default."""
    identity.claims = {"groups": ["cooks"]}
    begun = console.begin(BACK)
    with pytest.raises(Terminal, match="No group of yours"):
        console.finish(BACK, begun.kept, identity.sign_in(begun.url))


def test_a_provider_that_is_away_is_waited_for(console, identity):
    """Nobody is let in meanwhile."""
    identity.close()
    with pytest.raises(Retryable, match="does not answer"):
        console.begin(BACK)


@pytest.mark.control("access")
def test_an_account_that_we_disabled_stays_out(console, identity, conn):
    """Whatever the provider says."""
    begun = console.begin(BACK)
    vouched = console.finish(BACK, begun.kept, identity.sign_in(begun.url))
    known = (identity.issuer, vouched.subject, vouched.name, vouched.grant)
    keep_guest(conn, *known)
    conn.exec_driver_sql("UPDATE console.account SET state = 'disabled'")
    with pytest.raises(Terminal, match="disabled"):
        keep_guest(conn, *known)
