"""Settings' people: who may sign in, and what for."""

from functools import partial

from nicegui import ui

from engine import clock
from engine.views import PersonView
from models.rights import Role
from ui.components.dialogs import confirm
from ui.components.form_dialog import FormDialog, Values
from ui.components.marks import time_node
from ui.components.node import Node, button
from ui.components.redrawn import Redrawn
from ui.components.toasts import tell
from ui.layout import Shell

ROLES = {
    Role.VIEWER.value: "Viewer — looks",
    Role.OPERATOR.value: "Operator — creates, cancels, retries and pauses jobs",
    Role.APPROVER.value: "Approver — also approves and rejects",
    Role.ADMIN.value: "Admin — also channels, limits, people and tokens",
}


class People:
    """A row a person; only administrators see it."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        with Node("section", "", "panel", aria_label="People"):
            with Node("div", "", "panel-head"):
                Node("h2", "People")
                button("Add a person", "", "person_add").on_press(self._add)
            self._list = Redrawn("")

    def show(self, people: list[PersonView]) -> None:
        """Bring the rows up to date."""
        self._list.show(people, partial(self._draw, people))

    def _draw(self, people: list[PersonView]) -> None:
        if not people:
            told = "Nobody needs to sign in on this machine. As soon as there is a person, everybody has to."
            Node("p", told, "muted")
        for person in people:
            with Node("div", "", "list-row", data_person=person.name):
                with Node("div", "", "grow"):
                    Node("strong", person.name)
                    with Node("span", "", "muted"):
                        Node("span", f"{person.role.capitalize()} · {_where(person)} · added ")
                        time_node(person.created_at, clock.now())
                    if person.groups:
                        Node("span", f"In {', '.join(person.groups)}", "muted")
                change = button("Change", aria_label=f"Change {person.name}")
                change.on_press(partial(self._change, person))
                if person.sessions:
                    out = button("Sign out", aria_label=f"Sign out everywhere: {person.name}")
                    out.on_press(partial(self._sign_out, person))
                remove = button("Remove", aria_label=f"Remove {person.name}")
                remove.on_press(partial(self._ask_remove, person))

    def _add(self) -> None:
        async def add(values: Values) -> None:
            name = (values["name"] or "").strip()
            await self._shell.desk.add_person(name, values["role"], values["password"] or "")
            ui.notify(f"{name} may sign in as {values['role']}", type="positive", position="bottom")

        form = FormDialog("Add a person", "Add person", add)
        form.text("name", "Name", help_text="What they enter to sign in")
        form.choice("role", "Role", ROLES, Role.OPERATOR.value)
        form.text("password", "Password", help_text="At least 8 characters; tell it to them yourself", secret=True)
        form.open()

    def _change(self, person: PersonView) -> None:
        shown = ", ".join(person.groups)

        async def change(values: Values) -> None:
            role = values["role"] if values["role"] != person.role else None
            groups = listed(values["groups"]) if values["groups"] != shown else None
            password = values["password"] or None
            await self._shell.desk.change_person(person.id, role=role, password=password, groups=groups)
            ui.notify(f"{person.name} is changed", type="positive", position="bottom")

        form = FormDialog(f"Change {person.name}", "Save", change)
        form.choice("role", "Role", ROLES, person.role)
        told = "Separated by commas; a rule may ask for the approval of a group"
        form.text("groups", "Groups", help_text=told, value=shown)
        told = "Left empty, it stays. A new one signs them out everywhere"
        form.text("password", "New password", help_text=told, secret=True)
        form.open()

    async def _sign_out(self, person: PersonView) -> None:
        await tell(self._shell.desk.end_sessions(person.id), f"{person.name} is signed out everywhere")

    def _ask_remove(self, person: PersonView) -> None:
        async def remove() -> None:
            await tell(self._shell.desk.remove_person(person.id), f"{person.name} is removed")

        said = "They are signed out everywhere and cannot sign in any more. What they did stays in the audit log."
        confirm(f"Remove {person.name}?", [said], "Remove person", "Keep person", remove)


def listed(text: str | None) -> list[str]:
    """What stands between commas, without what is empty."""
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def _where(person: PersonView) -> str:
    if not person.sessions:
        return "not signed in"
    return "signed in" if person.sessions == 1 else f"signed in in {person.sessions} browsers"
