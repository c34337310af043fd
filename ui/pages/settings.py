"""Settings: the channels where posts go, the limits of job types, and how mail leaves."""

from dataclasses import dataclass, field
from functools import partial
from typing import Any

from nicegui import PageArguments, ui

from engine import clock
from engine.administration import CREDENTIALS
from engine.errors import InvalidInput, JobRunnerError, NotAllowed, SignedOut
from engine.views import ChannelView, PersonView, SecretView, TokenView, TypeView, WebhookView
from models.rights import Right
from ui.components.approval_rules import ApprovalRules
from ui.components.budgets import Budgets
from ui.components.dialogs import confirm, dialog_frame
from ui.components.fields import Label, labelled
from ui.components.marks import time_node
from ui.components.node import Node, button
from ui.components.notify import NotifySwitch
from ui.components.people import People
from ui.components.redrawn import Redrawn
from ui.components.secrets import Secrets
from ui.components.spent_budgets import SpentBudgets
from ui.components.toasts import tell
from ui.components.tokens import Tokens
from ui.components.type_policies import TypePolicies
from ui.components.webhooks import Webhooks
from ui.layout import Shell, StillView
from ui.reader import Reader
from ui.tab import Draw

KIND_LABELS = {
    "mastodon": "Mastodon-compatible",
    "bluesky": "Bluesky / AT Protocol",
    "feed": "Built-in Atom feed",
}
FIELD_LABELS = {"access_token": "Access token", "handle": "Handle", "app_password": "App password"}
SECRET = frozenset({"access_token", "app_password"})
HELP = {
    "access_token": "From your server: Preferences → Development → New application, with the scopes read and write",
    "app_password": "From Settings → App passwords; never your account's own password",
    "handle": "As in ada.example.social, without @",
}


@dataclass(frozen=True)
class _Access:
    """What administrators alone see."""

    people: list[PersonView] = field(default_factory=list)
    tokens: list[TokenView] = field(default_factory=list)
    webhooks: list[WebhookView] = field(default_factory=list)
    secrets: list[SecretView] = field(default_factory=list)


class SettingsPage(StillView):
    """Channels with what is known of each, and the mail server."""

    def __init__(self, shell: Shell, _: PageArguments) -> None:
        self._shell = shell
        self._may_administer = Right.ADMINISTER in shell.rights
        self._spent = SpentBudgets()
        with Node("section", "", "panel", aria_label="Channels"):
            with Node("div", "", "panel-head"):
                Node("h2", "Channels")
                if self._may_administer:
                    button("Connect a channel", "primary", "add").on_press(self._connect)
            self._list = Redrawn("")
        self._types = TypePolicies(shell)
        self._budgets = Budgets(shell)
        self._approvals = ApprovalRules(shell)
        with Node("section", "", "panel", aria_label="Mail"):
            Node("h2", "Mail")
            Node("p", self._mail(), "muted")
        if Right.APPROVE in shell.rights:
            NotifySwitch()
        if self._may_administer:
            self._people, self._tokens = People(shell), Tokens(shell)
            self._webhooks, self._secrets = Webhooks(shell), Secrets(shell)
            with Node("section", "", "panel", aria_label="Audit"), Node("div", "", "panel-head"):
                Node("h2", "Audit log")
                Node("a", "Open the audit log", "button", href="/app/settings/audit", data_icon="history")
        with Node("section", "", "panel", aria_label="System"), Node("div", "", "panel-head"):
            Node("h2", "System")
            Node("a", "See how it is", "button", href="/app/settings/system", data_icon="monitor_heart")
        if shell.actor.session:
            with Node("section", "", "panel", aria_label="You"), Node("div", "", "panel-head"):
                with Node("div"):
                    Node("h2", "You")
                    Node("span", f"Signed in as {shell.actor.name}, {shell.actor.role}", "muted")
                button("Sign out everywhere else", "", "logout").on_press(self._sign_out_elsewhere)
        shell.show("Settings", "/app/settings", self)

    async def read(self, reader: Reader) -> Draw:
        """Read channels, job types, approval rules, people, tokens, webhooks and secrets again."""
        access, show_rules = await self._read_access(), await self._approvals.read()
        channels, types = await reader.queries.channels(), await reader.queries.types()
        show_budgets = await self._read_budgets(reader)
        return partial(self._show_all, channels, types, access, (show_budgets, show_rules))

    async def _read_budgets(self, reader: Reader) -> Draw:
        budgets, limits = await reader.budgets(), await self._shell.atlas.limiting.all()
        agents = {f"agent-{agent.id}": agent.name for agent in await reader.agents()}

        def show() -> None:
            self._spent.show(budgets)
            self._budgets.show(budgets, limits, agents)

        return show

    async def _read_access(self) -> _Access:
        desk = self._shell.desk
        try:
            return _Access(await desk.people(), await desk.tokens(), await desk.webhooks(), await desk.secrets())
        except (NotAllowed, SignedOut):
            return _Access()

    def _show_all(
        self, channels: list[ChannelView], types: list[TypeView], access: _Access, show: tuple[Draw, ...]
    ) -> None:
        self._list.show(channels, partial(self._draw_channels, channels))
        self._types.show(types)
        for part in show:
            part()
        if self._may_administer:
            self._people.show(access.people)
            self._tokens.show(access.tokens)
            self._webhooks.show(access.webhooks)
            self._secrets.show(access.secrets)

    def _draw_channels(self, channels: list[ChannelView]) -> None:
        for channel in channels:
            self._show(channel)
        if not channels:
            Node("p", "No channel is connected, so posts have nowhere to go.", "muted")

    # -- parts -----------------------------------------------------------------------------------------------

    def _show(self, channel: ChannelView) -> None:
        with Node("div", "", "list-row", data_channel=channel.name):
            with Node("div", "", "grow"):
                Node("strong", channel.name)
                where = f" · {channel.url}" if channel.url else ""
                Node("span", f"{KIND_LABELS[channel.kind]}{where}", "muted")
                if channel.fault:
                    Node("span", channel.fault, "fault-text")
                elif channel.account:
                    verb = "Publishes at" if channel.kind == "feed" else "Posts as"
                    Node("span", f"{verb} {channel.account}", "good-text")
                if channel.tested_at:
                    with Node("span", "", "muted"):
                        Node("span", "Tested ")
                        time_node(channel.tested_at, clock.now())
            if channel.kind == "feed":
                Node("a", "Open feed", "button", href="/feed.xml", target="_blank")
            if not self._may_administer:
                return
            tested = button("Test connection", aria_label=f"Test connection of {channel.name}")
            tested.on_press(lambda: self._test(channel))
            removed = button("Remove", "", aria_label=f"Remove {channel.name}")
            removed.on_press(lambda: self._ask_remove(channel))

    def _mail(self) -> str:
        settings = self._shell.atlas.settings
        if not settings.smtp_host:
            outbox = self._shell.atlas.downloads.outbox()
            return f"No mail server is configured: messages are saved to {outbox}. Set JOB_RUNNER_SMTP_HOST."
        return f"Mail leaves through {settings.smtp_host} ({settings.smtp_security})."

    async def _sign_out_elsewhere(self) -> None:
        await tell(self._shell.desk.end_own_sessions(), "Signed out everywhere else")

    # -- what people do --------------------------------------------------------------------------------------

    async def _test(self, channel: ChannelView) -> None:
        try:
            after = await self._shell.desk.test_channel(channel.id)
        except JobRunnerError as error:
            ui.notify(str(error), type="negative", position="bottom")
            return
        if after.fault:
            ui.notify(f"{channel.name}: {after.fault}", type="negative", position="bottom", multi_line=True)
        else:
            ui.notify(f"{channel.name}: connected, posts as {after.account}", type="positive", position="bottom")

    def _ask_remove(self, channel: ChannelView) -> None:
        async def remove() -> None:
            await tell(self._shell.desk.remove_channel(channel.id), f"{channel.name} is removed")

        said = "Its credentials are forgotten. What was posted stays posted; queued posts to it will fail."
        confirm(f"Remove {channel.name}?", [said], "Remove channel", "Keep channel", remove)

    def _connect(self) -> None:
        ConnectDialog(self._shell).open()


