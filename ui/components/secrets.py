"""Settings' secrets: what jobs may use, and nobody reads."""

from functools import partial

from engine import clock
from engine.views import SecretView
from ui.components.dialogs import confirm
from ui.components.form_dialog import FormDialog, Values
from ui.components.marks import time_node
from ui.components.node import Node, button
from ui.components.redrawn import Redrawn
from ui.components.toasts import tell
from ui.layout import Shell


class Secrets:
    """A row a secret, without its value; only administrators see it."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        with Node("section", "", "panel", aria_label="Secrets"):
            with Node("div", "", "panel-head"):
                Node("h2", "Secrets")
                button("Add a secret", "", "lock").on_press(partial(self._set, ""))
            self._list = Redrawn("")

    def show(self, secrets: list[SecretView]) -> None:
        """Bring the rows up to date."""
        self._list.show(secrets, partial(self._draw, secrets))

    def _draw(self, secrets: list[SecretView]) -> None:
        if not secrets:
            Node(
                "p",
                "No secret is stored. Jobs that call services elsewhere use them by name, as {{ secrets.CHAT_TOKEN }}.",
                "muted",
            )
        for secret in secrets:
            with Node("div", "", "list-row", data_secret=secret.name):
                with Node("div", "", "grow"):
                    Node("strong", secret.name)
                    Node("span", f"to {', '.join(secret.hosts)}", "muted")
                    with Node("span", "", "muted"):
                        Node("span", f"by {secret.created_by}, set ")
                        time_node(secret.created_at, clock.now())
                        Node("span", " · used " if secret.used_at else " · never used")
                        if secret.used_at:
                            time_node(secret.used_at, clock.now())
                replace = button("Replace", aria_label=f"Replace {secret.name}")
                replace.on_press(partial(self._set, secret.name, secret.hosts))
                button("Remove", aria_label=f"Remove {secret.name}").on_press(partial(self._ask_remove, secret))

    def _set(self, former: str, hosts: tuple[str, ...] = ()) -> None:
        async def put(values: Values) -> None:
            name = former or (values["name"] or "").strip()
            hosts = (values["hosts"] or "").replace(",", " ").split()
            await self._shell.desk.put_secret(name, values["value"] or "", hosts)

        form = FormDialog(f"Replace {former}" if former else "Add a secret", "Store secret", put)
        if not former:
            form.text("name", "Name", help_text="As CHAT_TOKEN; jobs use it as {{ secrets.CHAT_TOKEN }}")
        form.text("value", "Value", help_text="Stored encrypted, and never shown again", secret=True)
        where = "As chat.example.org; several with commas. Calls elsewhere are refused"
        form.text("hosts", "May be sent to", help_text=where, value=", ".join(hosts))
        form.open()

    def _ask_remove(self, secret: SecretView) -> None:
        async def remove() -> None:
            await tell(self._shell.desk.remove_secret(secret.name), f"{secret.name} is removed")

        said = "Jobs that need it fail from now on. Its value cannot be brought back."
        confirm(f"Remove {secret.name}?", [said], "Remove secret", "Keep secret", remove)
