"""Where files are kept: a folder, or S3-compatible storage; web processes and workers see the same ones."""

from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from engine.errors import SettingsError, StorageFault
from engine.settings import PREFIX, Settings
from engine.storage.base import (
    ARTIFACTS,
    CONTENTS,
    FILES,
    GRACE,
    OUTBOX,
    PROBE,
    Storage,
    Stored,
    artifacts_of,
    content_key,
    is_plain,
    plain_files,
)
from engine.storage.folder import Folder

__all__ = [
    "ARTIFACTS",
    "CONTENTS",
    "FILES",
    "GRACE",
    "OUTBOX",
    "PROBE",
    "Storage",
    "Stored",
    "artifacts_of",
    "check_storage",
    "content_key",
    "is_plain",
    "open_storage",
    "plain_files",
]


@lru_cache(maxsize=8)
def open_storage(settings: Settings) -> Storage:
    """The storage that the settings name, the same for the same settings; nothing is asked of it yet."""
    url = urlsplit(settings.storage_url)
    if url.scheme == "s3":
        from engine.storage.s3 import Bucket  # a native library, which only those who use it load

        return Bucket(settings)
    return Folder(Path(unquote(url.path)) if url.scheme == "file" else settings.data_dir)


async def check_storage(settings: Settings) -> None:
    """Find out what is wrong before anything serves; the data folder has been tried when the settings were read.

    Raises:
        SettingsError: one line that names the variable, the place, the fault and what to do.
    """
    try:
        if settings.storage_url:
            await open_storage(settings).check()
    except StorageFault as fault:
        raise SettingsError(f"{PREFIX}STORAGE_URL cannot be used: {fault}") from None
