"""Finds a Chromium for the browser tests, or gets one: `python -m tests.browser.chromium` prints its path."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

LAUNCH_ARGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]

DEFAULT_BROWSERS = Path(__file__).parents[2] / ".venv" / "browsers"
BROWSERS = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or DEFAULT_BROWSERS)
ON_PATH = ["chromium", "chromium-browser", "google-chrome"]
IN_PLAYWRIGHT = [
    "chromium-*/chrome-linux*/chrome",
    "chromium-*/chrome-mac*/*.app/Contents/MacOS/*",
    "chromium-*/chrome-win*/chrome.exe",
]
PLAYWRIGHT = [sys.executable, "-m", "playwright"]
DOWNLOAD_SECONDS = 180
APT_SECONDS = 600
APT_GET = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300"]


def ensure_chromium() -> str:
    """Return the path of a Chromium that runs, installing one if need be; one line and exit if that fails."""
    _ensure_driver()
    asked_for = os.environ.get("CHROMIUM")
    if asked_for and not _runs(asked_for):
        sys.exit(f"CHROMIUM={asked_for} does not run: name a Chromium's program, or unset it.")
    if found := find_chromium():
        return found
    _download()
    if not find_chromium():
        _install_package("chromium")
    return find_chromium() or sys.exit(
        "No Chromium for the browser tests: install one (on Debian: sudo apt-get install chromium) "
        "or name its program in CHROMIUM."
    )


def find_chromium() -> str | None:
    """Return the path of a Chromium that runs: `CHROMIUM`, an installed one, or Playwright's own."""
    return next((path for path in _candidates() if _runs(path)), None)


def _ensure_driver() -> None:
    # The Node.js inside Playwright needs one library that a bare Debian lacks.
    version = [*PLAYWRIGHT, "--version"]
    if not _succeeds(version, seconds=60):
        _install_package("libatomic1")
        if not _succeeds(version, seconds=60):
            sys.exit(
                "Playwright does not start here (on Debian: sudo apt-get install libatomic1); "
                f"to see why: {' '.join(version)}"
            )


def _candidates() -> Iterator[str]:
    yield os.environ.get("CHROMIUM", "")
    yield from (shutil.which(name) or "" for name in ON_PATH)
    for pattern in IN_PLAYWRIGHT:
        yield from map(str, sorted(BROWSERS.glob(pattern), reverse=True))


def _runs(path: str) -> bool:
    # A program may be there and not run: Ubuntu's chromium-browser without snap, a download that lacks
    # the system's libraries.
    return bool(path) and _succeeds([path, "--version"], seconds=20)


def _download() -> None:
    print("Downloading Playwright's Chromium …", flush=True)
    install = [*PLAYWRIGHT, "install", "--no-shell", "chromium"]
    if not _succeeds(install, seconds=DOWNLOAD_SECONDS, PLAYWRIGHT_BROWSERS_PATH=str(BROWSERS)):
        print("Playwright's Chromium cannot be downloaded.", flush=True)


def _install_package(name: str) -> None:
    """Install one of Debian's packages; without apt-get or the right to use it, do nothing."""
    as_root = [] if hasattr(os, "getuid") and os.getuid() == 0 else ["sudo", "-n"]
    if not shutil.which("apt-get") or not _succeeds([*as_root, "true"], seconds=20):
        return
    print(f"Installing the system's package {name} …", flush=True)
    apt_get = [*as_root, *APT_GET]
    _succeeds([*apt_get, "update"], seconds=APT_SECONDS)
    _succeeds([*apt_get, "install", "-y", "--no-install-recommends", name], seconds=APT_SECONDS)


def _succeeds(command: list[str], *, seconds: float, **environment: str) -> bool:
    """Run a program in silence; whether it ended with 0 in time. It leaves no child behind if it did not."""
    try:
        program = subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=0,
        )
    except OSError:
        return False
    try:
        return program.wait(timeout=seconds) == 0
    except subprocess.TimeoutExpired:
        return False
    finally:
        if program.poll() is None:
            os.killpg(program.pid, signal.SIGKILL)
            program.wait()


if __name__ == "__main__":
    print(f"Chromium: {ensure_chromium()}", flush=True)
