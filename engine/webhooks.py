"""Webhooks: the addresses elsewhere that are told of what happens to jobs, and what they were told."""

import base64
import logging
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from tortoise.exceptions import IntegrityError

from engine import clock
from engine.approvals.terms import Terms
from engine.budgets.book import BudgetView
from engine.errors import FieldError, InvalidInput, NotFound
from engine.events import Bus, WebhooksChanged
from engine.faults import shown
from engine.names import name_faults
from engine.outbound import is_web_address
from engine.settings import Settings
from engine.vault import Vault
from engine.views import DeliveryView, WebhookView
from models.job import Job
from models.job_event import newest_position
from models.states import DeliveryStatus
from models.usage import day_of
from models.webhook import Delivery, Webhook

log = logging.getLogger(__name__)

REMINDER = "job.approval_reminder"
BUDGET_SPENT, BUDGET_LOW = "budget.spent", "budget.low"
KINDS = (
    "job.completed",
    "job.failed",
    "job.needs_approval",
    "job.outcome_unknown",
    "job.approved",
    "job.rejected",
    "job.lapsed",
    REMINDER,
    "job.cancelled",
    "job.created",
    BUDGET_SPENT,
    BUDGET_LOW,
)
USUAL_KINDS = KINDS[:4]
TEST = "webhook.test"
MAX_WEBHOOKS = 50
SECRET_PREFIX = "whsec_"  # noqa: S105 (what every secret begins with)
SECRET_BYTES = 32
LOG_LENGTH = 100


class Webhooks:
    """Which there are; what is to be sent is sent by the deliverer."""

    def __init__(self, settings: Settings, bus: Bus) -> None:
        self._bus = bus
        secret = settings.secret_key
        self._vault = Vault(secret.get_secret_value() if secret else "")

    # -- which there are -------------------------------------------------------------------------------------

    async def all(self) -> list[WebhookView]:
        """Every webhook, by name, without its secret."""
        return [await _view(row) for row in await Webhook.all().order_by("name")]

    async def add(self, name: str, url: str, kinds: Sequence[str], created_by: str) -> tuple[WebhookView, str]:
        """Tell this address from now on; returns also the secret that signs, which is told this once.

        Raises:
            InvalidInput: a field breaks a rule, or the name is taken.
        """
        faults = [*name_faults(name), *_url_faults(url), *_kind_faults(kinds)]
        if await Webhook.all().count() >= MAX_WEBHOOKS:
            faults.append(FieldError("name", f"there are {MAX_WEBHOOKS} webhooks already; remove one first"))
        if faults:
            raise InvalidInput(faults)
        secret = SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
        position = await newest_position()
        try:
            row = await Webhook.create(
                name=name,
                url=url,
                kinds=list(dict.fromkeys(kinds)),
                secret=self._vault.seal({"secret": secret}),
                created_by=created_by,
                created_at=clock.now(),
                tx=position.tx,
                event_id=position.id,
            )
        except IntegrityError:
            fault = FieldError("name", f"name must be new, and there is a webhook {name!r} already")
            raise InvalidInput([fault]) from None
        self._bus.publish(WebhooksChanged())
        return await _view(row), secret

    async def remove(self, webhook_id: int) -> None:
        """Tell it nothing more, and forget what it was told.

        Raises:
            NotFound: there is no such webhook.
        """
        if not await Webhook.filter(id=webhook_id).delete():
            raise NotFound("webhook", webhook_id)
        await Delivery.filter(webhook_id=webhook_id).delete()
        self._bus.publish(WebhooksChanged())

    async def test(self, webhook_id: int) -> None:
        """Send it a message that says that it is a test.

        Raises:
            NotFound: there is no such webhook.
        """
        if not await Webhook.exists(id=webhook_id):
            raise NotFound("webhook", webhook_id)
        now = clock.now()
        body = {"type": TEST, "timestamp": clock.told(now), "data": {"message": "A test: it works"}}
        message_id = f"msg_test_{secrets.token_hex(8)}"
        await Delivery.create(
            webhook_id=webhook_id,
            message_id=message_id,
            kind=TEST,
            job_id=0,
            body=body,
            created_at=now,
            next_try_at=now,
        )
        self._bus.publish(WebhooksChanged())

    async def is_wanted(self, kind: str) -> bool:
        """Whether any webhook is told of this kind."""
        return any(kind in kinds for kinds in await Webhook.all().values_list("kinds", flat=True))

    async def remind_of(self, jobs: Sequence[Job], now: datetime) -> None:
        """Tell whoever wants to know that these jobs wait for approval; on the same day of a job's wait only once."""
        hooks = [hook for hook in await Webhook.all() if REMINDER in hook.kinds]
        messages = [_reminder(hook, job, now) for hook in hooks for job in jobs]
        if messages:
            await Delivery.bulk_create(messages, ignore_conflicts=True)
            self._bus.publish(WebhooksChanged())

    async def tell_of_budgets(self, told: Sequence[tuple[BudgetView, str]], now: datetime) -> None:
        """Tell whoever wants to know that these budgets are spent, or nearly; of a limit and day only once."""
        hooks = await Webhook.all()
        messages = [_of_budget(hook, view, kind, now) for view, kind in told for hook in hooks if kind in hook.kinds]
        if messages:
            await Delivery.bulk_create(messages, ignore_conflicts=True)
            self._bus.publish(WebhooksChanged())

    async def deliveries(self, webhook_id: int) -> list[DeliveryView]:
        """The latest messages to it, newest first.

        Raises:
            NotFound: there is no such webhook.
        """
        if not await Webhook.exists(id=webhook_id):
            raise NotFound("webhook", webhook_id)
        rows = await Delivery.filter(webhook_id=webhook_id).order_by("-id").limit(LOG_LENGTH)
        return [_delivery_view(row) for row in rows]

    async def send_again(self, delivery_id: int) -> DeliveryView:
        """Try a message anew, from the first try; the receiver knows it by its id.

        Raises:
            NotFound: there is no such message, or no such webhook any more.
        """
        row = await Delivery.get_or_none(id=delivery_id)
        if row is None or not await Webhook.exists(id=row.webhook_id):
            raise NotFound("delivery", delivery_id)
        again = {"status": DeliveryStatus.PENDING, "attempts": 0, "next_try_at": clock.now(), "finished_at": None}
        await Delivery.filter(id=delivery_id).update(**again)
        self._bus.publish(WebhooksChanged())
        return _delivery_view(await Delivery.get(id=delivery_id))


