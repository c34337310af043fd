"""Graphs of mails and renders, while the process is killed: each ends as the model says, and no mail goes out twice.

Hypothesis chooses the graphs and when the process dies. What fails is told with its graphs; since a kill comes when it
comes, no shorter way to the same fault is looked for.
"""

import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from tests.chaos.flow import SlowMail
from tests.chaos.scale import rounds
from tests.chaos.test_graphs import Step, model
from tests.chaos.watch import PAUSE_SECONDS, read
from tests.support.server import JobRunner

MACHINES = rounds(3, 60)
STEPS = 8
MOST_JOBS = 8
SETTLE_SECONDS = 60


@st.composite
def graphs(draw: st.DrawFn) -> list[Step]:
    """Each job waits for some of those before it; every fifth or so fails."""
    size = draw(st.integers(1, MOST_JOBS))
    return [
        Step(
            draw(st.dictionaries(st.integers(0, index - 1), st.booleans(), max_size=3)) if index else {},
            draw(st.integers(0, 4)) == 0,
        )
        for index in range(size)
    ]


class Killed(RuleBasedStateMachine):
    """One process after the other on the same data; `graphs` are those that were submitted, with their jobs' ids."""

    victim: JobRunner
    mail: SlowMail
    numbers = iter(range(10**6))

    def __init__(self) -> None:
        super().__init__()
        self.graphs: dict[str, tuple[list[Step], list[int]]] = {}
        self.is_alive = True

    @rule(graph=graphs())
    def submit(self, graph: list[Step]) -> None:
        """All of it at once; what does not fail is a mail, which cannot be taken back."""
        self._wake()
        name = f"g{next(self.numbers)}"
        answer = self.victim.http.post(
            "/api/v1/jobs:batch", json={"jobs": [_job(name, graph, i) for i in range(len(graph))]}
        )
        assert answer.status_code == 201, answer.text
        self.graphs[name] = (graph, [item["id"] for item in answer.json()["items"]])

    @rule(seconds=st.floats(0, 0.3))
    def kill(self, seconds: float) -> None:
        """After some life."""
        self._wake()
        time.sleep(seconds)
        self.victim.kill()
        self.is_alive = False
        self.mail.settle()

    def teardown(self) -> None:
        """One more life, to the end; somebody looks whether mails went out of which nobody knows."""
        self._wake()
        give_up_at = time.monotonic() + SETTLE_SECONDS
        while self._ends() != {name: [str(each) for each in model(graph)] for name, (graph, _) in self.graphs.items()}:
            self._answer()
            assert time.monotonic() < give_up_at, f"{self._ends()} of {self.graphs}"
            time.sleep(PAUSE_SECONDS)
        for name, (graph, ids) in self.graphs.items():
            self._check(name, graph, ids)

    def _wake(self) -> None:
        if not self.is_alive:
            self.victim.start()
            self.is_alive = True

    def _ends(self) -> dict[str, list[str]]:
        rows = {int(job_id): str(status) for job_id, status in read(self.victim, "SELECT id, status FROM job")}
        return {name: [rows[job_id] for job_id in ids] for name, (_, ids) in self.graphs.items()}

    def _answer(self) -> None:
        for job_id, name in read(self.victim, "SELECT id, name FROM job WHERE outcome = 'unknown'"):
            answer = {"went_out": self._arrived()[name] > 0}
            self.victim.http.post(f"/api/v1/jobs/{job_id}/resolve", json=answer)

    def _arrived(self) -> Counter[str]:
        headers = (line for mail in list(self.mail.messages) for line in mail.raw.split(b"\r\n"))
        return Counter(line[9:].decode() for line in headers if line.startswith(b"Subject: "))

    def _check(self, name: str, graph: list[Step], ids: list[int]) -> None:
        jobs: list[dict[str, Any]] = [self.victim.job(job_id) for job_id in ids]
        arrived = self._arrived()
        for index, (step, job) in enumerate(zip(graph, jobs, strict=True)):
            is_sent = job["status"] == "completed"
            assert arrived[f"{name}-{index}"] == (1 if is_sent else 0), f"mail {index} of {name}: {self.graphs}"
            for parent in step.parents if is_sent else ():
                assert jobs[parent]["finished_at"] <= job["started_at"], f"{index} began before {parent}: {self.graphs}"
            if is_sent and step.parents:
                said = [jobs[parent]["status"] for parent in step.parents]
                assert job["payload"]["body"].split() == ["x", *said]


def _job(name: str, graph: list[Step], index: int) -> dict[str, Any]:
    step = graph[index]
    body = " ".join(["x", *(f"{{{{ jobs.s{parent}.status }}}}" for parent in step.parents)])
    mail = {"to": "ada@example.org", "subject": f"{name}-{index}", "body": body}
    fails = {"title": name, "fail": "As the graph says"}
    after = [{"ref": f"s{parent}", "any_outcome": loose} for parent, loose in step.parents.items()]
    kind = {"type": "TEST_RENDER", "payload": fails} if step.fails else {"type": "EMAIL_SEND", "payload": mail}
    return {**kind, "name": f"{name}-{index}", "ref": f"s{index}", "after": after}


@pytest.mark.either
def test_graphs_end_as_the_model_says_whenever_the_process_is_killed(tmp_path: Path, own_database: str) -> None:
    with SlowMail() as mail:
        to_mail = {"SMTP_HOST": mail.host, "SMTP_PORT": mail.port, "SMTP_SECURITY": "none"}
        pace = {"POLL_SECONDS": 0.1, "LEASE_SECONDS": 1, "DRAIN_SECONDS": 0, "DATABASE_URL": own_database}
        with JobRunner(tmp_path / "data", **pace, **to_mail) as victim:
            Killed.victim, Killed.mail = victim, mail
            known = settings(
                max_examples=MACHINES,
                stateful_step_count=STEPS,
                deadline=None,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            run_state_machine_as_test(Killed, settings=known)
