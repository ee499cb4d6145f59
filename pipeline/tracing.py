"""Spans of runs, steps and files by OpenTelemetry, for whoever has set an exporter.

Without one of its standard variables nothing is recorded. A span has ids, a step's name and how it
ended, by the class of the failure: never a message, which could hold a value.
"""

import atexit
import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Literal

from opentelemetry import trace
from opentelemetry.trace import Status, StatusCode

from pipeline.settings import traces_exporter

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

NAME = "edi834"


@cache
def start_tracing() -> bool:
    """Whether spans are recorded: starts the exporter that the environment names, once.

    What the exporter does not get away in time is dropped; nothing waits for it but the end of
    the process, for a moment.
    """
    exporter = _exporter(traces_exporter())
    if exporter is None:
        return False
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: NAME}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    atexit.register(provider.shutdown)
    return True


def _exporter(kind: str | None) -> "SpanExporter | None":
    if kind == "console":
        from opentelemetry.sdk.trace.export import ConsoleSpanExporter

        return ConsoleSpanExporter(out=sys.stderr)
    if kind == "otlp":
        found = importlib.import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
        exporter: SpanExporter = found.OTLPSpanExporter()
        return exporter
    return None


@contextmanager
def span(kind: Literal["run", "step", "file"], **ids: int | str) -> Iterator[None]:
    """A span around the block. `ids` are ids and names of steps only."""
    tracer = trace.get_tracer(NAME)
    attributes = {f"{NAME}.{name}": value for name, value in ids.items()}
    with tracer.start_as_current_span(
        kind, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield
        except BaseException as error:
            current.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise
