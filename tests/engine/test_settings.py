"""Settings: a bad one stops the start with one line that says which, why and what would do."""

import stat
from pathlib import Path

import pytest

from engine.errors import SettingsError
from engine.settings import Settings, load_settings


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_everything_has_the_default_that_the_contract_names(tmp_path: Path) -> None:
    settings = load_settings()
    assert (settings.host, settings.port, settings.poll_seconds, settings.concurrency) == ("127.0.0.1", 8080, 5, 10)
    assert (settings.data_dir, settings.database) == (Path("data"), f"sqlite://{tmp_path}/data/job-runner.db")
    assert (settings.smtp_host, settings.smtp_security, settings.admin_password) == (None, "starttls", None)


NO_STORAGE = [
    *("ftp://host/folder", "/mnt/share", "file://mnt/share", "file:///", "s3://", "s3:///prefix", "s3://No_Bucket"),
    *("s3://bucket/a//b", "s3://bucket/../b", "s3://bucket/a b", "s3://bucket/a#b", "S3://bucket"),
]
BAD = [
    ("PORT", "http", "should be a valid integer", "'http'"),
    ("PORT", "65536", "should be less than or equal to 65535", "'65536'"),
    ("PORT", "-1", "should be greater than or equal to 0", "'-1'"),
    ("POLL_SECONDS", "often", "should be a valid number", "'often'"),
    ("POLL_SECONDS", "0", "should be greater than or equal to 0.05", "'0'"),
    ("POLL_SECONDS", "nan", "should be", "'nan'"),
    ("POLL_SECONDS", "inf", "should be less than or equal to 3600", "'inf'"),
    ("CONCURRENCY", "0", "should be greater than or equal to 1", "'0'"),
    ("CONCURRENCY", "2.5", "should be a valid integer", "'2.5'"),
    ("SMTP_PORT", "0", "should be greater than or equal to 1", "'0'"),
    ("SMTP_SECURITY", "ssl", "should be 'starttls', 'tls' or 'none'", "'ssl'"),
    ("SMTP_FROM", "Job Runner", "must be an address like jobs@example.org", "'Job Runner'"),
    ("SMTP_FROM", "a@b.example\nBcc: x@y.example", "must be an address like jobs@example.org", r"\n"),
    ("DATABASE_URL", "mysql://jobs", "must begin with sqlite:// or postgres://", ""),
    ("ADMIN_PASSWORD", "short", "must have at least 8 characters", ""),
    ("ADMIN_PASSWORD", "x" * 1001, "must have at most 1,000 characters", ""),
    *(("STORAGE_URL", url, "must be file:///a/shared/folder or s3://bucket/prefix", "") for url in NO_STORAGE),
    ("STORAGE_URL", "s3://ada:geheim@bucket", "must hold no key: set JOB_RUNNER_S3_ACCESS_KEY_ID and", ""),
    ("S3_ENDPOINT", "s3.example.org", "must be a server's URL, as https://s3.example.org or http://10.0.0.7:9000", ""),
    ("S3_ENDPOINT", "https://s3.example.org/bucket", "must be a server's URL", ""),
    ("S3_ENDPOINT", "https://s3.example.org", "is of use only with JOB_RUNNER_STORAGE_URL=s3://bucket/prefix", ""),
    ("S3_SECRET_ACCESS_KEY", "x", "and JOB_RUNNER_S3_ACCESS_KEY_ID must both be set, or neither", ""),
    ("MAX_ARTIFACT_MB", "0", "should be greater than 0", "'0'"),
    ("MAX_JOB_ARTIFACTS_MB", "much", "should be a valid number", "'much'"),
    ("LEASE_SECONDS", "0", "should be greater than or equal to 1", "'0'"),
]


