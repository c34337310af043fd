"""Composition root: settings → database → engine → API → pages → serve."""

import gc

gc.disable()  # what is imported here stays: to look through it again and again is a tenth of a start

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import FrameType

import uvicorn
from fastapi import FastAPI
from starlette.routing import Route

from api.app import add_routes
from api.guard import Guard
from api.mcp import PATH as MCP_PATH
from api.mcp import McpDoor
from api.plain import nowhere
from api.sign_in import SignIn
from api.streamed import is_news
from engine.backup import restore_backup, save_backup
from engine.console import create_token, verify_audit
from engine.engine import Atlas
from engine.errors import SettingsError
from engine.jobs import load_registry
from engine.logs import choose_format, start_log
from engine.metrics import Metrics, serve_metrics
from engine.settings import Settings, load_settings
from engine.storage import check_storage
from engine.tracing import is_wanted, start_tracing, stop_tracing
from engine.version import version
from models.database import close_database, open_database
from models.errors import DatabaseError

gc.freeze()
gc.enable()

USAGE = (
    "usage: python main.py "
    "[serve | worker [--only TYPE,…] | backup FILE | restore FILE | migrate-database sqlite://… postgres://… | "
    "create-token NAME --scope SCOPE,… [--days DAYS] | audit verify | demo]"
)
BAD_START = 2
GRACEFUL_SECONDS = 3
KEEP_ALIVE_SECONDS = 75  # longer than clients and proxies keep an idle line: who hangs up first must not be us


def main(arguments: Sequence[str]) -> int:
    """Run the command; a start that cannot succeed is one line and exit code 2."""
    start_log()
    for chatty in ("tortoise", "uvicorn.error", "httpx"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    logging.getLogger("uvicorn.error").addFilter(is_news)
    for told_by_us in ("procrastinate", "psycopg.pool"):  # in one line, by the worker that uses them
        logging.getLogger(told_by_us).setLevel(logging.CRITICAL)
    try:
        match list(arguments):
            case [] | ["serve"]:
                serve(load_settings())
            case ["worker"]:
                work(load_settings())
            case ["worker", "--only", words]:
                work(load_settings(), words.split(","))
            case ["backup", file]:
                print(save_backup(load_settings(), Path(file)))
            case ["restore", file]:
                print(restore_backup(load_settings(), load_registry(), Path(file)))
            case ["create-token", name, "--scope", scopes]:
                print(asyncio.run(create_token(load_settings(), name, scopes.split(","))))
            case ["create-token", name, "--scope", scopes, "--days", days]:
                print(asyncio.run(create_token(load_settings(), name, scopes.split(","), days)))
            case ["demo"]:
                from engine.demo import fill

                print(asyncio.run(fill(load_settings())))
            case ["audit", "verify"]:
                print(asyncio.run(verify_audit(load_settings())))
            case ["migrate-database", source, target]:
                from engine.migrate_database import migrate_database  # its driver is loaded only where it is used

                print(asyncio.run(migrate_database(load_settings(), source, target)))
            case _:
                raise SettingsError(USAGE)
    except (SettingsError, DatabaseError) as fault:
        sys.stderr.write(f"job-runner: {fault}\n")
        return BAD_START
    return 0


def serve(settings: Settings) -> None:
    """Pages, API and engine in this one process, until SIGTERM or Ctrl-C."""
    choose_format(settings.log_format)
    asyncio.run(_check(settings))
    listener = _listen(settings)
    for stop in (signal.SIGTERM, signal.SIGINT):  # uvicorn shuts down on them, then raises them again for us
        signal.signal(stop, lambda *_: sys.exit(0))
    application, atlas = build(settings)
    config = uvicorn.Config(
        application,
        log_config=None,
        access_log=False,  # a page's client id is in the websocket's query, and whoever reads it can act
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        proxy_headers=False,
        server_header=False,
    )
    host, port = listener.getsockname()[:2]
    logging.getLogger("job_runner").info("Job Runner is at http://%s:%s", f"[{host}]" if ":" in host else host, port)
    server = Server(config)
    server.on_stop = atlas.stop_claiming
    server.run(sockets=[listener])
    if not server.started:
        raise SettingsError("the start failed; the log above says why")


def work(settings: Settings, only: Sequence[str] = ()) -> None:
    """Execute what the engines on the same database send, until SIGTERM or Ctrl-C."""
    choose_format(settings.log_format)
    if not settings.is_shared:
        raise SettingsError("a worker needs PostgreSQL: set JOB_RUNNER_DATABASE_URL to postgres://…")
    asyncio.run(_work(settings, only))


async def _work(settings: Settings, only: Sequence[str]) -> None:
    from engine.worker import Worker  # its libraries take a while to load, and only a worker needs them

    worker, stopped = Worker(settings, only=only), asyncio.Event()

    def stop(number: int) -> None:
        """The first signal stops the taking; a second one is as good as a kill."""
        if stopped.is_set():
            os._exit(128 + number)
        worker.stop_receiving()
        stopped.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop, number)
    end_metrics = _worker_metrics(settings, worker.metrics)
    start_tracing(worker.id, version())
    await check_storage(settings)
    await open_database(settings.database)
    try:
        await worker.start()
        await stopped.wait()
        await worker.stop()
    finally:
        end_metrics()
        await stop_tracing()
        await close_database()