class ConnectDialog:
    """Name, kind, address and credentials of a new channel."""

    def __init__(self, shell: Shell) -> None:
        self._desk = shell.desk
        self._inputs: dict[str, tuple[Any, Label]] = {}
        with dialog_frame("Connect a channel") as (self._dialog, body):
            with body:
                with labelled("Kind") as label:
                    self._kind = ui.select(KIND_LABELS, value="mastodon", on_change=self._show_fields)
                    self._kind.props(f"outlined dense for={label.target}")
                self._add("name", "Name", help_text="As it is called in the form for a new post")
                self._add("url", "Server address", help_text="As in https://social.example")
                for key in dict.fromkeys(key for keys in CREDENTIALS.values() for key in keys):
                    self._add(f"credentials.{key}", FIELD_LABELS[key], help_text=HELP[key], secret=key in SECRET)
                self._fault = Node("p", "", "fault-text", role="alert")
            with Node("div", "", "dialog-actions"):
                button("Close").on_press(self._dialog.close)
                button("Connect", "primary").on_press(self._submit)
        self._dialog.on("hide", self._dialog.delete)
        self._show_fields()

    def open(self) -> None:
        """Show the form."""
        self._dialog.open()

    def _show_fields(self) -> None:
        """Hide what the kind does not need; nothing is made anew, so nothing that is just being typed is lost."""
        for name, (_, label) in self._inputs.items():
            label.root.change(hidden=None if name in self._wanted() else True)

    def _wanted(self) -> list[str]:
        credentials = [f"credentials.{key}" for key in CREDENTIALS[self._kind.value]]
        return ["name", *(["url"] if self._kind.value != "feed" else []), *credentials]

    def _add(self, name: str, title: str, *, help_text: str, secret: bool = False) -> None:
        with labelled(title, help_text=help_text) as label:
            node = ui.input(password=secret).props(f"outlined dense for={label.target} autocomplete=off")
        self._inputs[name] = (node, label)

    async def _submit(self) -> None:
        values = {name: self._inputs[name][0].value or "" for name in self._wanted()}
        credentials = {k.removeprefix("credentials."): v for k, v in values.items() if k.startswith("credentials.")}
        faults: dict[str, str] = {}
        try:
            channel = await self._desk.connect_channel(
                values["name"].strip(), self._kind.value, values.get("url", "").strip(), credentials
            )
        except InvalidInput as error:
            faults = {fault.field: fault.message for fault in error.errors}
        for name, (_, label) in self._inputs.items():
            text = faults.pop(name, "")
            label.root.change(classes="form-field faulty" if text else "form-field")
            label.fault.change(text=text)
        self._fault.change(text="; ".join(faults.values()))
        if any(label.fault._text for _, label in self._inputs.values()) or faults:
            return
        self._dialog.close()
        if channel.fault:
            ui.notify(
                f"{channel.name} is stored, but: {channel.fault}",
                type="warning",
                position="bottom",
                multi_line=True,
            )
        else:
            ui.notify(f"{channel.name}: connected, posts as {channel.account}", type="positive", position="bottom")
