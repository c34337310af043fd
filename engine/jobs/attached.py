"""Files in a payload: given as base64, or as one that an earlier job made; kept by content when the job is accepted."""

import base64
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from engine import files
from engine.errors import FieldError, InvalidInput, PermanentError
from engine.jobs.fields import TextBlock
from engine.settings import Settings
from engine.storage import FILES, Storage, Stored, is_plain, open_storage
from engine.storage.named import find_file
from models.job import Job

MAX_ID = 2**63 - 1
_ARTIFACT = re.compile(r"(\d{1,19})/([^/]{1,255})")


class FileInput(BaseModel):
    """A file: as base64 `data`, or `artifact`, the file of an earlier job ("12/card.png"); stored, it is `file`.

    The text "12/card.png" by itself means the same as `{"artifact": "12/card.png"}`.
    """

    model_config = ConfigDict(extra="forbid")

    data: str | None = Field(None, description="the content, base64", repr=False)
    artifact: str | None = Field(None, description="a file of an earlier job: its id, a slash, the file's name")
    file: str | None = Field(None, pattern=r"^[0-9a-f]{64}\.[a-z0-9]{1,8}$", description="a file stored before")

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, given: Any) -> Any:
        return {"artifact": given.strip()} if isinstance(given, str) else given

    async def keep(
        self, field: str, settings: Settings, *, kinds: Collection[str] | None, most: int, title: str = ""
    ) -> Self:
        """The same, stored by its content; of one of these kinds (file endings; None: any) and at most so many bytes.

        Raises:
            InvalidInput: naming the field (`title` in its sentence), the rule and the value.
        """
        storage = open_storage(settings)
        told = _Field(field, title or field)
        if self.file and not self.data and not self.artifact:
            if not await storage.renew(f"{FILES}/{self.file}"):
                raise told.fault(f"must be a stored file; there is no {self.file}")
            return self
        content = await self._content(told, storage, most)
        if len(content) > most:
            raise told.fault(f"must have at most {most:,} bytes, not {len(content):,}")
        kind = files.kind_of(content)
        if kinds is not None and (kind is None or kind not in kinds):
            raise told.fault(f"must be one of {', '.join(sorted(kinds))}, not {kind or 'something else'}")
        stored = await files.keep(storage, content, kind or "bin")
        return self.model_copy(update={"data": None, "artifact": None, "file": stored})

    async def _content(self, told: "_Field", storage: Storage, most: int) -> bytes:
        if self.data is not None:
            try:
                return base64.b64decode(self.data, validate=True)
            except ValueError:  # also of text that is not ASCII
                raise told.fault("must be base64", "data") from None
        if not (named := _ARTIFACT.fullmatch(self.artifact or "")) or int(named[1]) > MAX_ID:
            rule = "must be base64 data, or a file of an earlier job as in 12/card.png"
            raise told.fault(f"{rule}, not {self.artifact!r}" if self.artifact else rule)
        stored = await _artifact(storage, int(named[1]), named[2])
        if stored is None:
            raise told.fault(f"must be a file that an earlier job made; there is no {self.artifact}")
        if stored.size > most:
            raise told.fault(f"must have at most {most:,} bytes, not {stored.size:,}")
        return await storage.get(stored.key) or b""

    async def fetch(self, folder: Path, settings: Settings) -> Path:
        """A copy in this folder, to be worked with.

        Raises:
            PermanentError: it is stored no more.
        """
        content = await open_storage(settings).get(f"{FILES}/{self.file}")
        if content is None:
            raise PermanentError(f"the file {self.file} is stored no more")
        return _written(folder / str(self.file), content)


class ImageInput(FileInput):
    """An attached picture, with what people get who cannot see it."""

    alt: Annotated[TextBlock, Field(min_length=1, max_length=1500)]


class Attachment(FileInput):
    """A file that goes with a mail, under a name."""

    name: Annotated[str | None, Field(max_length=200, description="as the receiver sees it")] = None

    @field_validator("name")
    @classmethod
    def _plain(cls, name: str | None) -> str | None:
        if name is not None and not is_plain(name):
            raise ValueError("must be a plain file name, without a path")
        return name

    async def keep(self, field: str, settings: Settings, **rules: Any) -> Self:
        """As any file; one of an earlier job keeps its name."""
        kept = await super().keep(field, settings, **rules)
        given = self.name or (self.artifact or "").partition("/")[2]
        return kept.model_copy(update={"name": given or f"file.{str(kept.file).rpartition('.')[2]}"})


def _written(file: Path, content: bytes) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


async def _artifact(storage: Storage, job_id: int, name: str) -> Stored | None:
    job = await Job.get_or_none(id=job_id)
    if job is None:
        return None
    return await find_file(storage, job_id, job.attempt, name)


@dataclass(frozen=True)
class _Field:
    """Where a fault is, and what it is called there."""

    path: str
    title: str

    def fault(self, rule: str, member: str = "") -> InvalidInput:
        """The fault, of the file as a whole or of one member of it."""
        return InvalidInput([FieldError(f"{self.path}.{member}" if member else self.path, f"{self.title} {rule}")])
