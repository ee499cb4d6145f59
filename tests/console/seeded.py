"""A seeded night and the console over it: for the tests of the console, and for its benchmark."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp

from console import serving
from console.app import build_app
from console.opening import open_console
from console.serving import address_of, listen
from tests.cases.bad_input import Content
from tests.cases.world import CEDAR, HARBOR, World, opened_world
from tests.console.visitor import HOSTILE, HOSTILE_ID, Opened, make_accounts

_NAME = "OPR.007654321T.I834.D261201.T180100000.P"


@contextmanager
def seeded_night(folder: Path, url: str) -> Iterator[World]:
    """A world after its first night: faults of the exchange, and one hostile file."""
    with opened_world(folder, url, members=30, faults=0.5) as world:
        world.send(1)
        edits = {"NM1*IL*1*DOE*JANE*Q***34*900121234": "NM1*IL*1*HOSTILE*JANE"}
        hostile = Content(edits=edits).bytes().replace(b"HOSTILE", HOSTILE.encode())
        hostile = hostile.replace(b"REF*1L*9100000001", b"REF*1L*" + HOSTILE_ID.encode())
        (world.outbox(HARBOR) / _NAME).write_bytes(hostile)
        (world.outbox(CEDAR) / f"{HOSTILE}.834").write_bytes(b"not a file of ours")
        world.run(1)
        yield world


@contextmanager
def served(
    night: World,
    *,
    accounts: bool = True,
    around: Callable[[ASGIApp], ASGIApp] | None = None,
    **settings: Any,
) -> Iterator[Opened]:
    """A console over a night, with an account for each role; `settings` are laid over its own.

    `around` makes a layer that sees each request before everything else does.
    """
    with open_console(night.house.settings.model_copy(update=settings)) as house:
        listener = listen("127.0.0.1", 0)
        app = build_app(house)
        server = serving.server(around(app) if around else app, house.settings.console)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        known = make_accounts(night) if accounts else {}
        try:
            yield Opened(address_of(listener).rstrip("/"), app, night, known)
        finally:
            server.should_exit = True
            thread.join(timeout=10)
