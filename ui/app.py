"""The people's door: one single-page application under /app."""

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from fastapi import FastAPI, Response
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.responses import PlainTextResponse
from nicegui import PageArguments, ui
from nicegui import app as nicegui_app

from engine.actors import Actor
from engine.engine import Atlas
from ui.components.apology import broken, missing
from ui.layout import Shell
from ui.live import Live
from ui.pages.agent import AgentPage
from ui.pages.agents import AgentsPage
from ui.pages.approvals import ApprovalsPage
from ui.pages.audit import AuditPage
from ui.pages.dashboard import DashboardPage
from ui.pages.edit_workflow import EditWorkflowPage
from ui.pages.job import JobPage
from ui.pages.jobs import JobsPage
from ui.pages.knowledge import ArticlePage, KnowledgePage
from ui.pages.run import RunPage
from ui.pages.schedules import SchedulesPage
from ui.pages.settings import SettingsPage
from ui.pages.system import SystemPage
from ui.pages.workflow import WorkflowPage
from ui.pages.workflows import WorkflowsPage
from ui.sockets import PageOwner, bind_sockets, notice_silence
from ui.tab import Still, View
from ui.theme import FAVICON, HEAD, STATIC_FILES

ROOT = "/app"
MESSAGES_KEPT = 200  # for a page whose connection is cut: of about a minute in which very much changes
RECONNECT_SECONDS = 30.0
RESPONSE_SECONDS = 60.0  # after a restart every open page asks at once; each gets its turn

TOO_MANY = "Too many pages are open or loading: close some, and try again in a minute"

MakeView = Callable[[Shell, PageArguments], View]

PAGES: dict[str, MakeView] = {
    "/": DashboardPage,
    "/jobs": JobsPage,
    "/jobs/{id}": JobPage,
    "/approvals": ApprovalsPage,
    "/workflows": WorkflowsPage,
    "/workflows/{name}": WorkflowPage,
    "/workflows/{name}/edit": EditWorkflowPage,
    "/runs/{id}": RunPage,
    "/schedules": SchedulesPage,
    "/kb": KnowledgePage,
    "/kb/{slug}": ArticlePage,
    "/agents": AgentsPage,
    "/agents/{key}": AgentPage,
    "/settings": SettingsPage,
    "/settings/audit": AuditPage,
    "/settings/system": SystemPage,
}


class Routes(ui.sub_pages):
    """The views by path, with words of our own where there is none, or none can be shown."""

    def _render_404(self) -> None:
        missing("page")

    def _render_error(self, _: Exception) -> None:
        broken()


def add_pages(app: FastAPI, atlas: Atlas, still: Still, nowhere: Callable[[], Response]) -> Live:
    """Put the pages on the application; returns what keeps them up to date.

    `still` looks somebody up anew; `nowhere` answers where no page is.
    """
    live = Live(atlas, still)
    # Once its list is out of sight a select takes the keyboard back: at once, or what is typed just then is lost.
    ui.select.default_props("transition-duration=0")
    nicegui_app.config.quasar_config["loadingBar"] = {"skipHijack": True}  # it has no name, and loads nothing here
    nicegui_app.add_static_file(local_file=FAVICON, url_path="/favicon.ico")
    for name in STATIC_FILES:
        nicegui_app.add_static_file(local_file=Path(__file__).with_name(name), url_path=f"/static/{name}")

    @ui.page(ROOT, response_timeout=RESPONSE_SECONDS)
    @ui.page(f"{ROOT}/{{_:path}}", response_timeout=RESPONSE_SECONDS)
    async def single_page() -> Response | None:
        actor = ui.context.client.request.state.actor
        if live.is_crowded(actor):
            return PlainTextResponse(TOO_MANY, 429, {"Retry-After": "60"})
        await _open(atlas, live, actor)
        return None

    # No page of NiceGUI's, which would be kept for a minute: the web asks for a thousand things that are not there.
    nicegui_app.add_api_route("/{_:path}", nowhere, methods=["GET", "HEAD"], include_in_schema=False)

    @nicegui_app.on_page_exception
    def broken_page() -> None:
        ui.add_head_html(HEAD)
        broken()

    bind_sockets()
    nicegui_app.on_startup(notice_silence)
    app.add_middleware(PageOwner)
    ui.run_with(
        app,
        title="Job Runner",
        favicon=FAVICON,
        dark=None,
        language="en-US",
        tailwind=False,  # it reads every class on every change, and we use none of its own
        reconnect_timeout=RECONNECT_SECONDS,
        message_history_length=MESSAGES_KEPT,
        # Half the work of the highest level, for 1 % more bytes.
        gzip_middleware_factory=partial(GZipMiddleware, minimum_size=500, compresslevel=5),
    )
    return live


async def _open(atlas: Atlas, live: Live, actor: Actor) -> None:
    ui.add_head_html(HEAD)
    shell = Shell(atlas, live, actor)
    is_first = True

    def routed(make: MakeView) -> Callable[[PageArguments], Awaitable[None] | None]:
        def build(arguments: PageArguments) -> Awaitable[None] | None:
            make(shell, arguments)
            return None if is_first else shell.refresh(live.reader())

        return build

    with shell.frame:
        Routes({path: routed(make) for path, make in PAGES.items()}, root_path=ROOT)
    is_first = False
    await shell.refresh(live.reader())
