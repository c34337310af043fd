"""One peer's process: started in the peers' environment, told when to begin, timed until all is finished."""

import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tests.support.server import ROOT

PEERS = ROOT / ".venv" / "peers"
PYTHON = PEERS / "bin" / "python"
ASK_AGAIN_SECONDS = 0.02
GIVE_UP_SECONDS = 120


@dataclass(frozen=True)
class Measured:
    """Jobs a second: drained, and enqueued in each way."""

    version: str
    drained: float
    enqueued: dict[str, float]


def measure(module: str, options: dict[str, Any], left: Callable[[], int], log: Path) -> Measured:
    """Let a peer enqueue its jobs, then time it until none is left."""
    command = [str(PYTHON), "-m", f"tests.peers.{module}", json.dumps(options)]
    with log.open("w") as errors, _started(command, errors) as process:
        assert process.stdin
        assert process.stdout
        try:
            told = json.loads(process.stdout.readline() or f'"{log}"')
            assert isinstance(told, dict), log.read_text()
            began = time.perf_counter()
            process.stdin.write("go\n")
            process.stdin.flush()
            until_none(left)
            seconds = time.perf_counter() - began
        finally:
            process.kill()
    return Measured(told["version"], options["jobs"] / seconds, told["enqueued"])


def _started(command: list[str], errors: IO[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)


def until_none(left: Callable[[], int]) -> None:
    """Wait until nothing is left to do."""
    give_up_at = time.perf_counter() + GIVE_UP_SECONDS
    while left():
        assert time.perf_counter() < give_up_at, f"not drained within {GIVE_UP_SECONDS} s"
        time.sleep(ASK_AGAIN_SECONDS)
