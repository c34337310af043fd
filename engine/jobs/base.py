"""What a job type is: one class that is its form, its validation, its card and its work."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, cast

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo

from engine.errors import InvalidInput
from engine.faults import field_errors
from engine.jobs.preview import FieldsPreview, Preview
from engine.processes import OnLine
from engine.retry import RetryPolicy
from engine.settings import Settings
from models.ending import Lease
from models.states import Category


class EffectKind(Enum):
    """Whether the work may simply be done again."""

    IRREVERSIBLE = "irreversible"
    REPEATABLE = "repeatable"


class Payload(BaseModel):
    """The base of every payload model: unknown fields are refused, text is kept as it was written."""

    model_config = ConfigDict(extra="forbid")


P = TypeVar("P")


@dataclass(frozen=True)
class ResultLine:
    """A finished job's result in one line, with a link, or a small picture of what was made, if there is one."""

    text: str
    url: str | None = None
    thumbnail: str | None = None


@dataclass(frozen=True)
class Audience:
    """Whom a job reaches, as far as the approval policy asks: how many addresses, their domains, and channels.

    Domains are in lower case.
    """

    recipients: int = 0
    domains: frozenset[str] = frozenset()
    channels: frozenset[str] = frozenset()


NOBODY = Audience()


class Context(Protocol):
    """What a running job may ask of the engine."""

    job_id: int
    settings: Settings
    lease: Lease
    """Names this attempt; what it writes of its own accord must be conditional on it."""

    async def progress(self, percent: float) -> None:
        """Tell how far the work is, 0 to 100. A safe point: may raise `AttemptStopped`."""
        ...

    async def log(self, text: str) -> None:
        """Add a line to the attempt's log."""
        ...

    async def checkpoint(self) -> None:
        """A safe point: raises `AttemptStopped` when the job was paused, cancelled or rescued."""
        ...

    async def run_program(self, *arguments: str, folder: Path | None = None, on_line: OnLine | None = None) -> int:
        """Run a program (ffmpeg, say) to its end and return its exit code; `on_line` gets each line that it prints.

        When the attempt is stopped, the program and all that it has started end too. `on_line` may call
        `progress`, which makes every line a safe point.
        """
        ...

    async def compute(self, *arguments: str, folder: Path | None = None, on_line: OnLine | None = None) -> int:
        """As `run_program`, for what keeps a processor busy: it gives way to the pages, and waits for its turn.

        At most one fewer than there are processors run at once.
        """
        ...

    def artifact(self, name: str) -> Path:
        """Where to write a file that the job makes, on this machine; its folder exists, and is the attempt's own.

        What lies there when the work is done is stored before the job counts as done, but for hidden files and
        folders. An earlier attempt's files are not there.

        Raises:
            ValueError: the name is not that of a plain file.
            StorageFault: the folder cannot be made; the attempt is tried again.
        """
        ...

    async def submit_job(self, type_key: str, payload: dict[str, Any], *, created_by: str, **more: Any) -> int:
        """Submit another job, as anybody could, and return its id; the same body again gives the same job.

        Raises:
            InvalidInput: a field breaks a rule.
        """
        ...

    async def spend(self, *, tokens: int = 0, cost: float = 0) -> None:
        """Note that the attempt has used so much more, whatever becomes of it; `cost` is in the prices' currency."""
        ...

    async def already_done(self, target: str) -> dict[str, Any] | None:
        """What an earlier attempt's effect on this target gave, or None."""
        ...

    async def effect(
        self,
        target: str,
        identity: dict[str, Any],
        perform: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]],
    ) -> dict[str, Any]:
        """Do what cannot be taken back, once per target over all attempts.

        `sending` and the identity are committed before `perform` is called with the identity first stored for
        this target. When an earlier attempt has already done it, its result is returned and nothing is called.

        An `expires_at` (ISO 8601) in the identity is when the receiving side stops to recognise a repetition: what a
        person denied before and would be repeated after it is asked about once more.
        """
        ...


class JobType(ABC, Generic[P]):
    """One job type. Subclass it in a file of `engine/jobs/`, or under the entry point `job_runner.jobs`."""

    key: str
    label: str
    description: str
    icon: str = "task_alt"
    category: Category = Category.TASK
    effect: EffectKind = EffectKind.REPEATABLE
    retry: RetryPolicy = RetryPolicy()
    time_limit_seconds: float = 3600
    by_hand: bool = True
    is_outside: bool = False
    always_asks: bool = False
    """Whether each job waits for approval, whatever the policy says."""
    own_templates: tuple[str, ...] = ()
    """The fields of its payload whose texts it fills in itself."""
    agent: str = "Operator"
    """Who does it, as people see it."""
    payload: type[P]

    def schema(self) -> dict[str, Any]:
        """The payload's JSON Schema."""
        return self._model().model_json_schema()

    def fields(self) -> dict[str, FieldInfo]:
        """The payload's properties, for the form."""
        return self._model().model_fields

    def parse(self, payload: Any) -> P:
        """The payload that this stands for.

        Raises:
            InvalidInput: naming every field at fault.
        """
        model = self._model()
        try:
            return cast(P, model.model_validate(payload))
        except ValidationError as error:
            raise InvalidInput(field_errors(error, model)) from error

    def dump(self, payload: P) -> dict[str, Any]:
        """The payload as it is stored."""
        return cast(BaseModel, payload).model_dump(mode="json", exclude_defaults=True)

    def _model(self) -> type[BaseModel]:
        return cast(type[BaseModel], self.payload)

    def summary(self, payload: P) -> str:
        """The line that tells a job from its neighbours."""
        return ""

    def result_line(self, result: dict[str, Any]) -> ResultLine:
        """The result in one line."""
        picture = result.get("thumbnail") or result.get("preview")
        return ResultLine(str(result.get("message", "Done")), thumbnail=picture if isinstance(picture, str) else None)

    def targets(self, payload: P) -> tuple[str, ...]:
        """The effects that a completed job has had, by target; empty for repeatable work."""
        return ()

    def ways_out(self, payload: P) -> frozenset[str]:
        """The ways by which it goes out that may be limited, as `mail`, `mail:example.org` or `host:example.org`."""
        return frozenset()

    def audience(self, payload: P) -> Audience:
        """Whom the job reaches."""
        return NOBODY

    async def preview(self, payload: P, settings: Settings) -> Preview:
        """What the job will be, for whoever is to approve it; asks and changes nothing outside.

        Raises:
            StorageFault: its files cannot be asked for just now.
        """
        titles = {name: info.title or name for name, info in self.fields().items()}
        return FieldsPreview({titles.get(name, name): value for name, value in self.dump(payload).items()})

    def editable(self, stored: dict[str, Any]) -> dict[str, Any]:
        """A stored payload as somebody would submit it anew: without what `accept` made of the rest."""
        return stored

    async def accept(self, payload: P, settings: Settings) -> P:
        """Checks that need more than the payload, and files moved to where they are kept.

        Raises:
            InvalidInput: naming the field, the rule and the value.
        """
        return payload

    @abstractmethod
    async def run(self, payload: P, context: Context) -> dict[str, Any]:
        """Do the work and return its result.

        Pages show of it: `message`, a sentence; `files`, the names of artifacts; `preview`, one of them that is a
        picture of what was made; `thumbnail`, a small one; `alt`, the picture in words.
        """
