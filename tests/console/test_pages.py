"""Every page: for eyes, ears and keyboards, at 320 pixels, without scripts, in light and dark."""

from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from console.access import load_access
from tests.console.places import PLACES, place_of
from tests.console.visitor import ALL

# What is right is not described: on a long page that takes longer than looking at it.
_ONLY = {"resultTypes": ["violations"]}
GUIDELINES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]} | _ONLY
CONTRAST = {"runOnly": {"type": "rule", "values": ["color-contrast"]}} | _ONLY
NARROW = {"width": 320, "height": 640}
_WIDTH = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


@dataclass(frozen=True)
class Visit:
    """A page in the browser, and what the browser had to say since it was asked for."""

    page: Page
    status: int
    complaints: list[str]
    dialogs: list[str]


@pytest.fixture(scope="module", params=sorted(PLACES))
def place(request, opened):
    """The address of each page, by the path of its route."""
    return place_of(request.param, opened)


@pytest.fixture(scope="module")
def contexts(opened, chromium):
    """Browsers by who has signed in, and whether scripts run: each serves all pages."""
    with ExitStack() as stack:

        @cache
        def context_of(who, scripts):
            options = {} if scripts else {"viewport": NARROW, "java_script_enabled": False}
            context = stack.enter_context(
                chromium.new_context(base_url=opened.url, color_scheme="light", **options)
            )
            if who is not None:
                context.add_cookies([opened.cookie(who)])
            return context

        yield context_of


@pytest.fixture(scope="module")
def who(place):
    """Who looks at the page."""
    return None if place == "/sign-in" else ALL


@pytest.fixture(scope="module")
def visit(place, who, contexts):
    """Each page, opened once for all that look at it with scripts."""
    page = contexts(who, scripts=True).new_page()
    complaints, dialogs = [], []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: dialogs.append(dialog.message) or dialog.dismiss())
    yield Visit(page, page.goto(place).status, complaints, dialogs)
    page.close()


def test_every_page_has_a_place_in_these_tests():
    """A screen that is added is looked at, too."""
    access = load_access()
    pages = {name.removeprefix("GET ") for name in {*access.endpoints, *access.open}}
    pages = {name for name in pages if not name.startswith("POST ")}
    assert pages - {"/health", "/metrics", "/sign-in/openid", "/sign-in/answer"} == set(PLACES)


@pytest.mark.control("accessibility")
def test_the_keyboard_comes_to_the_content_at_once(visit):
    """The first stop of the Tab key is the link past the navigation."""
    visit.page.keyboard.press("Tab")
    assert visit.page.evaluate("document.activeElement.className") == "skip"
    visit.page.keyboard.press("Enter")
    assert visit.page.evaluate("location.hash") == "#content"


@pytest.mark.control("accessibility")
def test_nobody_is_kept_out(visit):
    """axe-core finds nothing, and the browser has nothing to complain about, a policy broken.

    What is dark differs from what is light by its colours only.
    """
    assert visit.status == 200
    found = Axe().run(visit.page, options=GUIDELINES)
    assert found.violations_count == 0, found.generate_report()
    visit.page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    found = Axe().run(visit.page, options=CONTRAST)
    assert found.violations_count == 0, found.generate_report()
    assert visit.complaints == []


@pytest.mark.control("malicious-code")
def test_what_was_received_stays_text(visit):
    """Mark-up, formulas and signs that turn the direction of a text are shown, never followed."""
    assert visit.dialogs == []
    assert visit.page.locator("img[onerror]").count() == 0
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in visit.page.content()


@pytest.mark.control("accessibility")
def test_nothing_is_lost_at_320_pixels(visit):
    """As wide as a telephone, or 1280 pixels at 400 %: only tables scroll, and each for itself."""
    visit.page.set_viewport_size(NARROW)
    assert visit.page.locator("h1").is_visible()
    assert visit.page.evaluate(_WIDTH) <= 0


@pytest.mark.control("accessibility")
def test_nothing_is_lost_without_scripts(place, who, contexts):
    """At 320 pixels, too."""
    page = contexts(who, scripts=False).new_page()
    page.goto(place)
    assert page.locator("h1").is_visible()
    page.close()
