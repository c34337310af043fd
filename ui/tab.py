"""What keeps open pages up to date, and what they are, know of each other."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from engine.actors import Actor
from engine.views import EngineState, JobView, OperationView
from ui.reader import Reader

Draw = Callable[[], None]


class Still(Protocol):
    """Looks somebody up anew; `SignedOut` if their session is over."""

    def __call__(self, actor: Actor, *, is_use: bool = True) -> Awaitable[Actor]:
        """The same somebody, as they are now."""


class View(Protocol):
    """What a view implements to stay up to date."""

    def on_jobs(self, jobs: Sequence[JobView]) -> None:
        """These jobs changed; patch those that are shown."""

    def on_progress(self, percents: Mapping[int, float]) -> None:
        """These running jobs came further."""

    def on_log(self, job_ids: set[int]) -> bool:
        """These jobs logged; True asks for a refresh."""

    async def read(self, reader: Reader) -> Draw:
        """Read again what is shown; what comes back draws it, and is dropped when the page has moved on meanwhile."""

    def on_address(self, address: str) -> None:
        """The browser's address changed within the view."""


class Tab(Protocol):
    """An open tab: the frame around a tab."""

    actor: Actor

    def on_jobs(self, jobs: Sequence[JobView]) -> None:
        """These jobs changed."""

    def on_progress(self, percents: Mapping[int, float]) -> None:
        """These running jobs came further."""

    def on_log(self, job_ids: set[int]) -> bool:
        """These jobs logged; True asks for a refresh."""

    async def refresh(self, reader: Reader) -> None:
        """Read again what is shown."""

    def on_operations(self, operations: Sequence[OperationView]) -> None:
        """These operations on many jobs began, came further or ended."""

    def on_engine(self, state: EngineState) -> None:
        """The engine went on- or offline."""

    async def check(self) -> None:
        """Somebody's rights changed, or somebody signed out: maybe this tab's."""
