"""The console's server process: uvicorn on one socket, until it is told to stop."""

import socket
from collections.abc import Callable

import uvicorn

from console.app import build_app
from pipeline.settings import ConsoleSettings
from pipeline.wiring import House
from schemas.errors import Terminal

_WAITING_MOST = 128


def serve(house: House, host: str, port: int, tell: Callable[[str], None]) -> None:
    """Serves the console until the process is interrupted; `tell` hears its address.

    Raises Terminal when the port is taken.
    """
    listener = listen(host, port)
    app = build_app(house)
    tell(address_of(listener))
    server(app, house.settings.console).run(sockets=[listener])


def server(app: object, settings: ConsoleSettings) -> uvicorn.Server:
    """A server for the application, which says nothing of its kind and logs no addresses.

    Behind a proxy of the settings a browser's address is the one that the proxy names.
    """
    config = uvicorn.Config(
        app,  # type: ignore[arg-type]
        access_log=False,
        server_header=False,
        date_header=True,
        log_level="warning",
        proxy_headers=settings.public_url is not None,
        forwarded_allow_ips=[str(one) for one in settings.proxies],
        timeout_graceful_shutdown=5,
    )
    return uvicorn.Server(config)


def address_of(listener: socket.socket) -> str:
    """The address for a browser: `localhost` is a place to which browsers give secure cookies."""
    host, port = listener.getsockname()[:2]
    named = "localhost" if host in ("127.0.0.1", "::1") else host
    return f"http://{named}:{port}/"


def listen(host: str, port: int) -> socket.socket:
    """A socket that takes connections. Raises Terminal when the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise Terminal(
            f"{host}:{port}: {error.strerror}. Choose another one with --host and --port."
        ) from None
    listener.listen(_WAITING_MOST)
    return listener