def _reminder(hook: Webhook, job: Job, now: datetime) -> Delivery:
    """As a message of an event, and since when and why it waits; the id tells one day's reminder from another's."""
    since = job.approval_asked_at or job.created_at
    facts = ("status", "attempt", "approval", "outcome", "name", "error", "result", "created_by")
    data = {"job_id": job.id, "job_type": job.type, **{name: getattr(job, name) for name in facts}}
    data |= {"page": f"/app/approvals?job={job.id}", "waits_since": clock.told(since)}
    data |= {"reason": Terms.of(job.approval_terms).reason}
    return Delivery(
        webhook_id=hook.id,
        message_id=f"msg_{hook.id}_wait_{job.id}_{int(since.timestamp())}_{(now - since).days}",
        kind=REMINDER,
        job_id=job.id,
        body={"type": REMINDER, "timestamp": clock.told(now), "data": data},
        created_at=now,
        next_try_at=now,
    )


def _of_budget(hook: Webhook, view: BudgetView, kind: str, now: datetime) -> Delivery:
    facts: dict[str, Any] = {"budget_id": view.id, "scope": view.scope, "key": view.key, "measure": view.measure}
    facts |= {"limit": view.measure.number(view.most), "used": view.measure.number(view.used)}
    facts |= {"message": f"{view.words[:1].upper()}{view.words[1:]}", "page": "/app/settings"}
    return Delivery(
        webhook_id=hook.id,
        message_id=f"msg_{hook.id}_{kind}_{view.id}_{day_of(now)}_{view.most}",
        kind=kind,
        job_id=0,
        body={"type": kind, "timestamp": clock.told(now), "data": facts},
        created_at=now,
        next_try_at=now,
    )


def _url_faults(url: str) -> list[FieldError]:
    if is_web_address(url):
        return []
    return [FieldError("url", f"url must be like https://ops.example/hook, not {shown(url)}")]


def _kind_faults(kinds: Sequence[str]) -> list[FieldError]:
    if kinds and set(kinds) <= set(KINDS):
        return []
    return [FieldError("kinds", f"kinds must be one or more of {', '.join(KINDS)}, not {shown(list(kinds))}")]


async def _view(row: Webhook) -> WebhookView:
    latest = await Delivery.filter(webhook_id=row.id).exclude(attempts=0).order_by("-id").first()
    fault = latest.error if latest else None
    return WebhookView(row.id, row.name, row.url, row.kinds, row.created_by, row.created_at, fault)


def _delivery_view(row: Delivery) -> DeliveryView:
    names = ("id", "message_id", "kind", "job_id", "body", "status", "attempts", "created_at", "next_try_at")
    more = ("finished_at", "response_status", "error")
    return DeliveryView(**{name: getattr(row, name) for name in (*names, *more)})
