"""A loopback collector of traces, which reads what it is sent as the protocol says (OTLP over HTTP, protobuf)."""

from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from tests.servers.http import FakeServer, Reply, Request

PATH = "/v1/traces"


@dataclass(frozen=True)
class Seen:
    """A span as it came; ids are hexadecimal, `parent` is empty for the first of a trace."""

    name: str
    kind: str
    trace: str
    id: str
    parent: str
    values: dict[str, Any]
    is_error: bool
    service: str


class OtlpServer(FakeServer):
    """Keeps every span."""

    def __init__(self) -> None:
        self.spans: list[Seen] = []
        super().__init__()

    def answer(self, request: Request) -> Reply:
        """Take the spans."""
        told = ExportTraceServiceRequest.FromString(request.body)
        for of_process in told.resource_spans:
            service = _values(of_process.resource.attributes)["service.name"]
            self.spans += [_seen(each, service) for scope in of_process.scope_spans for each in scope.spans]
        return Reply(headers={"Content-Type": "application/x-protobuf"})

    def named(self, name: str) -> list[Seen]:
        """The spans of this name so far, in the order in which they ended."""
        with self.lock:
            return [each for each in self.spans if each.name == name]


def _seen(each: WireSpan, service: str) -> Seen:
    return Seen(
        each.name,
        WireSpan.SpanKind.Name(each.kind).removeprefix("SPAN_KIND_").lower(),
        each.trace_id.hex(),
        each.span_id.hex(),
        each.parent_span_id.hex(),
        _values(each.attributes),
        each.status.code == Status.STATUS_CODE_ERROR,
        service,
    )


def _values(attributes: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}
