"""Debian's packages for the tests, where there is apt-get and the right to use it."""

import os
import shutil
import signal
import subprocess

APT_SECONDS = 600
APT_GET = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300"]


def install_package(name: str) -> None:
    """Install one of Debian's packages; without apt-get or the right to use it, do nothing."""
    as_root = [] if hasattr(os, "getuid") and os.getuid() == 0 else ["sudo", "-n"]
    if not shutil.which("apt-get") or not succeeds([*as_root, "true"], seconds=20):
        return
    print(f"Installing the system's package {name} …", flush=True)
    apt_get = [*as_root, *APT_GET]
    succeeds([*apt_get, "update"], seconds=APT_SECONDS)
    succeeds([*apt_get, "install", "-y", "--no-install-recommends", name], seconds=APT_SECONDS)


def succeeds(command: list[str], *, seconds: float, **environment: str) -> bool:
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
