"""Pages that follow more than the changes of jobs: the numbers, and all that happens."""

from collections.abc import Callable, Mapping

from nicegui import ui

from engine.activity import Batch, Item
from ui.components.activity import FIRST, ActivityStream
from ui.components.activity_words import Wanted
from ui.components.agent_parts import Hands
from ui.layout import Shell, StillView


class FollowingView(StillView):
    """Follows the numbers until another view takes the page, or its tab is closed."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._statistics = shell.atlas.queries.statistics
        self._ends: list[Callable[[], None]] = []

    def _follow(self, title: str, path: str) -> None:
        """Take the page; to be called when all is drawn."""
        self._shell.show(title, path, self)
        self._ends.append(self._statistics.subscribe(self._on_numbers))
        ui.context.client.on_delete(self._leave)

    def _show_numbers(self) -> None:
        """They are in memory, so nothing is read for them."""
        raise NotImplementedError

    def _on_numbers(self) -> None:
        if not self._is_gone():
            self._show_numbers()

    def _is_gone(self) -> bool:
        if self._shell.view is not self:
            self._leave()
            return True
        return False

    def _leave(self) -> None:
        while self._ends:
            self._ends.pop()()


class WatchingView(FollowingView):
    """Follows also all that happens: the lines of the jobs in hand, and the stream once there is one."""

    _stream: ActivityStream | None = None

    def _hands(self) -> Mapping[str, Hands]:
        """What is shown of the jobs in hand, by agent."""
        raise NotImplementedError

    def on_progress(self, percents: Mapping[int, float]) -> None:
        """Move the bars."""
        for hands in self._hands().values():
            hands.progress(percents)

    def _follow(self, title: str, path: str) -> None:
        super()._follow(title, path)
        self._ends.append(self._shell.atlas.activity.follow(self._on_batch))

    async def _read_lately(self, wanted: Wanted) -> list[Item] | None:
        """What happened lately; None if the stream has followed it."""
        if self._stream and not self._stream.is_stale:
            return None
        return await self._shell.atlas.activity.recent(wanted.fits, FIRST)

    def _show_lately(self, wanted: Wanted, lately: list[Item] | None) -> None:
        if self._stream and lately is not None and wanted == self._stream.wanted:
            self._stream.fill(lately)

    async def _on_wanted(self, wanted: Wanted) -> None:
        if self._stream:
            self._stream.want(wanted)
            await self._shell.refresh(self._shell.live.reader())

    def _on_numbers(self) -> None:
        """The latest attempts are read again with everything else."""
        super()._on_numbers()
        if self._ends:
            self._shell.live.ask_refresh(self._shell)

    def _on_batch(self, batch: Batch) -> None:
        if self._is_gone() or self._stream is None:
            return
        if not self._shell.live.is_awake(self._shell):
            self._stream.drop()
            return
        self._stream.on_batch(batch)
        hands = self._hands()
        for item in batch.items:
            if item.is_line and item.agent in hands:
                hands[item.agent].say(item.job_id, item.text)
