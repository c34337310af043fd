"""A Job Runner whose mounts are its own: a disk of a few megabytes, or one that may only be read."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.server import ROOT, JobRunner, environment

BLOCK = bytes(64 * 1024)
NAMESPACE = ["unshare", "--map-root-user", "--mount"]
SMALL_DISK = ('mount -t tmpfs -o "size=$1" tmpfs "$2"', "4m")
READ_ONLY = ('mount --bind "$2" "$2" && mount -o remount,bind,"$1" "$2"', "ro")

Mount = tuple[str, str]


def can_mount(folder: Path, mount: Mount) -> bool:
    """Whether this system lets anybody mount in a namespace of their own."""
    try:
        return subprocess.run(inside(folder, mount, "true"), capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def inside(place: Path, mount: Mount, *command: str) -> list[str]:
    """The command with this mounted at this place, which nobody else sees."""
    script, argument = mount
    return [*NAMESPACE, "sh", "-c", f'{script} && shift 2 && exec "$@"', "sh", argument, str(place), *command]


class OnSmallDisk(JobRunner):
    """Its data folder is a disk of its own, which a ballast fills to the last byte."""

    def start(self) -> None:
        """Start in a namespace of its own, and wait until it answers."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        with (self.data_dir.parent / f"{self.data_dir.name}.log").open("ab") as log:
            self._process = subprocess.Popen(
                inside(self.data_dir, SMALL_DISK, sys.executable, "main.py"),
                cwd=ROOT,
                env=environment(self._settings),
                stdout=log,
                stderr=log,
            )
        self._wait_until_it_answers()

    @property
    def disk(self) -> Path:
        """The data folder as the process sees it."""
        return Path(f"/proc/{self.pid}/root") / self.data_dir.relative_to("/")

    def fill(self) -> None:
        """Leave no room."""
        with (self.disk / "ballast").open("wb", buffering=0) as ballast:
            while ballast.write(BLOCK[: shutil.disk_usage(self.disk).free]):
                pass

    def make_room(self) -> None:
        """Take the ballast away."""
        (self.disk / "ballast").unlink()
