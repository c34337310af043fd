"""Settings' tokens: by which programs come in."""

from functools import partial

from nicegui import ui

from engine import clock
from engine.tokens import expired
from engine.views import TokenView
from models.rights import Scope
from ui.components.dialogs import confirm, dialog_frame
from ui.components.form_dialog import FormDialog, Values
from ui.components.marks import badge_node, show_badge, time_node
from ui.components.node import Node, button
from ui.components.redrawn import Redrawn
from ui.components.toasts import tell
from ui.layout import Shell
from ui.present import Badge

SCOPES = {
    Scope.JOBS_READ.value: "jobs:read — look",
    Scope.JOBS_WRITE.value: "jobs:write — create, cancel, retry and pause jobs",
    Scope.AGENT.value: "agent — work as an agent",
    Scope.ADMIN.value: "admin — channels, limits, people and tokens",
}
LASTING = {7: "7 days", 30: "30 days", 90: "90 days", 365: "A year", 0: "Until it is revoked"}


class Tokens:
    """A row a token; only administrators see it."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        with Node("section", "", "panel", aria_label="Tokens"):
            with Node("div", "", "panel-head"):
                Node("h2", "Tokens for programs")
                button("Create a token", "", "key").on_press(self._create)
            self._list = Redrawn("")

    def show(self, tokens: list[TokenView]) -> None:
        """Bring the rows up to date."""
        self._list.show(tokens, partial(self._draw, tokens))

    def _draw(self, tokens: list[TokenView]) -> None:
        if not tokens:
            Node("p", "Programs and agents come in by a token: none has been made yet.", "muted")
        for token in tokens:
            with Node("div", "", "list-row", data_token=token.name):
                show_badge(badge_node(), _state(token))
                with Node("div", "", "grow"):
                    Node("strong", token.name)
                    with Node("span", "", "muted"):
                        Node("span", f"{', '.join(token.scopes)} · by {token.created_by}")
                        ends = "ended" if expired(token, clock.now()) else "ends"
                        for word, moment in (("used", token.last_used_at), (ends, token.expires_at)):
                            if moment:
                                Node("span", f" · {word} ")
                                time_node(moment, clock.now())
                        if not token.last_used_at:
                            Node("span", " · never used")
                if token.revoked_at is None:
                    revoke = button("Revoke", aria_label=f"Revoke {token.name}")
                    revoke.on_press(partial(self._ask_revoke, token))

    def _create(self) -> None:
        async def create(values: Values) -> None:
            name = (values["name"] or "").strip()
            _, secret = await self._shell.desk.create_token(name, values["scopes"], values["days"] or None)
            show_once(f"Token {name}", "Token", secret)

        form = FormDialog("Create a token", "Create token", create)
        form.text("name", "Name", help_text="The program that will use it; jobs are told as created by it")
        form.choice("scopes", "May", SCOPES, [Scope.JOBS_WRITE.value], many=True, help_text="No token approves jobs")
        form.choice("days", "Holds for", LASTING, 90)
        form.open()

    def _ask_revoke(self, token: TokenView) -> None:
        async def revoke() -> None:
            await tell(self._shell.desk.revoke_token(token.id), f"{token.name} opens nothing any more")

        said = "Whatever uses it is refused from now on. This cannot be undone."
        confirm(f"Revoke {token.name}?", [said], "Revoke token", "Keep token", revoke)


def show_once(title: str, what: str, secret: str) -> None:
    """A secret that nobody can look up later."""
    with ui.context.client.content, dialog_frame(title) as (dialog, body):
        with body:
            Node("p", "Copy it now: it is shown this once, and nobody can look it up later.")
            Node("code", secret, "secret", tabindex="0", aria_label=what)
        with Node("div", "", "dialog-actions"):
            button("Copy", "", "content_copy").on_press(lambda: ui.clipboard.write(secret))
            button("Done", "primary").on_press(dialog.close)
    dialog.props("persistent")
    dialog.on("hide", dialog.delete)
    dialog.open()


def _state(token: TokenView) -> Badge:
    if token.revoked_at:
        return Badge("cancelled", "block", "Revoked")
    if expired(token, clock.now()):
        return Badge("paused", "schedule", "Expired")
    return Badge("completed", "check_circle", "Valid")
