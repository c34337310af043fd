"""The agents' door by the Model Context Protocol: streamable HTTP at /mcp (modelcontextprotocol.io/specification).

Each request stands by itself and is answered with JSON, so any process can answer any of them. The tools that somebody
is shown are those that their rights allow; none approves.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from api.mcp_tool import Caller
from api.mcp_tools import Toolbox
from api.problems import problem
from api.sign_in import SignIn
from engine.engine import Atlas
from engine.errors import InvalidInput, JobRunnerError
from engine.health import trouble
from engine.tracing import HEADER, continued
from models.database import DRIVER_ERRORS

PATH = "/mcp"
INSTRUCTIONS = (
    "Job Runner executes jobs for a team: mail, posts, renders, documents, automation. Submit a job with the tool of "
    "its type, then wait for it with wait_for_job. Some jobs wait for a person's approval, which no tool can give: "
    "hand the job's url to a person. Jobs that cannot be taken back are never repeated by themselves."
)


class McpDoor:
    """The SDK takes a second to load, so that is done when somebody first comes, beside what else is going on."""

    def __init__(self, atlas: Atlas, sign_in: SignIn, version: str) -> None:
        self._sign_in = sign_in
        self._toolbox = Toolbox(atlas)
        self._version = version
        self._manager: asyncio.Future[Any] | None = None
        self._closing = asyncio.Event()
        self._serving: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; there is no stream to open, as nothing is told unasked."""
        if scope["method"] != "POST":
            refusal = problem(405, f"{PATH} takes POST only: each request is answered by itself")
            refusal.headers["Allow"] = "POST"
            await refusal(scope, receive, send)
            return
        if self._manager is None:
            self._manager = asyncio.get_running_loop().create_future()
            self._serving = asyncio.create_task(self._serve(self._manager))
        manager = await asyncio.shield(self._manager)
        await manager.handle_request(scope, receive, send)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Until the end of this, requests are answered."""
        try:
            yield
        finally:
            self._closing.set()
            if self._serving:
                with suppress(Exception):
                    await self._serving

    async def _serve(self, manager: "asyncio.Future[Any]") -> None:
        try:
            made = await asyncio.to_thread(self._make)
            async with made.run():
                manager.set_result(made)
                await self._closing.wait()
        except Exception as error:
            self._manager = None  # the next request tries anew
            if not manager.done():
                manager.set_exception(error)

    def _make(self) -> Any:
        from mcp.server.lowlevel import Server
        from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

        server: Any = Server(
            "job-runner",
            version=self._version,
            title="Job Runner",
            instructions=INSTRUCTIONS,
            on_list_tools=self._list_tools,
            on_call_tool=self._call_tool,
        )
        return StreamableHTTPSessionManager(server, json_response=True, stateless=True)

    async def _list_tools(self, context: Any, _: Any) -> Any:
        from mcp_types import ListToolsResult, Tool, ToolAnnotations

        shown = self._toolbox.tools(_request(context).state.actor)
        return ListToolsResult(
            tools=[
                Tool(
                    name=tool.name,
                    title=tool.title,
                    description=tool.description,
                    input_schema=tool.schema,
                    annotations=ToolAnnotations(
                        read_only_hint=tool.only_looks,
                        destructive_hint=tool.is_final,
                        open_world_hint=not tool.only_looks,
                    ),
                )
                for tool in shown
            ]
        )

    async def _call_tool(self, context: Any, asked: Any) -> Any:
        from mcp.shared.exceptions import MCPError
        from mcp_types import INVALID_PARAMS, CallToolResult, TextContent

        request = _request(context)
        tool = self._toolbox.find(request.state.actor, asked.name)
        if tool is None:
            raise MCPError(INVALID_PARAMS, f"there is no tool {asked.name!r} for you here")
        try:
            actor = request.state.actor
            still = partial(self._sign_in.still, actor, is_use=False)
            caller = Caller(actor, str(request.base_url), request.is_disconnected, still)
            with continued(request.headers.get(HEADER)):
                told = await tool.run(caller, asked.arguments or {})
        except JobRunnerError as error:
            return CallToolResult(content=[TextContent(text=_sentence(error))], is_error=True)
        except DRIVER_ERRORS as error:
            if (fault := trouble(error)) is None:
                raise
            return CallToolResult(content=[TextContent(text=f"Not done: {fault}. Ask again")], is_error=True)
        text = json.dumps(told, ensure_ascii=False, default=str)
        return CallToolResult(content=[TextContent(text=text)], structured_content=json.loads(text))


def _request(context: Any) -> Request:
    request: Request = context.request
    return request


def _sentence(error: JobRunnerError) -> str:
    if isinstance(error, InvalidInput):
        return "\n".join(f"{fault.field}: {fault.message}" for fault in error.errors)
    return str(error)
