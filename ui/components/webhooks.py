"""Settings' webhooks: who elsewhere is told of what happens, and whether they took it."""

import json
from functools import partial

from nicegui import ui

from engine import clock
from engine.errors import JobRunnerError
from engine.views import DeliveryView, WebhookView
from engine.webhooks import USUAL_KINDS
from ui.components.dialogs import confirm, dialog_frame
from ui.components.form_dialog import FormDialog, Values
from ui.components.marks import badge_node, show_badge, time_node
from ui.components.node import Node, button
from ui.components.redrawn import Redrawn
from ui.components.toasts import tell
from ui.components.tokens import show_once
from ui.layout import Shell
from ui.present import Badge

KIND_LABELS = {
    "job.completed": "Completed",
    "job.failed": "Failed",
    "job.needs_approval": "Needs approval",
    "job.outcome_unknown": "Outcome unknown",
    "job.approved": "Approved",
    "job.rejected": "Rejected",
    "job.lapsed": "Lapsed, as nobody decided",
    "job.approval_reminder": "Still waiting for approval",
    "budget.spent": "Kept waiting by a spent budget",
    "budget.low": "Near the end of a budget",
    "job.cancelled": "Cancelled",
    "job.created": "Created",
}
STATES = {
    "delivered": Badge("completed", "check_circle", "Delivered"),
    "pending": Badge("queued", "schedule", "Pending"),
    "failed": Badge("failed", "error", "Failed"),
}


class Webhooks:
    """A row a webhook; only administrators see it."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        with Node("section", "", "panel", aria_label="Webhooks"):
            with Node("div", "", "panel-head"):
                Node("h2", "Webhooks")
                button("Add a webhook", "", "webhook").on_press(self._add)
            self._list = Redrawn("")

    def show(self, webhooks: list[WebhookView]) -> None:
        """Bring the rows up to date."""
        self._list.show(webhooks, partial(self._draw, webhooks))

    def _draw(self, webhooks: list[WebhookView]) -> None:
        if not webhooks:
            Node(
                "p", "Nobody elsewhere is told of what happens here: add a webhook for chat, alarms or agents.", "muted"
            )
        for hook in webhooks:
            with Node("div", "", "list-row", data_webhook=hook.name):
                with Node("div", "", "grow"):
                    Node("strong", hook.name)
                    Node("span", hook.url, "muted")
                    Node("span", ", ".join(KIND_LABELS[kind] for kind in hook.kinds), "muted")
                    if hook.fault:
                        Node("span", f"The latest message was not taken: {hook.fault}", "fault-text")
                button("Deliveries", aria_label=f"Deliveries to {hook.name}").on_press(partial(self._show_log, hook))
                button("Test", aria_label=f"Test {hook.name}").on_press(partial(self._test, hook))
                button("Remove", aria_label=f"Remove {hook.name}").on_press(partial(self._ask_remove, hook))

    def _add(self) -> None:
        async def add(values: Values) -> None:
            name, url = (values["name"] or "").strip(), (values["url"] or "").strip()
            _, secret = await self._shell.desk.add_webhook(name, url, values["kinds"] or [])
            show_once(f"Webhook {name}", "Signing secret", secret)

        form = FormDialog("Add a webhook", "Add webhook", add)
        form.text("name", "Name", help_text="As it is called here")
        form.text("url", "Address", help_text="Gets a signed POST, as Standard Webhooks says")
        form.choice("kinds", "Told when a job is", KIND_LABELS, list(USUAL_KINDS), many=True)
        form.open()

    async def _test(self, hook: WebhookView) -> None:
        await tell(self._shell.desk.test_webhook(hook.id), f"A test is on its way to {hook.name}; see its deliveries")

    async def _show_log(self, hook: WebhookView) -> None:
        try:
            deliveries = await self._shell.desk.deliveries(hook.id)
        except JobRunnerError as error:
            ui.notify(str(error), type="negative", position="bottom")
            return
        with ui.context.client.content, dialog_frame(f"Deliveries to {hook.name}") as (dialog, body):
            with body:
                for delivery in deliveries:
                    self._draw_delivery(delivery)
                if not deliveries:
                    Node("p", "It was not told anything yet: send it a test.", "muted")
            with Node("div", "", "dialog-actions"):
                button("Close").on_press(dialog.close)
        dialog.on("hide", dialog.delete)
        dialog.open()

    def _draw_delivery(self, delivery: DeliveryView) -> None:
        with Node("div", "", "list-row"):
            show_badge(badge_node(), STATES[delivery.status])
            with Node("div", "", "grow"):
                job = f" · job {delivery.job_id}" if delivery.job_id else ""
                Node("strong", f"{delivery.kind}{job}")
                with Node("span", "", "muted"):
                    tries = "1 try" if delivery.attempts == 1 else f"{delivery.attempts} tries"
                    Node("span", f"{tries} · ")
                    time_node(delivery.created_at, clock.now())
                if delivery.error:
                    Node("span", delivery.error, "fault-text")
                with Node("details", "", "fold"):
                    Node("summary", "Message")
                    Node("pre", json.dumps(delivery.body, indent=2, ensure_ascii=False), tabindex="0")
            again = button("Send again", aria_label=f"Send {delivery.kind} again")
            sent = f"{delivery.kind} is sent again"
            again.on_press(lambda: tell(self._shell.desk.send_again(delivery.id), sent))

    def _ask_remove(self, hook: WebhookView) -> None:
        async def remove() -> None:
            await tell(self._shell.desk.remove_webhook(hook.id), f"{hook.name} is told nothing more")

        said = "What it was told is forgotten here. This cannot be undone."
        confirm(f"Remove {hook.name}?", [said], "Remove webhook", "Keep webhook", remove)
