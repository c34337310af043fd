"""Tracing by OpenTelemetry's own library; see `engine.tracing`, which alone loads it."""

import os
import threading
from collections.abc import Mapping

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from engine.tracing import HEADER, Role, Value

SERVICE = "job-runner"
LAST_SECONDS = 1.5
_KINDS = {Role.PRODUCER: SpanKind.PRODUCER, Role.CONSUMER: SpanKind.CONSUMER, Role.CLIENT: SpanKind.CLIENT}
_NAMES = {  # opentelemetry.io/docs/specs/semconv/messaging, where it has a name for it
    "type": "messaging.destination.name",
    "job": "messaging.message.id",
    "jobs": "messaging.batch.message_count",
}
_PROPAGATOR = TraceContextTextMapPropagator()


class OpenTelemetry:
    """Of one process; `OTEL_` variables say where to, how often, and how many of the traces."""

    def __init__(self, process_id: str, version: str) -> None:
        own = {"service.instance.id": process_id, "service.version": version}
        if "OTEL_SERVICE_NAME" not in os.environ and SERVICE_NAME not in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", ""):
            own[SERVICE_NAME] = SERVICE
        self._provider = TracerProvider(resource=Resource.create(own), shutdown_on_exit=False)
        self._exporter = OTLPSpanExporter()
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        self._tracer = self._provider.get_tracer(SERVICE, version)

    def begin(self, name: str, role: Role, parent: str | None, values: Mapping[str, Value]) -> "TracedSpan":
        """See `engine.tracing.Tracer`."""
        context = _PROPAGATOR.extract({HEADER: parent} if parent else {})
        begun = self._tracer.start_span(name, context, _KINDS[role])
        traced = TracedSpan(begun)
        traced.note(**values)
        return traced

    def close(self) -> None:
        """See `engine.tracing.Tracer`; the library itself would try again and again while the collector is away."""
        ending = threading.Thread(target=self._provider.shutdown, daemon=True)
        ending.start()
        ending.join(LAST_SECONDS)
        self._exporter.shutdown()  # type: ignore[no-untyped-call]


class TracedSpan:
    """See `engine.tracing.Span`."""

    def __init__(self, begun: Span) -> None:
        self._span = begun
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier, set_span_in_context(begun))
        self.traceparent = carrier.get(HEADER, "")  # a span that is not recorded has none
        begun.set_attribute("messaging.system", "job_runner")

    def note(self, **values: Value) -> None:
        """By the names that others use for the same, else by our own."""
        for name, value in values.items():
            self._span.set_attribute(_NAMES.get(name, f"job_runner.{name}"), str(value) if name == "job" else value)

    def fail(self, kind: str) -> None:
        """Its kind alone: an error's words may name people."""
        self._span.set_attribute("error.type", kind)
        self._span.set_status(Status(StatusCode.ERROR))

    def end(self) -> None:
        """Hand it over to be sent."""
        self._span.end()
