"""The command palette: the browser shows it and matches what it knows; jobs and articles are found here."""

import json
from collections.abc import Callable, Coroutine, Sequence
from typing import Any
from urllib.parse import urlsplit

from nicegui import Client
from nicegui.events import GenericEventArguments

from engine import clock
from engine.actors import Actor
from engine.desk import Desk
from engine.engine import Atlas
from engine.errors import JobRunnerError
from engine.finding import MAX_TEXT, Criteria
from engine.health import DRIVER_ERRORS, trouble
from engine.views import JobView
from engine.workforce import built_in_agents
from models.rights import Right
from ui.components import asked, commands_list
from ui.components.commands_list import PAUSE, RESUME, Command
from ui.components.node import Node
from ui.components.toasts import tell
from ui.present import ago, status_badge

MOST_JOBS = 8
MOST_ARTICLES = 3
DETAIL = "(event) => emit(event.detail)"

Told = dict[str, Any]


class Palette:
    """The button that opens it, and the answers to what is typed there. One for a tab."""

    def __init__(self, client: Client, atlas: Atlas, desk: Desk, actor: Actor) -> None:
        self._client = client
        self._registry = atlas.registry
        self._queries = atlas.queries
        self._workflows = atlas.workflows
        self._desk = desk
        self._actor = actor
        self._asked = 0  # the latest question's number
        with Node("button", "", "search-button", **_BUTTON):
            Node("span", "Search or jump to…", "search-words")
            Node("kbd", "Ctrl K", id="palette-keys")
        standing = json.dumps([command.told() for command in self._standing()])
        answering = Node("div", id="palette", hidden=True, data_commands=standing)
        handlers: dict[str, Callable[[Any], Coroutine[Any, Any, None]]] = {
            "offer": self._offer,
            "find": self._find,
            "run": self._run,
        }
        for event, handler in handlers.items():
            answering.on(event, _of(handler), js_handler=DETAIL)

    # -- what the browser asks -------------------------------------------------------------------------------

    async def _offer(self, told: Any) -> None:
        """The palette was opened: say what else it can do now, and how the jobs used last stand."""
        ids = [number for number in told.get("jobs", []) if isinstance(number, int)][:MOST_JOBS]
        try:
            commands = await self._replaced(self._standing(), str(told.get("at", "")))
            commands += await self._passing()
            jobs = await self._queries.jobs(ids) if ids else []
        except (JobRunnerError, *DRIVER_ERRORS) as error:
            _reraise_unknown(error)
            return  # what stands there already can still be used
        self._tell("offer", {"commands": [each.told() for each in commands], "jobs": self._lines(jobs)})

    async def _find(self, told: Any) -> None:
        """A text was typed: jobs and articles with these words, unless another text was typed meanwhile."""
        self._asked = number = int(told["number"])
        text = str(told["text"])[:MAX_TEXT]
        try:
            ids = await self._queries.finder.ids(Criteria(q=text), limit=MOST_JOBS)
            jobs = await self._queries.jobs(ids) if ids and number == self._asked else []
            articles = (await self._queries.articles(text))[:MOST_ARTICLES] if number == self._asked else []
        except (JobRunnerError, *DRIVER_ERRORS) as error:
            _reraise_unknown(error)
            self._tell("answer", {"number": number, "fault": str(trouble(error) or error)})
            return
        lines = [*self._lines(jobs), *(each.told() for each in commands_list.articles(articles))]
        if number == self._asked:
            self._tell("answer", {"number": number, "lines": lines})

    async def _run(self, told: Any) -> None:
        """An action was chosen that the server carries out."""
        move, _, key = str(told["id"]).partition(":")
        job_type = self._queries.job_type(key)
        if job_type and move in (PAUSE, RESUME):
            done = "paused; nothing more of it is started" if move == PAUSE else "resumed"
            with self._client.content:
                await tell(self._desk.set_policy(key, paused=move == PAUSE), f"{job_type.label}: {done}")

    # -- what it answers -------------------------------------------------------------------------------------

    def _standing(self) -> list[Command]:
        signed_in = bool(self._actor.session)
        return commands_list.standing(self._actor.rights, self._queries.job_types(), signed_in=signed_in)

    async def _replaced(self, commands: list[Command], address: str) -> list[Command]:
        """On the Jobs page, what is exported is what matches there."""
        if urlsplit(address).path.rstrip("/") != asked.PATH:
            return commands
        criteria = asked.read_address(address)[0].shown
        number = await self._queries.finder.count(criteria)
        what = commands_list.matching_words(number, exact=self._queries.finder.counts_all(criteria))
        own = {command.id: command for command in commands_list.exports(what, criteria)}
        return [own.get(command.id, command) for command in commands]

    async def _passing(self) -> list[Command]:
        """What comes and goes: views, workflows, agents, and which types can be paused or resumed."""
        built_in = built_in_agents(self._registry)
        found = commands_list.views(await self._desk.saved_views())
        found += commands_list.workflows(await self._workflows.all(), self._actor.rights)
        found += commands_list.agents(built_in, await self._queries.agents())
        if Right.ADMINISTER in self._actor.rights:
            found += commands_list.pauses(await self._queries.types())
        return found

    def _lines(self, jobs: Sequence[JobView]) -> list[Told]:
        return [self._line(job) for job in jobs]

    def _line(self, job: JobView) -> Told:
        badge = status_badge(job)
        job_type = self._queries.job_type(job.type)
        return {
            "id": f"job:{job.id}",
            "group": "Jobs",
            "name": job.name,
            "hint": job.summary,
            "also": f"#{job.id} {job.id}",
            "icon": job_type.icon if job_type else "task_alt",
            "href": f"/app/jobs/{job.id}",
            "number": job.id,
            "badge": [badge.kind, badge.icon, badge.word],
            "at": job.created_at.isoformat(),
            "age": ago(job.created_at, clock.now()),
        }

    def _tell(self, what: str, told: Told) -> None:
        if not self._client.is_deleted:
            self._client.run_javascript(f"palette.{what}({json.dumps(told)})")


_BUTTON = {
    "type": "button",
    "id": "palette-button",
    "aria_label": "Search or jump to…",
    "aria_haspopup": "dialog",
    "aria_keyshortcuts": "Control+K Meta+K",
    "title": "Search or jump to…",
    "data_icon": "search",
}


def _of(handler: Callable[[Any], Coroutine[Any, Any, None]]) -> Callable[[GenericEventArguments], Any]:
    async def handle(event: GenericEventArguments) -> None:
        if isinstance(event.args, dict):
            await handler(event.args)

    return handle


def _reraise_unknown(error: Exception) -> None:
    if not isinstance(error, JobRunnerError) and trouble(error) is None:
        raise error
