"""What this process counts and times for Prometheus; each engine and worker has its own, and shares it with nobody."""

from collections import Counter as Tally
from collections.abc import Callable, Iterable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    start_http_server,
)

from models.ended import AttemptEnd
from models.states import AttemptOutcome

JOB_BUCKETS = (0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 3600)
SHORT_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
UNWORKED = frozenset({AttemptOutcome.LOST, AttemptOutcome.RELEASED})
"""Outcomes that say nothing about how long the work takes."""

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series beside each counter, which nobody looks at


class Metrics:
    """Labels are few and bounded: types, outcomes and duties, never a job."""

    def __init__(self) -> None:
        own = self.registry = CollectorRegistry()
        self.claims = Counter("job_runner_claims", "Jobs that were claimed, by type.", ["type"], registry=own)
        self.attempts = Counter(
            "job_runner_attempts", "Attempts that ended, by type and outcome.", ["type", "outcome"], registry=own
        )
        self.attempt_seconds = Histogram(
            "job_runner_attempt_duration_seconds",
            "How long attempts took from their claim to their end, by type.",
            ["type"],
            buckets=JOB_BUCKETS,
            registry=own,
        )
        self.claim_seconds = Histogram(
            "job_runner_claim_cycle_seconds",
            "How long one look for due jobs took, with its turn at the database.",
            buckets=SHORT_BUCKETS,
            registry=own,
        )
        self.flush_lag = Histogram(
            "job_runner_page_flush_lag_seconds",
            "How long a change waited until it was handed to the open pages.",
            buckets=SHORT_BUCKETS,
            registry=own,
        )
        self.live_pages = Gauge("job_runner_live_pages", "Open pages that are kept up to date.", registry=own)
        self.faults = Counter(
            "job_runner_faults",
            "Tries of a duty that failed, by duty and whether the database or something unforeseen was the reason.",
            ["duty", "reason"],
            registry=own,
        )
        ProcessCollector(registry=own)
        self._of_types: dict[str, Histogram] = {}

    def claimed(self, types: Iterable[str]) -> None:
        """Jobs of these types were claimed."""
        for key, jobs in Tally(types).items():
            self.claims.labels(key).inc(jobs)

    def ended(self, ends: Iterable[AttemptEnd]) -> None:
        """These attempts ended, and that is stored."""
        told = list(ends)
        for (key, outcome), attempts in Tally((end.type, end.outcome) for end in told).items():
            self.attempts.labels(key, outcome).inc(attempts)
        for end in told:
            if end.outcome not in UNWORKED:
                self._seconds_of(end.type).observe(end.seconds)

    def _seconds_of(self, key: str) -> Histogram:
        """Kept at hand: this is asked for each job."""
        if key not in self._of_types:
            self._of_types[key] = self.attempt_seconds.labels(key)
        return self._of_types[key]

    def failed(self, duty: str, *, is_foreseen: bool) -> None:
        """A duty met a fault."""
        self.faults.labels(duty, "database" if is_foreseen else "unforeseen").inc()


def serve_metrics(metrics: Metrics, host: str, port: int) -> Callable[[], None]:
    """Answer http://host:port/metrics in a thread of its own, for a process without pages; returns how to end it.

    Raises:
        OSError: nobody can listen there.
    """
    server, _ = start_http_server(port, host, metrics.registry)

    def end() -> None:
        server.shutdown()
        server.server_close()

    return end
