"""Tells webhooks what happens to jobs, signed as Standard Webhooks are.

See https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md. Every message is stored
before it is sent, and sent until its server takes it, so a receiver may get one twice and knows it by its webhook-id.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import random
from contextlib import suppress
from datetime import timedelta
from typing import Any

import httpx
from tortoise.backends.base.client import BaseDBAsyncClient

from engine import clock, tracing
from engine.cluster import Cluster
from engine.errors import PermanentError
from engine.events import Bus, Event, JobChanged, WebhooksChanged
from engine.health import Health
from engine.ledger import Ledger
from engine.outbound import allowed, http_client
from engine.queries import Queries
from engine.settings import Settings
from engine.vault import Vault
from engine.views import JobView
from engine.webhooks import SECRET_PREFIX
from models.job_event import Happened, Position, events_after
from models.states import DeliveryStatus
from models.trace import trace_of
from models.webhook import Delivery, Webhook

AFTER = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)  # seconds from one try to the next
JITTER = 0.1
ANSWER_SECONDS = 15.0
AT_ONCE = 10
BATCH = 500
LOOK_SECONDS = 1.0
COLLECT_SECONDS = 0.1
RETRY_SECONDS = 2.0
GONE = 410
MAX_ERROR = 500
_JSON = {"Content-Type": "application/json"}


class Deliverer:
    """Makes messages of events and sends them; of several processes one does."""

    def __init__(
        self, settings: Settings, bus: Bus, ledger: Ledger, queries: Queries, health: Health, cluster: Cluster
    ) -> None:
        self._settings = settings
        self._bus = bus
        self._ledger = ledger
        self._queries = queries
        self._health = health
        self._cluster = cluster
        self._woken = asyncio.Event()
        self._sending: dict[int, asyncio.Task[None]] = {}
        secret = settings.secret_key
        self._vault = Vault(secret.get_secret_value() if secret else "")
        bus.subscribe(self._on_event)

    async def run(self) -> None:
        """Tell for ever, while this process leads."""
        try:
            await self._run()
        finally:
            for sending in list(self._sending.values()):
                sending.cancel()
            await asyncio.gather(*self._sending.values(), return_exceptions=True)

    async def _run(self) -> None:
        while True:
            if not self._cluster.leading.is_set():
                self._health.worked("webhooks")  # another process does it
                self._health.worked("sending to webhooks")
                await self._cluster.leading.wait()
            self._woken.clear()
            pause = LOOK_SECONDS
            try:
                await self.step()
                self._health.worked("webhooks")
            except Exception as error:
                self._health.failed("webhooks", error)
                pause = RETRY_SECONDS
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._woken.wait()
            await asyncio.sleep(COLLECT_SECONDS)

    async def step(self) -> None:
        """Make messages of what has happened, and let each webhook's sender see to what is due."""
        hooks = await Webhook.all()
        if not hooks:
            return
        await self._collect(hooks)
        due = Delivery.filter(status=DeliveryStatus.PENDING, next_try_at__lte=clock.now())
        waiting = set(await due.distinct().values_list("webhook_id", flat=True))
        for hook in hooks:
            if hook.id in waiting and hook.id not in self._sending:
                self._sending[hook.id] = asyncio.create_task(self._send_due(hook))

    async def _send_due(self, hook: Webhook) -> None:
        """By itself: a server that does not answer keeps no other waiting."""
        try:
            due = Delivery.filter(webhook_id=hook.id, status=DeliveryStatus.PENDING, next_try_at__lte=clock.now())
            rows = await due.order_by("next_try_at", "id").limit(AT_ONCE)
            async with http_client(await allowed(self._settings)) as http:
                await asyncio.gather(*(self._try(http, hook, row) for row in rows))
            self._health.worked("sending to webhooks")
            self._bus.publish(WebhooksChanged())
        except Exception as error:
            self._health.failed("sending to webhooks", error)
        finally:
            del self._sending[hook.id]
            self._woken.set()

    async def _collect(self, hooks: list[Webhook]) -> None:
        start = min(Position(hook.tx, hook.event_id) for hook in hooks)
        events = await events_after(start, BATCH)
        if not events:
            return
        wanted = {event.job_id for event in events if any(event.kind in hook.kinds for hook in hooks)}
        jobs = {job.id: job for job in await self._queries.jobs(wanted)} if wanted else {}
        messages = [
            _message(hook, event, jobs.get(event.job_id))
            for hook in hooks
            for event in events
            if event.kind in hook.kinds and event.position > Position(hook.tx, hook.event_id)
        ]
        end = events[-1].position

        async def store(writer: BaseDBAsyncClient) -> None:
            if messages:
                await Delivery.bulk_create(messages, using_db=writer, ignore_conflicts=True)
            behind = [hook.id for hook in hooks if Position(hook.tx, hook.event_id) < end]
            await Webhook.filter(id__in=behind).using_db(writer).update(tx=end.tx, event_id=end.id)

        await self._ledger.write(store)

    async def _try(self, http: httpx.AsyncClient, hook: Webhook, row: Delivery) -> None:
        status, fault = await self._send(http, hook, row)
        now, attempts = clock.now(), row.attempts + 1
        changes: dict[str, Any] = {"attempts": attempts, "response_status": status, "error": fault}
        if fault is None:
            changes |= {"status": DeliveryStatus.DELIVERED, "finished_at": now, "next_try_at": None}
        elif status == GONE or attempts > len(AFTER):
            changes |= {"status": DeliveryStatus.FAILED, "finished_at": now, "next_try_at": None}
        else:
            seconds = AFTER[attempts - 1] * (1 + JITTER * random.random())  # noqa: S311 (spreads load)
            changes |= {"next_try_at": now + timedelta(seconds=seconds)}
        await Delivery.filter(id=row.id, attempts=row.attempts).update(**changes)

    async def _send(self, http: httpx.AsyncClient, hook: Webhook, row: Delivery) -> tuple[int | None, str | None]:
        body = json.dumps(row.body, ensure_ascii=False, separators=(",", ":")).encode()
        try:
            secret = str(self._vault.open(hook.secret)["secret"])
        except PermanentError:
            return None, "its secret cannot be read with the present JOB_RUNNER_SECRET_KEY; remove it and add it again"
        headers = {
            **signed(secret, row.message_id, int(clock.now().timestamp()), body),
            "Content-Type": "application/json",
        }
        parent = await trace_of(row.job_id) if tracing.is_tracing() else None
        try:
            with tracing.span("tell webhook", tracing.Role.CLIENT, parent=parent, job=row.job_id, kind=row.kind):
                code = await _posted(http, hook.url, body, headers | tracing.headers())
        except TimeoutError:
            return None, f"no answer within {ANSWER_SECONDS:g} s"
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return None, (str(error) or type(error).__name__)[:MAX_ERROR]
        if 200 <= code < 300:
            return code, None
        more = ", and redirects are not followed" if 300 <= code < 400 else ""
        return code, f"the server answered {code}{more}"

    def _on_event(self, event: Event) -> None:
        if isinstance(event, JobChanged | WebhooksChanged):
            self._woken.set()


async def _posted(http: httpx.AsyncClient, url: str, body: bytes, headers: dict[str, str]) -> int:
    async with asyncio.timeout(ANSWER_SECONDS), http.stream("POST", url, content=body, headers=headers) as answer:
        return answer.status_code


def signed(secret: str, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers by which a receiver knows that a message is ours, whole and fresh."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    content = f"{message_id}.{timestamp}.".encode() + body
    signature = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    return {"webhook-id": message_id, "webhook-timestamp": str(timestamp), "webhook-signature": f"v1,{signature}"}


def _message(hook: Webhook, event: Happened, job: JobView | None) -> Delivery:
    """What is told: the event, and the job as it is when the message is made; never its payload."""
    data = event.facts()
    if job:
        names = ("name", "error", "result", "created_by")
        data |= {name: getattr(job, name) for name in names} | {"page": f"/app/jobs/{job.id}"}
    now = clock.now()
    return Delivery(
        webhook_id=hook.id,
        message_id=f"msg_{hook.id}_{event.position.tx}_{event.position.id}",
        kind=event.kind,
        job_id=event.job_id,
        body={"type": event.kind, "timestamp": clock.told(event.at), "data": data},
        created_at=now,
        next_try_at=now,
    )
