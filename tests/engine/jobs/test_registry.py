"""Job types: built in, and found in installed packages."""

import sys
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest

from engine.errors import NotFound
from engine.jobs import Registry, load_registry
from tests.plugin.job_runner_test_jobs import TestNoop
from tests.support.server import PLUGIN


def install(folder: Path, name: str, source: str, *entries: str) -> None:
    """A package as an installer would leave it: a module, and the metadata that names its entry points."""
    (folder / f"{name}.py").write_text(source)
    metadata = folder / f"{name}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("\n".join(["[job_runner.jobs]", *entries, ""]))
    assert PathDistribution(metadata).entry_points


def test_the_built_in_types_are_there() -> None:
    assert {"EMAIL_SEND", "SOCIAL_POST"} <= {job_type.key for job_type in load_registry()}


def test_types_of_installed_packages_are_found_by_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(PLUGIN)
    registry = load_registry()
    assert {"TEST_RENDER", "TEST_NOOP"} <= {job_type.key for job_type in registry}
    assert registry.get("TEST_RENDER").label == "Render a test video"


def test_a_package_that_cannot_be_loaded_is_logged_and_the_others_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    install(tmp_path, "broken_jobs", "raise ImportError('its own library is missing')", "broken = broken_jobs:Job")
    install(tmp_path, "empty_jobs", "", "empty = empty_jobs:NotThere")
    install(tmp_path, "odd_jobs", "class Odd:\n    pass\n", "odd = odd_jobs:Odd")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.syspath_prepend(PLUGIN)
    assert {job_type.key for job_type in load_registry()} >= {"EMAIL_SEND", "SOCIAL_POST", "TEST_RENDER"}
    for name in ("broken", "empty", "odd"):
        assert f"the job type {name} of an installed package cannot be loaded" in caplog.text
        sys.modules.pop(f"{name}_jobs", None)


def test_a_package_cannot_take_the_key_of_another_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    source = "from engine.jobs.email_send import EmailSend\nclass Mine(EmailSend):\n    label = 'Mine'\n"
    install(tmp_path, "thief_jobs", source, "thief = thief_jobs:Mine")
    monkeypatch.syspath_prepend(tmp_path)
    assert load_registry().get("EMAIL_SEND").label == "Send email"
    assert "the job type thief of an installed package cannot be loaded" in caplog.text
    sys.modules.pop("thief_jobs", None)


def test_an_unknown_key_is_not_found_and_names_those_that_are() -> None:
    registry = Registry([TestNoop()])
    assert registry.find("FAX") is None
    with pytest.raises(NotFound, match="there is no job type 'FAX'; there are TEST_NOOP"):
        registry.get("FAX")
