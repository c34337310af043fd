"""Secrets stay where they are: canaries are planted everywhere, then all that can be read is searched for them."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.browser.pages import PATHS
from tests.servers.mastodon import MastodonServer
from tests.servers.smtp import SmtpTestServer
from tests.support.other_program import everything_stored
from tests.support.server import JobRunner
from tests.test_main import start

PLANTED = {
    "ADMIN_PASSWORD": "canary-admin-password",
    "SECRET_KEY": "canary-secret-key",
    "SMTP_PASSWORD": "canary-smtp-password",
}
CREDENTIAL = "canary-access-token"
PERSON_PASSWORD = "canary-person-password"
STORED = "canary-stored-secret"
BODY = "{{ secrets.CANARY }}"
MAIL = {"to": ["ada@example.org"], "subject": "Hello", "body": "Text"}


ENDLESS = "/api/v1/events"


@pytest.fixture
def mail() -> Iterator[SmtpTestServer]:
    """It does not know the password, and says so with what it got."""
    with SmtpTestServer(username="ada", password="another") as server:
        yield server


def test_no_secret_is_anywhere_to_be_read(tmp_path: Path, own_database: str, mail: SmtpTestServer) -> None:
    settings = {"SMTP_HOST": mail.host, "SMTP_PORT": mail.port, "SMTP_SECURITY": "none", "SMTP_USERNAME": "ada"}
    settings |= {"HOST": "0.0.0.0", "DATABASE_URL": own_database, "ALLOW_PRIVATE_URLS": "127.0.0.0/8", **PLANTED}
    with MastodonServer() as mastodon, JobRunner(tmp_path / "data", POLL_SECONDS=0.1, **settings) as runner:
        admin = runner.http
        answer = admin.post("/login", data={"name": "admin", "password": PLANTED["ADMIN_PASSWORD"]})
        admin.cookies = answer.cookies
        session = str(admin.cookies.get("job_runner_session"))
        token = admin.post("/api/v1/tokens", json={"name": "bot", "scopes": ["admin"]}).json()["token"]
        admin.post("/api/v1/people", json={"name": "ada", "role": "viewer", "password": PERSON_PASSWORD})
        channel = {"name": "Pond", "kind": "mastodon", "url": mastodon.url}
        admin.post("/api/v1/channels", json={**channel, "credentials": {"access_token": CREDENTIAL}})
        jobs = [runner.submit("EMAIL_SEND", MAIL), runner.submit("SOCIAL_POST", {"text": "Hi", "channels": ["Pond"]})]
        for job_id in jobs:
            runner.until(job_id, "failed", "queued")
        admin.post("/login", data={"name": "admin", "password": PERSON_PASSWORD})
        httpx.get(f"{runner.url}/api/v1/jobs", headers={"Authorization": f"Bearer {token}"}, trust_env=False)
        hook = {"name": "ops", "url": f"{mastodon.url}/hook"}
        signing = admin.post("/api/v1/webhooks", json=hook).json()["secret"].removeprefix("whsec_")
        admin.put("/api/v1/secrets/CANARY", json={"value": STORED, "hosts": ["127.0.0.1"]})
        call = {"url": f"{mastodon.url}/api/v1/none", "headers": ["X-Key: {{ secrets.CANARY }}"], "body": BODY}
        jobs.append(runner.submit("WEBHOOK_CALL", call))
        runner.until(jobs[-1], "failed")
        secrets = [*PLANTED.values(), CREDENTIAL, STORED, PERSON_PASSWORD, session, token, signing]
        for place, text in everything_readable(runner, jobs, tmp_path).items():
            for secret in secrets:
                assert secret not in text, f"{secret[:12]}… is in {place}"


def everything_readable(runner: JobRunner, jobs: list[int], folder: Path) -> dict[str, str]:
    """By where it was found."""
    document = runner.http.get("/api/openapi.json").json()["paths"]
    paths = [path for path, ways in document.items() if "get" in ways and "{" not in path and path != ENDLESS]
    asked = [*paths, *PATHS, "/feed.xml", "/api/openapi.json", "/api/v1/audit/export?form=jsonl"]
    asked += [f"/api/v1/jobs/{job_id}{more}" for job_id in jobs for more in ("", "/attempts")]
    asked += [f"/app/jobs/{job_id}" for job_id in jobs]
    found = {path: runner.http.get(path).text for path in asked}
    found["the log"] = runner.output
    found["the database"] = everything_stored(runner.database_url)
    if runner.database_url.startswith("sqlite://"):
        backup = folder / "backup.db"
        done = start("backup", str(backup), DATA_DIR=runner.data_dir)
        assert done.returncode == 0, done.stderr
        found["the backup"] = backup.read_bytes().decode("latin-1")
        found["what the backup said"] = done.stdout
    assert re.search("Sign-in|login|jobs", found["/app/jobs"])
    return found
