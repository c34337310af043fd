"""A link for a reviewer without an account, made where a job is reviewed."""

from nicegui import ui

from engine.views import JobView
from ui.components.form_dialog import FormDialog, Values
from ui.components.tokens import show_once
from ui.layout import Shell

HOURS = {1: "an hour", 24: "a day", 72: "three days", 168: "a week"}


def ask_for_link(shell: Shell, job: JobView) -> None:
    """Ask who is to review, and for how long; the link is shown once."""
    base = shell.atlas.settings.public_url or str(ui.context.client.request.base_url).rstrip("/")

    async def make(values: Values) -> None:
        made = await shell.desk.create_review_link(job.id, (values["reviewer"] or "").strip(), values["hours"])
        show_once(f"Link for {values['reviewer']}", "Link", base + made.path)

    form = FormDialog("Link for a reviewer", "Make link", make)
    form.text(
        "reviewer", "Reviewer", help_text="Whom you send it to: they decide about this version, once, in your name"
    )
    form.choice("hours", "Holds for", HOURS, 24)
    form.open()
