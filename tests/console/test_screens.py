"""Pictures of every page, wide and narrow, light and dark: `make screens` writes docs/screens/."""

from pathlib import Path

import pytest

from tests.console.places import PLACES, place_of
from tests.console.visitor import ALL

FOLDER = Path(__file__).parents[2] / "docs" / "screens"
LOOKS = {
    "wide": {"viewport": {"width": 1280, "height": 800}},
    "dark": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "dark"},
    "narrow": {"viewport": {"width": 320, "height": 640}},
}


@pytest.mark.screens
@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("path", sorted(PLACES))
def test_a_picture_is_taken(path, look, opened, browse):
    """The whole page as a PNG."""
    page = browse(None if path == "/sign-in" else ALL, **LOOKS[look])
    assert page.goto(place_of(path, opened)).status == 200
    name = path.strip("/").replace("/", "-").translate({ord(c): None for c in "{}"}) or "tonight"
    FOLDER.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=FOLDER / f"{name}-{look}.png", full_page=True)