def _worker_metrics(settings: Settings, metrics: Metrics) -> Callable[[], None]:
    if settings.metrics_port is None:
        return lambda: None
    try:
        return serve_metrics(metrics, settings.host, settings.metrics_port)
    except OSError as error:
        raise SettingsError(_cannot_listen(settings.host, settings.metrics_port, "METRICS_PORT", error)) from None


class Server(uvicorn.Server):
    """Stops in order at the first signal, and at once at the second."""

    on_stop: Callable[[], None] = staticmethod(lambda: None)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal stops the claiming before anything else; a second one is as good as a kill."""
        if self.should_exit:
            os._exit(128 + sig)
        self.on_stop()
        super().handle_exit(sig, frame)


def build(settings: Settings) -> tuple[Guard, Atlas]:
    """The whole application, and the engine in it."""
    os.environ.setdefault("NICEGUI_STORAGE_PATH", str(settings.data_dir.absolute() / "pages"))
    from ui.app import add_pages  # NiceGUI reads its storage path when it is imported

    atlas = Atlas(settings)
    sign_in = SignIn(atlas)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as opened:  # whatever start-up reached is closed again, or the process never ends
            start_tracing(atlas.id, version())
            opened.push_async_callback(stop_tracing)
            await open_database(settings.database)
            opened.push_async_callback(close_database)
            await atlas.start()
            opened.push_async_callback(atlas.stop)
            await sign_in.prepare()
            await opened.enter_async_context(mcp.open())
            live.start()
            opened.push_async_callback(live.stop)
            gc.set_threshold(10_000, 20, 10)  # short-lived objects die by themselves, thousands a second
            gc.freeze()  # what lives until the end need not be walked at every collection, while pages wait
            yield

    app = FastAPI(
        title="Job Runner",
        version=version(),
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    add_routes(app, atlas, sign_in)
    mcp = McpDoor(atlas, sign_in, version())
    app.router.routes.append(Route(MCP_PATH, mcp, include_in_schema=False))
    live = add_pages(app, atlas, sign_in.still, nowhere)
    return Guard(app, loopback=settings.is_loopback, recognise=sign_in.recognise), atlas


async def _check(settings: Settings) -> None:
    """Find out what is wrong before anything serves."""
    is_wanted(os.environ)
    await open_database(settings.database)
    await close_database()
    await check_storage(settings)


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        raise SettingsError(_cannot_listen(settings.host, settings.port, "PORT", error)) from None
    return listener


def _cannot_listen(host: str, port: int, setting: str, error: OSError) -> str:
    return (
        f"cannot listen at {host}, port {port}: {error.strerror or error}; "
        f"set JOB_RUNNER_HOST and JOB_RUNNER_{setting} to a free address"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
