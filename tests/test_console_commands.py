"""What an operator does at the console: a token for a program, and a look whether the audit log is whole."""

import re
from pathlib import Path

import httpx
import pytest

from tests.support.command import command
from tests.support.other_program import ask
from tests.support.server import JobRunner
from tests.test_main import assert_one_line, start


@pytest.mark.either
def test_a_token_is_made_beside_a_running_job_runner_and_recorded(tmp_path: Path, own_database: str) -> None:
    with JobRunner(tmp_path / "data", DATABASE_URL=own_database) as runner:
        where = {"DATA_DIR": runner.data_dir, "DATABASE_URL": own_database}
        made = start("create-token", "reporter", "--scope", "jobs:read,agent", "--days", "7", **where)
        assert made.returncode == 0, made.stderr
        secret = made.stdout.strip()
        assert re.fullmatch(r"jr_[\w-]{43}", secret)
        headers = {"Authorization": f"Bearer {secret}"}
        with httpx.Client(base_url=runner.url, trust_env=False, headers=headers) as program:
            assert program.get("/api/v1/jobs").status_code == 200
            assert program.delete("/api/v1/channels/1").status_code == 403
        (entry,) = runner.http.get("/api/v1/audit", params={"action": "token."}).json()["items"]
        assert entry["kind"] == "system"
        assert entry["actor"].endswith(" at the console")
        again = start("create-token", "reporter", "--scope", "agent", **where)
        assert_one_line(again, "no token was made: name must be new")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("create-token", "x", "--scope", "everything"), "scopes must be one or more of jobs:read"),
        (("create-token", "x", "--scope", "agent", "--days", "soon"), "no token was made"),
        (("create-token", "x", "--scope", "agent", "--days", "-1"), "days must be more than 0"),
        (("create-token", "x"), "usage: "),
    ],
)
def test_a_token_that_cannot_be_made_is_one_line(tmp_path: Path, arguments: tuple[str, ...], told: str) -> None:
    assert_one_line(command(*arguments, DATA_DIR=tmp_path), told)


def test_a_log_that_was_changed_is_told_with_the_place(tmp_path: Path, own_database: str) -> None:
    with JobRunner(tmp_path / "data", DATABASE_URL=own_database) as runner:
        where = {"DATA_DIR": runner.data_dir, "DATABASE_URL": own_database}
        for _ in range(3):
            runner.submit("TEST_NOOP", requires_approval=True)
        whole = command("audit", "verify", **where)
        assert whole.stdout.startswith("The audit log is as it was written: 3 entries, the last one sealed "), whole
        ask(runner.database_url, "UPDATE audit_entry SET actor = 'somebody else' WHERE id = 2")
        assert_one_line(start("audit", "verify", **where), "the audit log is not as it was written: entry 2 ")
