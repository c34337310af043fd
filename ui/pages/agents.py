"""The Agent Watcher: the engines that execute jobs, and what each is doing now."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from nicegui import PageArguments

from engine import clock
from engine.views import AgentView, EngineView, JobView
from models.states import ProcessRole
from ui.components.job_card import badge_node, progress_node, show_badge, show_progress, time_node
from ui.components.node import Node
from ui.components.redrawn import Redrawn
from ui.layout import Shell, StillView
from ui.live import Draw
from ui.present import Badge
from ui.reader import Reader


class AgentsPage(StillView):
    """Atlas' engines, and the jobs under way."""

    def __init__(self, shell: Shell, _: PageArguments) -> None:
        self._shell = shell
        self._bars: dict[int, tuple[Node, JobView]] = {}
        with Node("section", "", "panel", aria_label="Engines"):
            self._heading = Node("h2", "Engines")
            self._engines = Redrawn("")
        with Node("section", "", "panel", aria_label="Outside agents"):
            Node("h2", "Outside agents")
            self._outside = Redrawn("")
        with Node("section", "", "panel", aria_label="Under way"):
            Node("h2", "Under way")
            self._running = Redrawn("")
        shell.show("Agent Watcher", "/app/agents", self)

    async def read(self, reader: Reader) -> Draw:
        """Read engines, agents and running jobs again."""
        return partial(self._show, await reader.engines(), await reader.agents(), await reader.running())

    def _show(self, engines: list[EngineView], agents: list[AgentView], running: list[JobView]) -> None:
        has_workers = any(engine.role is ProcessRole.WORKER for engine in engines)
        self._heading.change("Engines and workers" if has_workers else "Engines")
        self._engines.show(engines, partial(_draw_engines, engines, len(self._shell.atlas.queries.job_types())))
        self._outside.show(agents, partial(_draw_agents, agents))
        self._running.show([replace(job, progress=0) for job in running], partial(self._draw_running, running))

    def on_progress(self, percents: Mapping[int, float]) -> None:
        """Move the bars."""
        for job_id in percents.keys() & self._bars.keys():
            bar, job = self._bars[job_id]
            show_progress(bar, replace(job, progress=percents[job_id]), clock.now())

    def _draw_running(self, running: list[JobView]) -> None:
        self._bars.clear()
        for job in running:
            with Node("div", "", "list-row"), Node("div", "", "grow"):
                Node("a", job.name, href=f"/app/jobs/{job.id}")
                Node("span", job.summary, "muted")
                bar = progress_node(f"Progress of {job.name}")
                show_progress(bar, job, clock.now())
                self._bars[job.id] = (bar, job)
        if not running:
            Node("span", "No job is running.", "muted")


def _draw_engines(engines: list[EngineView], every_type: int) -> None:
    for engine in engines:
        with Node("div", "", "list-row"):
            kind, word = ("completed", "Online") if engine.online else ("failed", "Offline")
            show_badge(badge_node(), Badge(kind, "check_circle" if engine.online else "error", word))
            with Node("div", "", "grow"):
                name = "Worker" if engine.role is ProcessRole.WORKER else "Atlas"
                Node("strong", f"{name} on {engine.host}, process {engine.pid}")
                with Node("span", "", "muted"):
                    limited = engine.types and len(engine.types) < every_type
                    runs = f" · only {', '.join(engine.types or ())}" if limited else ""
                    Node("span", f"{engine.running} of {engine.concurrency} slots busy{runs} · last beat ")
                    time_node(engine.last_beat_at, clock.now())
    if not engines:
        Node("span", "No engine has started on this database yet.", "muted")


def _draw_agents(agents: list[AgentView]) -> None:
    for agent in agents:
        with Node("div", "", "list-row", data_agent=agent.name):
            kind, word = ("completed", "Online") if agent.online else ("cancelled", "Offline")
            show_badge(badge_node(), Badge(kind, "check_circle" if agent.online else "cloud_off", word))
            with Node("div", "", "grow"):
                Node("strong", agent.name)
                with Node("span", "", "muted"):
                    Node(
                        "span",
                        f"{agent.running} of {agent.concurrency} in hand · does {', '.join(agent.types)} · seen ",
                    )
                    time_node(agent.last_seen_at, clock.now())
    if not agents:
        Node("p", "No agent works for this Job Runner from elsewhere yet.", "muted")
        Node("p", "Define a job type in Settings, and let an agent claim its jobs by REST or MCP.", "muted")
