"""Whatever the OpenAPI document lets a program send is answered as the document says: no fault, no surprise."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.chaos.scale import rounds
from tests.conftest import new_database
from tests.support.moments import LATER
from tests.support.server import JobRunner

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = rounds(12, 300)
ENDLESS = "/api/v1/events"  # a stream, which has tests of its own


@pytest.fixture(scope="module")
def asked(kind: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[JobRunner]:
    """One of its own: what is sent removes and pauses whatever there is."""
    folder = tmp_path_factory.mktemp("openapi") / "data"
    with new_database(kind, request, folder) as url, JobRunner(folder, POLL_SECONDS=0.1, DATABASE_URL=url) as runner:
        runner.submit("TEST_NOOP")
        runner.submit("TEST_NOOP", run_at=LATER)
        yield runner
        assert "Traceback" not in runner.output


def test_every_request_that_the_document_allows_is_answered_as_it_says(asked: JobRunner) -> None:
    document = schemathesis.openapi.from_url(f"{asked.url}/api/openapi.json").exclude(path=ENDLESS)
    faults = {}
    for operation in document.get_all_operations():
        found: Any = operation.ok()  # type: ignore[union-attr]
        try:
            _ask(found)
        except BaseException as error:  # each operation by itself: one fault hides no other
            faults[found.label] = "\n".join(str(error).splitlines()[:30])
    told = "\n\n".join(f"{label}: {fault}" for label, fault in faults.items())
    assert not faults, told


def _ask(operation: Any) -> None:
    @given(case=operation.as_strategy())
    @settings(max_examples=EXAMPLES, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    def ask(case: Any) -> None:
        if isinstance(case.body, dict) and isinstance(case.body.get("wait_seconds"), int | float):
            case.body["wait_seconds"] = min(case.body["wait_seconds"], 0.01)
        case.call_and_validate(checks=CHECKS, timeout=30)

    ask()