@pytest.mark.parametrize(("name", "value", "rule", "shown"), BAD, ids=[f"{n}={v[:20]!r}" for n, v, _, _ in BAD])
def test_a_bad_value_is_one_line_with_name_rule_and_value(
    name: str, value: str, rule: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"JOB_RUNNER_{name}", value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    line = str(caught.value)
    assert line.startswith(f"JOB_RUNNER_{name} {rule}"), line
    assert shown in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ADMIN_PASSWORD", "geheim"),
        ("DATABASE_URL", "mysql://ada:geheim@db/jobs"),
        ("STORAGE_URL", "s3://ada:geheim@jobs"),
        ("S3_ENDPOINT", "https://ada:geheim@s3.example.org"),
        ("S3_SECRET_ACCESS_KEY", "geheim"),
    ],
)
def test_a_secret_is_not_repeated_in_the_fault(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"JOB_RUNNER_{name}", value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert "geheim" not in str(caught.value)


def test_every_fault_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOB_RUNNER_PORT", "http")
    monkeypatch.setenv("JOB_RUNNER_CONCURRENCY", "none")
    with pytest.raises(SettingsError, match=r"JOB_RUNNER_PORT .*; JOB_RUNNER_CONCURRENCY "):
        load_settings()


def test_an_empty_value_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOB_RUNNER_PORT", "")
    monkeypatch.setenv("JOB_RUNNER_SMTP_HOST", "")
    settings = load_settings()
    assert (settings.port, settings.smtp_host) == (8080, None)


def test_a_data_folder_that_is_a_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(
        SettingsError, match=r"JOB_RUNNER_DATA_DIR must be a folder that this user may write, not '.*taken'"
    ):
        load_settings(data_dir=tmp_path / "taken")


def test_the_secret_key_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    first, second = load_settings().secret_key, load_settings().secret_key
    assert first == second
    assert first is not None
    assert len(first.get_secret_value()) >= 32
    file = tmp_path / "data" / "secret.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["secret.key"]


def test_another_folder_gets_another_key(tmp_path: Path) -> None:
    assert load_settings().secret_key != load_settings(data_dir=tmp_path / "other").secret_key


def test_a_secret_key_that_was_set_is_used_and_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOB_RUNNER_SECRET_KEY", "chosen by a person")
    settings = load_settings()
    assert settings.secret_key is not None
    assert settings.secret_key.get_secret_value() == "chosen by a person"
    assert list((tmp_path / "data").iterdir()) == []


def test_an_empty_key_file_is_refused_rather_than_used(tmp_path: Path) -> None:
    """A crash or a full disk at the first start leaves one; everybody would know that key."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "secret.key").write_text("")
    with pytest.raises(SettingsError, match=r"secret\.key is empty"):
        load_settings()


def test_a_key_that_cannot_be_read_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "data" / "secret.key").mkdir(parents=True)
    with pytest.raises(SettingsError, match=r"secret key in .*secret\.key must be readable .*JOB_RUNNER_SECRET_KEY"):
        load_settings()


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.7", False),
        ("jobs.example.org", False),
        ("127.0.0.1.example.org", False),
    ],
)
def test_only_this_machine_reaches_a_loopback_address(host: str, loopback: bool) -> None:
    assert Settings(host=host).is_loopback is loopback


@pytest.mark.parametrize("sender", ["jobs@example.org", "Job Runner <jobs@example.org>", "jobs@localhost"])
def test_a_sender_may_have_a_name(sender: str) -> None:
    assert Settings(smtp_from=sender).smtp_from == sender


@pytest.mark.parametrize("url", ["s3://jobs", "s3://jobs/", "s3://jobs.example.org/team/a", "file:///mnt/a%20share"])
def test_files_may_be_kept_in_a_shared_folder_or_a_bucket(url: str) -> None:
    assert Settings(storage_url=url).storage_url == url


@pytest.mark.parametrize(
    ("endpoint", "kept"),
    [
        ("https://s3.example.org/", "https://s3.example.org"),
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("http://[::1]:9000", "http://[::1]:9000"),
    ],
)
def test_a_bucket_may_be_on_any_server(endpoint: str, kept: str) -> None:
    assert Settings(storage_url="s3://jobs", s3_endpoint=endpoint).s3_endpoint == kept


def test_half_a_key_is_refused_whichever_half_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOB_RUNNER_S3_ACCESS_KEY_ID", "worker")
    with pytest.raises(SettingsError, match="JOB_RUNNER_S3_SECRET_ACCESS_KEY and JOB_RUNNER_S3_ACCESS_KEY_ID must"):
        load_settings()


def test_secrets_are_not_shown_when_settings_are_printed() -> None:
    key = {"s3_access_key_id": "worker", "s3_secret_access_key": "ganz geheim"}
    settings = load_settings(smtp_password="geheim", admin_password="geheimnis", secret_key="sehr geheim", **key)
    assert "geheim" not in f"{settings!r} {settings}"
