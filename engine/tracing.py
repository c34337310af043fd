"""Traces of what a job goes through: from whoever submitted it, by its attempts, to its effects on the world.

Off unless the standard `OTEL_` variables name a collector; then alone is the library loaded.
"""

import asyncio
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum
from typing import Protocol

from engine.errors import SettingsError

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
PROTOCOL = "http/protobuf"
HEADER = "traceparent"
_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")  # w3.org/TR/trace-context

Value = str | int | float | bool


class Role(StrEnum):
    """What a span does, in the words of OpenTelemetry."""

    PRODUCER = "producer"
    CONSUMER = "consumer"
    CLIENT = "client"


class Span(Protocol):
    """A piece of work under way."""

    traceparent: str

    def note(self, **values: Value) -> None:
        """Tell more of it; never what a job says or to whom, which is nobody's business elsewhere."""

    def fail(self, kind: str) -> None:
        """It came to no good end, of this kind."""

    def end(self) -> None:
        """It is over."""


class Tracer(Protocol):
    """Begins spans, and sends on those that ended."""

    def begin(self, name: str, role: Role, parent: str | None, values: Mapping[str, Value]) -> Span:
        """A new span, the first of a trace if there is no `parent`."""

    def close(self) -> None:
        """Send what is left, for a moment at the most."""


class _Untraced:
    traceparent = ""

    def note(self, **values: Value) -> None:
        """Nothing."""

    def fail(self, kind: str) -> None:
        """Nothing."""

    def end(self) -> None:
        """Nothing."""


UNTRACED = _Untraced()
_tracer: Tracer | None = None
_current: ContextVar[str | None] = ContextVar("traceparent", default=None)


def is_wanted(environment: Mapping[str, str]) -> bool:
    """Whether these variables ask for traces.

    Raises:
        SettingsError: they ask for a protocol that is not spoken here.
    """
    is_off = environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    if is_off or (environment.get("OTEL_TRACES_EXPORTER", "").strip() or "otlp") != "otlp":
        return False
    if not any(environment.get(name) for name in ENDPOINTS):
        return False
    for name in PROTOCOLS:
        if environment.get(name, PROTOCOL) not in ("", PROTOCOL):
            raise SettingsError(f"{name} must be {PROTOCOL}, not {environment[name]!r}")
    return True


def start_tracing(process_id: str, version: str) -> None:
    """Trace from now on, if that is wanted.

    Raises:
        SettingsError: a variable has a value that cannot be used.
    """
    global _tracer
    if is_wanted(os.environ):
        from engine.otel import OpenTelemetry  # takes a tenth of a second, so it is loaded only where it is used

        try:
            _tracer = OpenTelemetry(process_id, version)
        except ValueError as error:
            raise SettingsError(f"a limit among the OTEL_ variables cannot be used: {error}") from None


async def stop_tracing() -> None:
    """Trace no more; what is left is sent."""
    global _tracer
    tracer, _tracer = _tracer, None
    if tracer:
        await asyncio.to_thread(tracer.close)


def is_tracing() -> bool:
    """Whether spans go anywhere."""
    return _tracer is not None


def current() -> str | None:
    """The traceparent of the span under way, if any is."""
    return _current.get()


def headers() -> dict[str, str]:
    """What is sent along with a request, so that whoever gets it may go on with the trace."""
    told = current()
    return {HEADER: told} if told else {}


@contextmanager
def continued(traceparent: str | None) -> Iterator[None]:
    """What begins inside belongs to the trace that somebody told, if it is well told."""
    if _tracer is None or traceparent is None or not _TRACEPARENT.fullmatch(traceparent):
        yield
        return
    token = _current.set(traceparent)
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def span(name: str, role: Role, *, parent: str | None = None, **values: Value) -> Iterator[Span]:
    """A span around what is done inside; under `parent`, else under the one under way. What that raises fails it."""
    if _tracer is None:
        yield UNTRACED
        return
    begun = _tracer.begin(name, role, parent or _current.get(), values)
    token = _current.set(begun.traceparent)
    try:
        yield begun
    except BaseException as error:
        begun.fail(type(error).__name__)
        raise
    finally:
        _current.reset(token)
        begun.end()
