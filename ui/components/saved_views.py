"""Views: ways to look at the jobs that somebody comes back to, one's own and those that others share."""

from functools import partial

from nicegui import ui

from engine.errors import JobRunnerError
from engine.views import SavedViewView
from models.rights import Right
from ui.components.asked import Asked, address_of
from ui.components.dialogs import confirm, dialog_frame
from ui.components.fields import labelled
from ui.components.menu import Menu
from ui.components.node import Node, button, icon_button
from ui.components.toasts import say
from ui.layout import Shell

MAX_NAME = 64
BUILT_IN = {
    "Current": ("", "work_outline"),
    "History": ("view=history", "history"),
    "Failed": ("status=failed", "error"),
    "Failed today": ("status=failed&ended=day", "today"),
    "Needs approval": ("needs=approval", "front_hand"),
    "Did it go out?": ("needs=answer", "help"),
}


class ViewsMenu:
    """A button with a menu."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._asked = Asked()
        Menu(button("Views", "", "bookmarks"), "Views", self._fill)

    def show(self, asked: Asked) -> None:
        """What would be saved."""
        self._asked = asked

    async def _fill(self, menu: Menu) -> None:
        here, me = self._asked.query(paged=False), self._shell.actor.name
        saved = await self._shell.desk.saved_views()
        own = [view for view in saved if view.owner == me]
        others = [view for view in saved if view.owner != me]
        for name, (query, icon) in BUILT_IN.items():
            menu.link(name, address_of(query), icon=icon, here=query == here)
        for title, views in (("Yours", own), ("Shared with you", others)):
            if views:
                menu.heading(title)
            for view in views:
                about = f"by {view.owner}" if view.owner != me else "Shared" if view.shared else ""
                menu.link(view.name, address_of(view.query), icon="bookmark", about=about, here=view.query == here)
        menu.divider()
        menu.item("Save this view…", partial(_ask_name, self._shell, here, own), icon="bookmark_add")
        if own:
            menu.item("Manage views…", partial(_manage, self._shell), icon="tune")


def _ask_name(shell: Shell, query: str, own: list[SavedViewView]) -> None:
    """One's own view of the same name is replaced, and that is said before."""
    names = {view.name for view in own}
    with ui.context.client.content, dialog_frame("Save this view", narrow=True) as (dialog, body):
        with body:
            Node("p", "What is searched for, the filters and the order, to come back to from the menu Views.")
            with labelled("Name") as label:
                name = ui.input().props(f"outlined dense autofocus maxlength={MAX_NAME} for={label.target}")
            replaces = Node("p", "", "muted", role="status")
            shared = ui.checkbox("Share with everybody")
            shared.set_visibility(Right.OPERATE in shell.rights)

        def told() -> None:
            verb = "Replace view" if str(name.value or "").strip() in names else "Save view"
            replaces.change("It replaces your view of this name." if verb == "Replace view" else "")
            save.change(verb)

        async def saved() -> None:
            wanted = str(name.value or "").strip()
            try:
                view = await shell.desk.save_view(wanted, query, bool(shared.value))
            except JobRunnerError as error:
                label.root.change(classes="form-field faulty")
                label.fault.change(text=str(error))
                return
            dialog.close()
            say(f"{view.name}: saved" + (", for everybody" if view.shared else ""))

        with Node("div", "", "dialog-actions"):
            button("Close").on_press(dialog.close)
            save = button("Save view", "primary").on_press(saved)
        name.on_value_change(told)
        name.on("keydown.enter", saved)
    dialog.on("hide", dialog.delete)
    dialog.open()


async def _manage(shell: Shell) -> None:
    """Share one's own views, or delete them."""
    with ui.context.client.content, dialog_frame("Your views", narrow=True) as (dialog, body):
        with body:
            place = Node("div", "", "stack")
        with Node("div", "", "dialog-actions"):
            button("Close", "primary").props("autofocus").on_press(dialog.close)
    dialog.on("hide", dialog.delete)
    await _list(shell, place)
    dialog.open()


async def _list(shell: Shell, place: Node) -> None:
    views = [view for view in await shell.desk.saved_views() if view.owner == shell.actor.name]
    if place.is_deleted:
        return
    place.clear()
    with place:
        if not views:
            Node("p", "None. Search or filter first, then save that as a view.", "muted")
        for view in views:
            _row(shell, place, view)


def _row(shell: Shell, place: Node, view: SavedViewView) -> None:
    async def share() -> None:
        try:
            await shell.desk.save_view(view.name, view.query, not view.shared)
        except JobRunnerError as error:
            say(str(error), is_good=False)
        await _list(shell, place)

    async def remove() -> None:
        try:
            await shell.desk.remove_view(view.id)
        except JobRunnerError as error:
            say(str(error), is_good=False)
        else:
            say(f"{view.name}: deleted")
        await _list(shell, place)

    def ask() -> None:
        said = "Nobody finds it under Views any more." if view.shared else "The jobs in it stay as they are."
        confirm(f"Delete the view {view.name}?", [said], "Delete view", "Keep view", remove)

    with Node("div", "", "list-row view-row"):
        with Node("div", "", "grow"):
            Node("strong", view.name)
            Node("span", "Shared with everybody" if view.shared else "Only you see it", "muted")
        verb = "Stop sharing" if view.shared else "Share"
        if Right.OPERATE in shell.rights:
            button(verb, "small", aria_label=f"{verb} {view.name}").on_press(share)
        icon_button(f"Delete {view.name}", "delete").on_press(ask)
