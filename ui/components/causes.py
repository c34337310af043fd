"""Failures by cause: what failed alike as one row, to be looked at or tried again as a whole."""

from collections.abc import Sequence
from urllib.parse import urlencode

from engine import clock
from engine.causes import CauseView
from engine.errors import JobRunnerError
from engine.finding import Criteria
from engine.jobs.base import EffectKind
from models.states import Move, Status
from ui.components.dialogs import confirm
from ui.components.keyed import KeyedRows
from ui.components.marks import show_time, time_node
from ui.components.node import Node, button
from ui.components.toasts import say
from ui.layout import Shell
from ui.present import may


class CausesPanel:
    """The largest groups first."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        with Node("section", "", "panel", aria_label="Failures by cause"):
            with Node("div", "", "panel-head"):
                Node("h2", "Failures by cause")
                self._all = Node("a", "All failed", "more-link", href="/app/jobs?status=failed", hidden=True)
            self._nothing = Node("p", "No failed jobs.", "calm", data_icon="check_circle", hidden=True)
            self._rows: KeyedRows[CauseView] = KeyedRows(
                "plain-rows", lambda cause: (cause.type, cause.cause), lambda cause: _Row(shell, cause)
            )

    def show(self, causes: Sequence[CauseView]) -> None:
        """Make the rows these."""
        self._rows.show(causes)
        self._nothing.change(hidden=True if causes else None)
        self._all.change(hidden=None if causes else True)


class _Row:
    def __init__(self, shell: Shell, cause: CauseView) -> None:
        self._shell, self._cause = shell, cause
        job_type = shell.atlas.queries.job_type(cause.type)
        self._label = job_type.label if job_type else cause.type
        icon = job_type.icon if job_type else "task_alt"
        with Node("div", "", "cause", role="listitem", data_icon=icon, data_cause=cause.cause) as self.root:
            with Node("div", "", "cause-what"):
                Node("a", cause.cause, "cause-name", href=address(cause), title=cause.cause)
                with Node("div", "", "card-meta"):
                    Node("span", self._label)
                    self._many = Node("span", "", "cause-many")
                    with Node("span", "since ") as self._since_part:
                        self._since = time_node(cause.since, clock.now())
                    with Node("span", "last "):
                        self._last = time_node(cause.last_at, clock.now())
            if may(shell.rights, Move.RETRY):
                self._retry: Node | None = button("Retry all of these", "small", "replay")
                self._retry.on_press(self._ask)
            else:
                self._retry = None

    def show(self, item: CauseView) -> None:
        """Write the numbers and moments."""
        self._cause = item
        self._many.change(text=_jobs(item.jobs))
        show_time(self._last, item.last_at, clock.now(), show="ago")
        show_time(self._since, item.since, clock.now(), show="ago")
        self._since_part.change(hidden=True if item.jobs == 1 else None)
        if self._retry:
            label = f"Retry all of these: {item.jobs:,} × {self._label}, {item.cause}"
            why_not = "" if item.retryable else "Say first of each whether it went out"
            self._retry.change(aria_label=label, aria_disabled="true" if why_not else None, title=why_not or None)

    def _ask(self) -> None:
        cause = self._cause
        if not cause.retryable:
            say("Nobody knows whether these went out: say so first, of each of them", is_good=False)
            return
        verb = f"Retry {_jobs(cause.retryable)}"
        sentences = consequences(cause, self._label, is_irreversible=self._is_irreversible())
        confirm(f"{verb}?", sentences, verb, "Not now", lambda: self._retry_all(cause), danger=False)

    def _is_irreversible(self) -> bool:
        job_type = self._shell.atlas.queries.job_type(self._cause.type)
        return job_type is None or job_type.effect is EffectKind.IRREVERSIBLE

    async def _retry_all(self, cause: CauseView) -> None:
        """What becomes of it is told by the bar at the bottom, on whatever page one is by then."""
        try:
            await self._shell.desk.begin_operation(Move.RETRY, criteria=criteria(cause))
        except JobRunnerError as error:
            say(str(error), is_good=False)
            return


def criteria(cause: CauseView) -> Criteria:
    """The jobs of a group."""
    return Criteria(types=(cause.type,), statuses=(Status.FAILED,), cause=cause.cause)


def address(cause: CauseView) -> str:
    """Where the jobs of a group are listed."""
    return f"/app/jobs?{urlencode({'type': cause.type, 'status': Status.FAILED, 'cause': cause.cause})}"


def consequences(cause: CauseView, label: str, *, is_irreversible: bool) -> list[str]:
    """What trying again will do."""
    told = [f"{cause.retryable:,} × {label}: {cause.cause}"]
    if is_irreversible:
        told.append(
            "What goes out cannot be taken back. Each sends what certainly did not go out before, "
            "and nothing that did a second time."
        )
    else:
        told.append("Each is done again from the beginning.")
    if left := cause.jobs - cause.retryable:
        are = "1 job is" if left == 1 else f"{left:,} jobs are"
        told.append(f"{are} left as before: nobody knows whether it went out.")
    return told


def _jobs(number: int) -> str:
    return "1 job" if number == 1 else f"{number:,} jobs"
