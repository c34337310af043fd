"""Files that appear whole or not at all: written beside their place, brought to the disk, then named."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def unfinished(file: Path) -> Iterator[Path]:
    """A new, empty file beside `file`, for its owner only; at the end it is removed, unless it got another name.

    Raises:
        OSError: it cannot be made there.
    """
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f"{file.name}.", suffix=".part")
    os.close(descriptor)
    try:
        yield Path(name)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(name)


def sync(path: Path) -> None:
    """Wait until a file's content, or a folder's list of names, would survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def name_also(file: Path, name: Path) -> None:
    """Give the file a second name, which must be free; where a file can have but one name, a copy gets it.

    Raises:
        FileExistsError: the name is taken.
        OSError: neither can be done.
    """
    try:
        os.link(file, name)
    except FileExistsError:
        raise
    except OSError:
        with unfinished(name) as part:
            shutil.copy2(file, part)
            sync(part)
            if os.path.lexists(name):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(name)) from None
            os.rename(part, name)
