"""A session with an endpoint of Spark Connect: a cluster, or one in this process for a trial."""

import socket
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from schemas.errors import Retryable, Terminal

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_PORT = 15002  # of Spark Connect, unless the address says otherwise
_PATIENCE_SECONDS = 10


@contextmanager
def spark_session(remote: str | None) -> Iterator["SparkSession"]:
    """A session with the endpoint at `remote` (`sc://host:port`), which ends with the block.

    Without one, an endpoint by pysail runs in this process meanwhile, on loopback, where pysail is
    installed. Raises Terminal when the client is not installed or there is no endpoint, Retryable
    when the endpoint does not answer.
    """
    if find_spec("pyspark") is None:
        raise Terminal(
            "The engine spark needs the Spark Connect client. Install edi834[spark], or use the "
            "engine of one machine."
        )
    with warnings.catch_warnings(), _main_module_with_a_file():
        warnings.simplefilter("ignore", FutureWarning)  # of pandas 3, which is not asked for
        with _endpoint(remote) as address:
            session = _session(address)
            try:
                yield session
            finally:
                session.stop()


def _session(address: str) -> "SparkSession":
    _require_listener(address)  # the client itself would try for minutes
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    try:
        session = SparkSession.builder.remote(address).create()
        session.sql("SELECT 1").collect()
    except PySparkException as error:
        raise Retryable(_silent(address, type(error).__name__)) from None
    return session


@contextmanager
def _main_module_with_a_file() -> Iterator[None]:
    """The client takes a process whose main module has no file for its own tests, and ends it."""
    main = sys.modules["__main__"]
    if hasattr(main, "__file__"):
        yield
        return
    main.__file__ = "<none>"
    try:
        yield
    finally:
        del main.__file__  # who starts a process by it would look for that file


def _require_listener(address: str) -> None:
    parts = urlsplit(address)
    if parts.scheme != "sc" or parts.hostname is None:
        raise Terminal("EDI834_SPARK_REMOTE is no address of Spark Connect. Use sc://HOST:PORT.")
    try:
        reached = parts.hostname, parts.port or _PORT
        socket.create_connection(reached, _PATIENCE_SECONDS).close()
    except (OSError, ValueError) as error:
        raise Retryable(_silent(address, str(error))) from None


def _silent(address: str, why: str) -> str:
    """What to do about an endpoint that does not answer; its address may end in a token."""
    where = urlsplit(address).netloc.rpartition("@")[2].partition(";")[0]
    return (
        f"The Spark endpoint {where} does not answer ({why}). Start it, or correct "
        "EDI834_SPARK_REMOTE."
    )


@contextmanager
def _endpoint(remote: str | None) -> Iterator[str]:
    """Where the endpoint is; one in this process where none is named."""
    if remote is not None:
        yield remote
        return
    if find_spec("pysail") is None:
        raise Terminal(
            "No Spark endpoint is named. Set EDI834_SPARK_REMOTE to sc://HOST:PORT, or install "
            "pysail to try it on this machine."
        )
    from pysail.spark import SparkConnectServer

    server: Any = SparkConnectServer("127.0.0.1", 0)
    server.start(background=True)
    try:
        host, port = server.listening_address
        yield f"sc://{host}:{port}"
    finally:
        server.stop()
