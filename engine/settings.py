"""Settings from the environment (prefix `JOB_RUNNER_`), each checked before anything starts."""

import ipaddress
import os
import re
import secrets
import socket
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from engine.channels.mail_header import address_fault
from engine.errors import SettingsError

PREFIX = "JOB_RUNNER_"
MIN_PASSWORD = 8
MAX_PASSWORD = 1000
# No message repeats what these hold.
_KEPT_TO_OURSELVES = ("PASSWORD", "SECRET", "API_KEY", "DATABASE_URL", "STORAGE_URL", "S3_ENDPOINT")
_BUCKET = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?:/[\w!.*'()-]+)*/?", re.ASCII)
_HOST_OR_NETWORK = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*|[0-9A-Fa-f:.]+(?:/\d{1,3})?", re.ASCII)
_SERVER = re.compile(r"https?://[\w.-]+(?::\d{1,5})?/?|https?://\[[0-9a-fA-F:]+\](?::\d{1,5})?/?", re.ASCII)


class Settings(BaseSettings):
    """What can be set; every value has a default, and times are in seconds."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True)

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    public_url: str | None = None
    data_dir: Path = Path("data")
    database_url: str = ""
    poll_seconds: Annotated[float, Field(ge=0.05, le=3600)] = 5
    concurrency: Annotated[int, Field(ge=1, le=1000)] = 10
    smtp_host: str | None = None
    smtp_port: Annotated[int, Field(ge=1, le=65535)] | None = None
    smtp_username: str | None = None
    smtp_password: SecretStr | None = None
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    smtp_from: str | None = None
    admin_password: SecretStr | None = None
    secret_key: SecretStr | None = None

    storage_url: str = ""
    s3_endpoint: str | None = None
    s3_region: str | None = None
    s3_access_key_id: str | None = None
    s3_secret_access_key: Annotated[SecretStr | None, Field(validate_default=True)] = None

    oidc_issuer: str | None = None
    oidc_client_id: str | None = None
    oidc_client_secret: Annotated[SecretStr | None, Field(validate_default=True)] = None
    oidc_role: Literal["viewer", "operator", "approver", "admin"] = "viewer"

    allow_private_urls: str = ""
    max_submissions_a_minute: Annotated[int, Field(ge=1, le=1_000_000)] = 6000

    undo_seconds: Annotated[float, Field(ge=0, le=3600)] = 10
    approval_hours: Annotated[float, Field(ge=0, le=87600)] = 168
    reviewers_email: str = ""

    llm_url: str | None = None
    llm_model: str | None = None
    llm_api_key: SecretStr | None = None
    llm_input_price: Annotated[float, Field(ge=0)] = 0
    llm_output_price: Annotated[float, Field(ge=0)] = 0
    lease_seconds: Annotated[float, Field(ge=1, le=3600)] = 15
    drain_seconds: Annotated[float, Field(ge=0, le=3600)] = 5
    retention_days: Annotated[float, Field(ge=0, le=36500)] = 0
    log_format: Literal["text", "json"] = "text"
    metrics_port: Annotated[int, Field(ge=1, le=65535)] | None = None
    max_artifact_mb: Annotated[float, Field(gt=0, le=10_000_000)] = 2000
    max_job_artifacts_mb: Annotated[float, Field(gt=0, le=10_000_000)] = 5000

    @field_validator("public_url")
    @classmethod
    def _an_address(cls, url: str | None) -> str | None:
        if url and not _SERVER.fullmatch(url):
            raise ValueError("must be where browsers find the pages, as https://jobs.example.org")
        return url.rstrip("/") if url else None

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, url: str) -> str:
        if url and not url.startswith(("sqlite://", "postgres://", "postgresql://")):
            raise ValueError("must begin with sqlite:// or postgres://")
        return url

    @field_validator("storage_url")
    @classmethod
    def _known_storage(cls, url: str) -> str:
        if url.startswith("s3://") and ("@" in url or "?" in url):
            raise ValueError(f"must hold no key: set {PREFIX}S3_ACCESS_KEY_ID and {PREFIX}S3_SECRET_ACCESS_KEY")
        is_folder = url.startswith("file:///") and len(url) > len("file:///")
        is_bucket = _BUCKET.fullmatch(url) and not {".", ".."} & set(url.split("/"))
        if url and not is_folder and not is_bucket:
            raise ValueError("must be file:///a/shared/folder or s3://bucket/prefix")
        return url

    @field_validator("s3_endpoint")
    @classmethod
    def _a_server(cls, endpoint: str | None, info: ValidationInfo) -> str | None:
        if endpoint and not _SERVER.fullmatch(endpoint):
            raise ValueError("must be a server's URL, as https://s3.example.org or http://10.0.0.7:9000")
        if endpoint and not info.data.get("storage_url", "s3://").startswith("s3://"):
            raise ValueError(f"is of use only with {PREFIX}STORAGE_URL=s3://bucket/prefix")
        return endpoint.rstrip("/") if endpoint else None

    @field_validator("s3_secret_access_key")
    @classmethod
    def _whole_key(cls, secret: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if bool(secret) != bool(info.data.get("s3_access_key_id")):
            raise ValueError(f"and {PREFIX}S3_ACCESS_KEY_ID must both be set, or neither")
        return secret

    @field_validator("oidc_issuer")
    @classmethod
    def _an_issuer(cls, issuer: str | None) -> str | None:
        if issuer and not re.fullmatch(r"https?://[^\s?#@]+", issuer, re.ASCII):
            raise ValueError("must be the provider's URL, as https://id.example.org/realms/team")
        return issuer.rstrip("/") if issuer else None

    @field_validator("oidc_client_secret")
    @classmethod
    def _all_three(cls, secret: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        given = [bool(secret), bool(info.data.get("oidc_issuer")), bool(info.data.get("oidc_client_id"))]
        if any(given) and not all(given):
            raise ValueError(f"and {PREFIX}OIDC_ISSUER and {PREFIX}OIDC_CLIENT_ID must all be set, or none")
        return secret

    @field_validator("llm_url")
    @classmethod
    def _an_endpoint(cls, url: str | None) -> str | None:
        if url and not re.fullmatch(r"https?://[^\s?#@]+", url, re.ASCII):
            raise ValueError("must be an OpenAI-compatible endpoint's URL, as http://127.0.0.1:11434/v1")
        return url.rstrip("/") if url else None

    @field_validator("llm_model")
    @classmethod
    def _with_its_endpoint(cls, model: str | None, info: ValidationInfo) -> str | None:
        if bool(model) != bool(info.data.get("llm_url")):
            raise ValueError(f"and {PREFIX}LLM_URL must both be set, or neither")
        return model

    @field_validator("allow_private_urls")
    @classmethod
    def _hosts_or_networks(cls, named: str) -> str:
        for word in named.replace(",", " ").split():
            if not _HOST_OR_NETWORK.fullmatch(word):
                raise ValueError(f"must name hosts or networks, as social.internal or 10.0.0.0/8, not {word!r}")
        return named

    @field_validator("admin_password")
    @classmethod
    def _long_enough(cls, password: SecretStr | None) -> SecretStr | None:
        length = len(password.get_secret_value()) if password else MIN_PASSWORD
        if length < MIN_PASSWORD:
            raise ValueError(f"must have at least {MIN_PASSWORD} characters")
        if length > MAX_PASSWORD:
            raise ValueError(f"must have at most {MAX_PASSWORD:,} characters")
        return password

    @field_validator("smtp_from")
    @classmethod
    def _one_address(cls, sender: str | None) -> str | None:
        if sender and address_fault(sender):
            raise ValueError("must be an address like jobs@example.org or Job Runner <jobs@example.org>")
        return sender

    @field_validator("reviewers_email")
    @classmethod
    def _each_an_address(cls, named: str) -> str:
        for address in _listed(named):
            if fault := address_fault(address):
                rule = "must be addresses with commas between them, as ada@example.org, bob@example.org"
                raise ValueError(f"{rule} ({fault})")
        return named

    @property
    def reviewers(self) -> tuple[str, ...]:
        """Who is told by mail of what waits for approval."""
        return _listed(self.reviewers_email)

    @property
    def address(self) -> str:
        """Where browsers find the pages: as it was set, else as this process listens; without a slash at its end."""
        if self.public_url:
            return self.public_url
        host = socket.gethostname() if self.host in ("0.0.0.0", "::") else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def database(self) -> str:
        """The database's URL: the one that was set, else the file in the data folder."""
        return self.database_url or f"sqlite://{self.data_dir.absolute() / 'job-runner.db'}"

    @property
    def is_shared(self) -> bool:
        """Whether other processes, on any machine, may work on the same database."""
        return not self.database.startswith("sqlite://")

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the pages."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def work_dir(self) -> Path:
        """Where attempts make their files before these go to a storage elsewhere; always on this machine."""
        return self.data_dir / "work"


def load_settings(**overrides: Any) -> Settings:
    """Read the environment, make the data folder usable and the secret key present.

    Raises:
        SettingsError: one line that names the variable, the fault and what is accepted.
    """
    try:
        settings = Settings(**overrides)
    except ValidationError as error:
        raise SettingsError("; ".join(_fault(dict(detail)) for detail in error.errors())) from None
    _make_usable(settings.data_dir)
    if settings.secret_key is None:
        key = _kept_secret(settings.data_dir / "secret.key")
        settings = settings.model_copy(update={"secret_key": SecretStr(key)})
    return settings


def _listed(named: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each.strip() for each in named.split(",") if each.strip()))


def _fault(detail: dict[str, Any]) -> str:
    name = PREFIX + str(detail["loc"][0]).upper()
    rule = str(detail["msg"]).removeprefix("Value error, ").removeprefix("Input ")
    value = "" if any(word in name for word in _KEPT_TO_OURSELVES) else f", not {detail['input']!r}"
    return f"{name} {rule}{value}"


def _make_usable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".writable-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise SettingsError(
            f"{PREFIX}DATA_DIR must be a folder that this user may write, not {str(folder)!r}: {error.strerror}"
        ) from None


def _kept_secret(file: Path) -> str:
    try:
        if not file.exists():
            draft = file.with_name(f".{file.name}-{os.getpid()}")  # a start that is killed must not leave half a key
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as writer:
                writer.write(secrets.token_urlsafe(48))
            with suppress(FileExistsError):  # another process was first: its key holds
                os.link(draft, file)
            draft.unlink()
        if key := file.read_text().strip():
            return key
        raise SettingsError(f"the secret key in {file} is empty; remove the file to get a new one, or restore it")
    except OSError as error:
        raise SettingsError(
            f"the secret key in {file} must be readable by this user: {error.strerror}; or set {PREFIX}SECRET_KEY"
        ) from None
