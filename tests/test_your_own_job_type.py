"""The guide to an own job type: its files, as they stand there, make a wheel that works when it is installed."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.server import PLUGIN, ROOT, JobRunner

pytestmark = pytest.mark.sqlite

GUIDE = (ROOT / "docs" / "guide" / "your-own-job-type.md").read_text()


def block(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    assert found, language
    return found[1]


def pip(*arguments: str, folder: Path) -> None:
    """The pip of this environment, which fetches nothing."""
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the wheel of the guide's package is installed."""
    folder = tmp_path_factory.mktemp("invoice")
    (folder / "pyproject.toml").write_text(block("toml"))
    (folder / "invoice_jobs.py").write_text(block("python"))
    pip("wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", "dist", ".", folder=folder)
    assert [wheel.name for wheel in (folder / "dist").iterdir()] == ["invoice_jobs-1.0-py3-none-any.whl"]
    wheel = "dist/invoice_jobs-1.0-py3-none-any.whl"
    pip("install", "--no-deps", "--no-index", "--target", "site", wheel, folder=folder)
    return folder / "site"


def test_the_guides_type_is_in_the_form_the_api_and_does_its_work(
    tmp_path: Path, installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.support.server.PLUGIN", f"{PLUGIN}:{installed}")
    with JobRunner(tmp_path / "data", POLL_SECONDS=0.1) as runner:
        shown = runner.http.get("/api/v1/job-types/INVOICE").json()
        assert (shown["label"], shown["category"]) == ("Write invoice", "document")
        assert set(shown["payload_schema"]["properties"]) == {"customer", "lines", "currency"}
        payload = {"customer": "Ada", "lines": ["Consulting; 1200.00", "Travel; 80.50"]}
        job = runner.until(runner.submit("INVOICE", payload), "completed", "failed")
        assert (job["error"], job["result"]["message"]) == (None, "1280.50 EUR")
        assert job["summary"] == "Ada · 2 lines"
        file = runner.http.get(f"/api/v1/jobs/{job['id']}/artifacts/invoice.txt")
        assert file.text.endswith("Total                                        1280.50 EUR")
        wrong = {"type": "INVOICE", "payload": {**payload, "lines": ["Consulting"]}}
        refused = runner.http.post("/api/v1/jobs", json=wrong)
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["message"] == "Line 1 must be like Consulting; 1200.00, not 'Consulting'"
