"""What tests of render programs share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.renders.bench import Bench, bench_in


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """A workbench in a folder of its own."""
    with bench_in(tmp_path, monkeypatch) as bench:
        yield bench
