"""The console over a seeded night: one server for all of these tests, and Debian's Chromium."""

import itertools
import shutil
import threading

import pytest
from playwright.sync_api import sync_playwright

from console import serving
from console.app import build_app
from console.opening import open_console
from console.serving import address_of, listen
from ledger.server import embedded_url
from tests.cases.bad_input import Content
from tests.cases.world import CEDAR, HARBOR, opened_world
from tests.console.visitor import HOSTILE, Opened, make_accounts

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
_NAME = "OPR.007654321T.I834.D261201.T180100000.P"
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def night(tmp_path_factory, server_folder):
    """A world after its first night: faults of the exchange, and one hostile file."""
    url = embedded_url(server_folder, f"console_{next(_numbers)}")
    folder = tmp_path_factory.mktemp("console")
    with opened_world(folder, url, members=30, faults=0.5) as world:
        world.send(1)
        edits = {"NM1*IL*1*DOE*JANE*Q***34*900121234": "NM1*IL*1*HOSTILE*JANE"}
        hostile = Content(edits=edits).bytes().replace(b"HOSTILE", HOSTILE.encode())
        (world.outbox(HARBOR) / _NAME).write_bytes(hostile)
        (world.outbox(CEDAR) / f"{HOSTILE}.834").write_bytes(b"not a file of ours")
        world.run(1)
        yield world


@pytest.fixture(scope="session")
def opened(night):
    """The console, served on loopback, with an account for each role."""
    with open_console(night.house.settings) as house:
        listener = listen("127.0.0.1", 0)
        app = build_app(house)
        server = serving.server(app)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        yield Opened(address_of(listener).rstrip("/"), app, night, make_accounts(night))
        server.should_exit = True
        thread.join(timeout=10)


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
