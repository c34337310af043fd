"""Finds a Chromium for the browser tests, or gets one: `python -m tests.browser.chromium` prints its path."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.support.packages import install_package, succeeds

LAUNCH_ARGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking"),
    *("--renderer-process-limit=1", "--process-per-site", "--disable-site-isolation-trials"),  # tabs open quicker
]

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
        install_package("chromium")
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
    if not succeeds(version, seconds=60):
        install_package("libatomic1")
        if not succeeds(version, seconds=60):
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
    return bool(path) and succeeds([path, "--version"], seconds=20)


def _download() -> None:
    print("Downloading Playwright's Chromium …", flush=True)
    install = [*PLAYWRIGHT, "install", "--no-shell", "chromium"]
    if not succeeds(install, seconds=DOWNLOAD_SECONDS, PLAYWRIGHT_BROWSERS_PATH=str(BROWSERS)):
        print("Playwright's Chromium cannot be downloaded.", flush=True)


if __name__ == "__main__":
    print(f"Chromium: {ensure_chromium()}", flush=True)
