"""What loading the pages loads."""

import subprocess
import sys

from tests.support.server import ROOT, environment


def loaded(code: str) -> str:
    """What this prints in a new process."""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment({}), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_pages_load_nothing_of_a_socket_io_client() -> None:
    assert loaded("import sys, ui.app; print({'aiohttp', 'requests'} & set(sys.modules))") == "set()"


def test_what_was_kept_away_can_be_loaded_afterwards() -> None:
    assert loaded("import ui.app, requests, aiohttp; print(requests.__name__, aiohttp.__name__)") == "requests aiohttp"
