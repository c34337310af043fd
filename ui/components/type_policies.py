"""Settings' job types: pause them all, limit how many run at once and for how long."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from nicegui import ui

from engine.administration import MAX_CONCURRENCY, MAX_TIME_LIMIT_SECONDS
from engine.errors import JobRunnerError
from engine.views import TypeView
from models.rights import Right
from ui.components.dialogs import confirm
from ui.components.node import Node, button
from ui.components.toasts import tell
from ui.components.type_definition import define_type
from ui.layout import Shell

SECONDS_PER_MINUTE = 60
NEW_VALUE = "(event) => emit(event.target.value)"


class TypePolicies:
    """A row a type; what is changed holds from the engine's next look on."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        with Node("section", "", "panel", aria_label="Job types"):
            with Node("div", "", "panel-head"):
                Node("h2", "Job types")
                if Right.ADMINISTER in shell.rights:
                    button("Define a type", "", "add").on_press(lambda: define_type(shell))
            Node("p", "A paused type is not started; what already runs goes on.", "muted")
            self._list = Node("div", "", "type-rows")
        self._rows: dict[str, _Row] = {}

    def show(self, types: list[TypeView]) -> None:
        """Bring the rows up to date."""
        for key in set(self._rows) - {view.key for view in types}:
            self._rows.pop(key).remove()
        for view in types:
            if view.key in self._rows and not self._rows[view.key].is_of(view):
                self._rows.pop(view.key).remove()
            if view.key not in self._rows:
                with self._list:
                    self._rows[view.key] = _Row(view, self._shell)
            self._rows[view.key].show(view)


class _Row:
    """Patched, never drawn anew: somebody may be typing in it."""

    def __init__(self, view: TypeView, shell: Shell) -> None:
        self._view = view
        self._desk = shell.desk
        with Node("div", "", "list-row", data_type=view.key) as self._root:
            with Node("div", "", "grow"):
                with Node("strong", view.label, data_icon=view.icon):
                    self._badge = Node("span", "Paused", "badge tone-paused", data_icon="pause_circle")
                self._known = Node("span", "", "muted")
            self._at_once = _Number(f"At once: {view.label}", "At once", "no limit", MAX_CONCURRENCY, self._limit)
            most = MAX_TIME_LIMIT_SECONDS // SECONDS_PER_MINUTE
            self._minutes = _Number(
                f"Minutes at most: {view.label}", "Minutes at most", "its own", most, self._limit_time, step="any"
            )
            self._pause = button("").on_press(self._pause_or_resume)
            if view.is_outside and Right.ADMINISTER in shell.rights:
                button("Remove", aria_label=f"Remove the type {view.label}").on_press(self._ask_remove)
        if Right.ADMINISTER not in shell.rights:
            self._pause.change(hidden=True)
            for field in (self._at_once, self._minutes):
                field.lock()

    def show(self, view: TypeView) -> None:
        """Write what holds."""
        self._view = view
        self._badge.change(hidden=None if view.paused else True)
        self._known.change(_what_is_known(view))
        self._at_once.show(view.concurrency)
        self._minutes.show(view.time_limit_seconds / SECONDS_PER_MINUTE)
        label = f"{'Resume' if view.paused else 'Pause'} all {view.label} jobs"
        word, icon = ("Resume", "play_arrow") if view.paused else ("Pause", "pause")
        self._pause.change(word, aria_label=label, title=label, data_icon=icon)

    def is_of(self, view: TypeView) -> bool:
        """Whether this is its row, or its wording has changed."""
        return (self._view.label, self._view.icon) == (view.label, view.icon)

    def remove(self) -> None:
        """The type is gone."""
        self._root.delete()

    def _ask_remove(self) -> None:
        async def remove() -> None:
            await tell(self._desk.remove_type(self._view.key), f"{self._view.label} is removed")

        said = "It is offered no more. Its jobs that are over stay; while some are not, it cannot be removed."
        confirm(f"Remove {self._view.label}?", [said], "Remove type", "Keep type", remove)

    async def _pause_or_resume(self) -> None:
        paused = not self._view.paused
        await self._set("paused; nothing more of it is started" if paused else "resumed", paused=paused)

    async def _limit(self, number: float | None) -> None:
        told = "as many at once as the engine runs" if number is None else f"at most {number:g} at once"
        await self._set(told, concurrency=number)

    async def _limit_time(self, minutes: float | None) -> None:
        told = "its own time limit" if minutes is None else f"at most {minutes:g} minutes"
        await self._set(told, time_limit_seconds=None if minutes is None else minutes * SECONDS_PER_MINUTE)

    async def _set(self, told: str, **changes: Any) -> None:
        try:
            await self._desk.set_policy(self._view.key, **changes)
        except JobRunnerError as error:
            ui.notify(f"{self._view.label}: {error}", type="negative", position="bottom")
            for field in (self._at_once, self._minutes):
                field.take_back()
            return
        ui.notify(f"{self._view.label}: {told}", type="positive", position="bottom")


class _Number:
    """A small number field, empty for None; what is entered is told at once.

    NOTE: it has no `value` among its attributes: the browser would write that anew with every patch of the page, over
    what somebody is just typing.
    """

    def __init__(
        self,
        name: str,
        title: str,
        empty: str,
        most: int,
        on_number: Callable[[float | None], Awaitable[None]],
        step: str = "1",
    ) -> None:
        with Node("label", title, "small-field"):
            self._input = Node("input", type="number", min=1, max=most, step=step, placeholder=empty, aria_label=name)
        self._on_number = on_number
        self._input.on("change", lambda event: self._on_change(event.args), js_handler=NEW_VALUE)
        self._held = ""
        self._entered: str | None = None

    def show(self, value: float | None) -> None:
        """Write what holds, if the browser may show something else."""
        held = "" if value is None else f"{value:g}"
        if held != self._held or self._entered is not None:
            self._held = held
            self.take_back()

    def lock(self) -> None:
        """It can be read, and not changed."""
        self._input.change(disabled=True)

    async def _on_change(self, text: Any) -> None:
        self._entered = str(text)
        await self._on_number(_number_of(text))

    def take_back(self) -> None:
        """What was entered gives way to what holds."""
        arguments = json.dumps([self._input.id, self._held, self._entered])
        self._input.client.run_javascript(f"showHeld(...{arguments})")
        self._entered = None


def _what_is_known(view: TypeView) -> str:
    effect = "cannot be taken back" if view.effect == "irreversible" else "may simply be done again"
    now = f" · {view.running} running" if view.running else ""
    agents = "1 agent online" if view.agents == 1 else f"{view.agents} agents online"
    outside = f" · done outside, {agents}" if view.is_outside else ""
    return f"{view.key} · {effect}{outside} · tried up to {view.attempts} times{now}"


def _number_of(text: Any) -> float | None:
    try:
        return float(text)
    except (TypeError, ValueError):
        return None
