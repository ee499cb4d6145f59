"""The console over a seeded night: one server for all of these tests, and Debian's Chromium."""

import itertools
import shutil

import pytest
from playwright.sync_api import sync_playwright

from ledger.server import embedded_url
from tests.console.seeded import seeded_night, served

_CHROMIUM = shutil.which("chromium")
# As root there is no sandbox; the others keep it from looking for hosts outside.
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def night(tmp_path_factory, server_folder):
    """A world after its first night: faults of the exchange, and one hostile file."""
    url = embedded_url(server_folder, f"console_{next(_numbers)}")
    with seeded_night(tmp_path_factory.mktemp("console"), url) as world:
        yield world


@pytest.fixture(scope="session")
def opened(night):
    """The console, served on loopback, with an account for each role."""
    with served(night) as opened:
        yield opened


@pytest.fixture(scope="module")
def chromium():
    """Debian's Chromium, one for each file of tests."""
    if _CHROMIUM is None:
        pytest.skip(
            "Chromium is not installed (Debian's package chromium; scripts/install-chromium)"
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=_FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def browse(opened, chromium):
    """Opens pages of the console as somebody: `browse("steward")`; `None` has not signed in."""
    contexts = []

    def browse(role, **options):
        context = chromium.new_context(base_url=opened.url, **options)
        contexts.append(context)
        if role is not None:
            context.add_cookies([opened.cookie(role)])
        return context.new_page()

    yield browse
    for context in contexts:
        context.close()
