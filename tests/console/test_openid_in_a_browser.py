"""Sign-in by OpenID Connect through the real routes, in a browser, with a provider that answers."""

import pytest

from pipeline.settings import GroupGrant, OpenIdSettings
from tests.cases.world import CEDAR, HARBOR
from tests.console.provider import CLIENT, IdentityProvider
from tests.console.seeded import served


@pytest.fixture(scope="module")
def identity():
    """The provider."""
    provider = IdentityProvider()
    yield provider
    provider.close()


@pytest.fixture(scope="module")
def opened(night, identity):
    """The console of the seeded night, for whom that provider vouches."""
    grants = {"stewards": GroupGrant(roles=["steward"], partners=[HARBOR])}
    known = OpenIdSettings(issuer=identity.issuer, client_id=CLIENT, grants=grants)
    settings = night.house.settings.console.model_copy(update={"openid": known})
    with served(night, accounts=False, console=settings) as opened:
        yield opened


@pytest.fixture
def arriving(browse, identity):
    """A page at the form of sign-in, and claims as the provider usually makes them."""
    identity.claims = {}
    page = browse(None)
    page.goto("/sign-in")
    yield page
    identity.claims = {}


def _through_provider(page):
    page.get_by_role("link", name="your organisation").click()
    page.wait_for_load_state()


def test_who_signs_in_at_the_provider_comes_in_with_what_its_groups_grant(arriving, identity):
    """By code, with PKCE, state and nonce; as the steward of one partner, and of no other."""
    _through_provider(arriving)
    assert "Night of" in arriving.locator("h1").inner_text()
    assert arriving.get_by_role("link", name="rosa@example.com").is_visible()
    assert identity.asked["code_challenge_method"] == "S256"
    assert {"state", "nonce", "code_challenge"} <= identity.asked.keys()
    assert HARBOR in arriving.content()
    assert CEDAR not in arriving.content()
    assert arriving.get_by_role("link", name="Triage").count() == 1
    assert arriving.get_by_role("link", name="Held").count() == 0
    names = {cookie["name"] for cookie in arriving.context.cookies()}
    assert "__Host-edi834" in names
    assert "__Host-edi834-openid" not in names
    assert "code=" not in arriving.url


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"nonce": "another one"}, "The sign-in was refused"),
        ({"aud": "somebody else's"}, "The sign-in was refused"),
        ({"groups": ["cooks"]}, "No group of yours may use the console"),
        ({"groups": []}, "Ask its administrator"),
    ],
    ids=["nonce", "audience", "unknown group", "no group"],
)
def test_what_the_provider_may_not_vouch_for_is_refused_in_a_sentence(
    arriving, identity, claims, said
):
    """On the form of sign-in, without a session."""
    identity.claims = claims
    _through_provider(arriving)
    assert said in arriving.locator("main").inner_text()
    assert arriving.get_by_role("link", name="your organisation").is_visible()
    assert all(c["name"] != "__Host-edi834" for c in arriving.context.cookies())
    arriving.goto("/")
    assert arriving.url.endswith("/sign-in")


def test_an_answer_with_another_state_is_refused(arriving, identity):
    """Somebody else's answer, put into this browser, opens nothing."""
    identity.state = "somebody else's"
    _through_provider(arriving)
    identity.state = None
    assert "The sign-in was refused" in arriving.locator("main").inner_text()
    assert all(c["name"] != "__Host-edi834" for c in arriving.context.cookies())


def test_an_answer_that_nobody_has_begun_is_refused(arriving, identity):
    """And so is the same answer a second time."""
    _through_provider(arriving)
    answered = identity.answered
    arriving.get_by_role("button", name="Sign out").click()
    arriving.goto(answered)
    assert "The sign-in was refused" in arriving.locator("main").inner_text()
