"""Every page: for eyes, ears and keyboards, at 320 pixels, without scripts, in light and dark."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from console.access import load_access
from tests.console.places import PLACES, place_of
from tests.console.visitor import ALL

GUIDELINES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}
CONTRAST = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}
_WIDTH = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(params=sorted(PLACES))
def place(request, opened):
    """The address of each page, by the path of its route."""
    return place_of(request.param, opened)


def _who(place):
    return None if place == "/sign-in" else ALL


def test_every_page_has_a_place_in_these_tests():
    """A screen that is added is looked at, too."""
    access = load_access()
    pages = {name.removeprefix("GET ") for name in {*access.endpoints, *access.open}}
    pages = {name for name in pages if not name.startswith("POST ")}
    assert pages - {"/health", "/metrics", "/sign-in/openid", "/sign-in/answer"} == set(PLACES)


@pytest.mark.control("accessibility")
def test_nobody_is_kept_out(place, browse):
    """axe-core finds nothing, and the browser has nothing to complain about, a policy broken.

    What is dark differs from what is light by its colours only.
    """
    page = browse(_who(place), color_scheme="light")
    complaints = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    answer = page.goto(place)
    assert answer.status == 200
    found = Axe().run(page, options=GUIDELINES)
    assert found.violations_count == 0, found.generate_report()
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    found = Axe().run(page, options=CONTRAST)
    assert found.violations_count == 0, found.generate_report()
    assert complaints == []


@pytest.mark.control("accessibility")
@pytest.mark.parametrize("scripts", [True, False])
def test_nothing_is_lost_at_320_pixels(place, browse, scripts):
    """As wide as a telephone, or 1280 pixels at 400 %: only tables scroll, and each for itself."""
    page = browse(_who(place), viewport={"width": 320, "height": 640}, java_script_enabled=scripts)
    page.goto(place)
    assert page.locator("h1").is_visible()
    if scripts:
        assert page.evaluate(_WIDTH) <= 0


@pytest.mark.control("accessibility")
def test_the_keyboard_comes_to_the_content_at_once(place, browse):
    """The first stop of the Tab key is the link past the navigation."""
    page = browse(_who(place))
    page.goto(place)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#content"


@pytest.mark.control("malicious-code")
def test_what_was_received_stays_text(place, browse):
    """Mark-up, formulas and signs that turn the direction of a text are shown, never followed."""
    page = browse(_who(place))
    dialogs = []
    page.on("dialog", lambda dialog: dialogs.append(dialog.message) or dialog.dismiss())
    page.goto(place)
    assert dialogs == []
    assert page.locator("img[onerror]").count() == 0
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in page.content()
