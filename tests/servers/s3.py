"""A real S3 server on loopback: SeaweedFS, in a process of its own, its files in a folder of the test's.

It comes as a development dependency for Linux alone; elsewhere the tests that need it are skipped.
"""

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import obstore
import pytest
from obstore.store import S3Store

WEED = Path(sys.executable).with_name("weed")
START_SECONDS = 60.0
BUCKET = "jobs"
SECRET = "kept to ourselves"
KEYS = {  # key id: what it may do; only an administrator's key makes buckets
    "admin": ["Admin", "Read", "Write", "List"],
    "worker": ["Read", "Write", "List"],
    "reader": ["Read", "List"],
}
_LISTENERS = ("s3", "master", "volume", "filer", "admin")


class S3Server:
    """`with S3Server(folder) as server: load_settings(**server.settings("a/prefix"))`; its log is shown if it dies."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = _free_ports(2 * len(_LISTENERS))
        self.port = self._ports[0]
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        if not WEED.exists():
            pytest.skip("SeaweedFS is not built for this system")
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
        for port in self._ports:  # it leaves them behind
            for left in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                left.unlink(missing_ok=True)

    def settings(self, prefix: str, *, key: str = "worker", **more: Any) -> dict[str, Any]:
        """What to set to keep files under this prefix of the bucket."""
        return {
            "storage_url": f"s3://{BUCKET}/{prefix}",
            "s3_endpoint": self.url,
            "s3_access_key_id": key,
            "s3_secret_access_key": SECRET,
            **more,
        }

    def _start(self) -> None:
        identities = [
            {"name": key, "credentials": [{"accessKey": key, "secretKey": SECRET}], "actions": actions}
            for key, actions in KEYS.items()
        ]
        (self._folder / "s3.json").write_text(json.dumps({"identities": identities}))
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [WEED, *self._arguments()], cwd=self._folder, env=_environment(), stdout=log, stderr=log
            )
        self._make_bucket()

    def _arguments(self) -> list[str]:
        ports = iter(self._ports)
        listeners = [f"-{name}.port{kind}={next(ports)}" for name in _LISTENERS for kind in ("", ".grpc")]
        (self._folder / "data").mkdir()
        return [
            *("-logtostderr=true", "mini", "-dir=data", "-s3.config=s3.json", *listeners),
            *("-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false"),
            *("-s3.iam=false", "-s3.port.iceberg=0", "-webdav=false", "-admin.ui=false"),
        ]

    def _make_bucket(self) -> None:
        """The first file of an administrator makes the bucket, as soon as the server takes files."""
        keys = {"access_key_id": "admin", "secret_access_key": SECRET, "endpoint": self.url}
        options = {"allow_http": True}
        store = S3Store(BUCKET, config=keys, client_options=options, retry_config={"max_retries": 0})  # type: ignore[arg-type]
        for _ in range(int(START_SECONDS / 0.1)):
            if self._process is None or self._process.poll() is not None:
                break
            try:
                if httpx.get(f"{self.url}/healthz", trust_env=False).status_code == 200:
                    obstore.put(store, "made", b"")
                    return
            except (httpx.TransportError, obstore.exceptions.BaseError):
                pass
            signal.sigtimedwait([], 0.1)  # give it a moment before it is asked again
        raise RuntimeError(f"the S3 server did not start:\n{(self._folder / 'log').read_text()[-4000:]}")


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "S3_", "WEED_"))}


def _free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
