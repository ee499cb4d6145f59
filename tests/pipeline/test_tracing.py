"""Spans of a night: run, steps and files by ids, and none unless somebody asks for them."""

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from pipeline import tracing
from pipeline.settings import traces_exporter
from schemas.errors import Terminal
from tests.cases.world import CEDAR


@pytest.fixture
def spans(monkeypatch):
    """What is recorded, in memory."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    return exporter.get_finished_spans


@pytest.mark.control("no-phi-in-logs")
def test_a_night_is_one_span_with_its_steps_and_files(
    spans, tmp_path, new_database_url, open_world
):
    """Every file has its own, below the run's; attributes are ids and names of steps."""
    with open_world(tmp_path, new_database_url(), members=20, partner_ids=(CEDAR,)) as world:
        world.send(1)
        result = world.run(1)
        checked = {
            file_id
            for (file_id,) in world.rows(
                "SELECT object_id FROM ledger.audit_entry WHERE object_kind = 'file'"
                " AND details ->> 'verdict' IS NOT NULL"
            )
        }
    found = spans()
    (run,) = [one for one in found if one.name == "run"]
    files = [one for one in found if one.name == "file"]
    assert run.attributes == {"edi834.run": result.run.run_id}
    assert checked <= {one.attributes["edi834.file"] for one in files}
    assert all(one.context.trace_id == run.context.trace_id for one in found)
    steps = {one.attributes["edi834.step"] for one in found if one.name == "step"}
    assert {"fetching files", "bringing the book up to date", "delivering files"} <= steps
    names = {name for one in found for name in one.attributes}
    assert names == {"edi834.run", "edi834.partner", "edi834.step", "edi834.file"}
    values = {value for one in found for value in one.attributes.values()}
    assert {value for value in values if not isinstance(value, int)} == steps | {CEDAR}


@pytest.mark.control("no-phi-in-logs")
def test_a_span_that_failed_says_the_class_and_no_message(spans):
    """What was wrong may be a value."""
    with pytest.raises(Terminal), tracing.span("step", step="checking file 1"):
        raise Terminal("Somebody's name.")
    (failed,) = spans()
    assert failed.status.description == "Terminal"
    assert failed.events == ()


@pytest.mark.parametrize(
    ("variables", "exporter"),
    [
        ({}, None),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, "otlp"),
        ({"OTEL_TRACES_EXPORTER": "console"}, "console"),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}, None),
        ({"OTEL_SDK_DISABLED": "true", "OTEL_TRACES_EXPORTER": "otlp"}, None),
    ],
)
def test_the_standard_variables_turn_it_on(monkeypatch, variables, exporter):
    """And nothing else does."""
    for name in ("OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_SDK_DISABLED"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert traces_exporter() == exporter
    if exporter is None:
        tracing.start_tracing.cache_clear()
        assert tracing.start_tracing() is False
