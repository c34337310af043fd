"""The registry: every job type that is built in, or comes with an installed package."""

import logging
from collections.abc import Iterable, Iterator
from importlib.metadata import entry_points
from typing import Any

from engine.errors import NotFound
from engine.jobs.activity_report import ActivityReport
from engine.jobs.agent_task import AgentTask
from engine.jobs.animation_render import AnimationRender
from engine.jobs.approval import Approval
from engine.jobs.base import JobType
from engine.jobs.blog_post import BlogPost
from engine.jobs.email_send import EmailSend
from engine.jobs.image_render import ImageRender
from engine.jobs.kb_document import KbDocument
from engine.jobs.report import Report
from engine.jobs.social_post import SocialPost
from engine.jobs.video_render import VideoRender
from engine.jobs.webhook_call import WebhookCall

log = logging.getLogger(__name__)

ENTRY_POINT = "job_runner.jobs"

AnyJobType = JobType[Any]


BUILT_IN: tuple[type[AnyJobType], ...] = (
    EmailSend,
    SocialPost,
    VideoRender,
    ImageRender,
    AnimationRender,
    BlogPost,
    Report,
    ActivityReport,
    KbDocument,
    WebhookCall,
    AgentTask,
    Approval,
)


class Registry:
    """Job types by key."""

    def __init__(self, types: Iterable[AnyJobType]) -> None:
        self._built_in = {job_type.key: job_type for job_type in types}
        self._types = dict(self._built_in)

    def __iter__(self) -> Iterator[AnyJobType]:
        return iter(self._types.values())

    def define(self, types: Iterable[AnyJobType]) -> None:
        """Have these besides the built-in ones, instead of those that were defined before."""
        defined = {job_type.key: job_type for job_type in types if not self.is_built_in(job_type.key)}
        self._types = self._built_in | defined

    def is_built_in(self, key: str) -> bool:
        """Whether this installation has it in Python."""
        return key in self._built_in

    def get(self, key: str) -> AnyJobType:
        """The type with this key.

        Raises:
            NotFound: naming the types that exist.
        """
        try:
            return self._types[key]
        except KeyError:
            raise NotFound("job type", f"{key!r}; there are {', '.join(self._types)}") from None

    def find(self, key: str) -> AnyJobType | None:
        """The type with this key, or None: old jobs may outlive their type."""
        return self._types.get(key)


def load_registry() -> Registry:
    """The built-in types and those of installed packages; one that cannot be loaded is logged and left out."""
    types: list[AnyJobType] = [each() for each in BUILT_IN]
    for entry in entry_points(group=ENTRY_POINT):
        try:
            types.append(_usable(entry.load()(), types))
        except Exception:
            log.exception("the job type %s of an installed package cannot be loaded", entry.name)
    return Registry(types)


def _usable(job_type: Any, others: Iterable[AnyJobType]) -> AnyJobType:
    if not isinstance(job_type, JobType):
        raise TypeError(f"{type(job_type).__name__} must be a subclass of JobType")
    if job_type.key in {other.key for other in others}:
        raise ValueError(f"there is a job type {job_type.key} already")
    job_type.schema()  # the form, the API and the card all need it
    return job_type
