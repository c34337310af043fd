"""The form for a new rule of the approval policy."""

from collections.abc import Iterable
from dataclasses import replace

from nicegui import ui

from engine.approvals.rules import NewRule
from engine.errors import FieldError, InvalidInput
from engine.faults import shown
from models.approval import Creators, RuleKind
from ui.components.form_dialog import FormDialog, Values
from ui.components.keyboard import give_keyboard
from ui.components.people import listed
from ui.layout import Shell

KINDS = {RuleKind.REQUIRE.value: "Needs approval", RuleKind.TRUST.value: "Trusted: approved by itself"}
CREATORS = {
    Creators.ANYONE.value: "Anyone",
    Creators.AGENTS.value: "Agents, and jobs that submit jobs",
    Creators.PEOPLE.value: "People",
}
NEW_DOMAINS = {False: "Make no difference", True: "Only what goes where nothing approved went before"}
OWN = {True: "May approve it themselves", False: "Has to leave it to somebody else"}
BY_LINK = {False: "Only people who sign in here", True: "Also a reviewer without an account, by a link"}
OF_REQUIRE = frozenset({"outside_domains", "new_domains", "approvers", "approver_group", "own", "by_link"})


class _RuleForm(FormDialog):
    """Shows what the chosen kind of rule has; nothing that was entered is lost by choosing the other."""

    def show_kind(self, kind: str) -> None:
        """Hide what such a rule does not have."""
        for name, (_, label) in self._inputs.items():
            label.root.change(hidden=True if kind == RuleKind.TRUST and name in OF_REQUIRE else None)

    async def _submit(self) -> None:
        await super()._submit()
        faulty = [node for node, label in self._inputs.values() if label.fault.text]
        if faulty:  # it may be far up in a form as long as this
            give_keyboard(faulty[0])

    def begin(self, kind: str) -> None:
        """Show it for this kind, and follow when another is chosen."""
        self.show_kind(kind)
        self._inputs["kind"][0].on_value_change(lambda event: self.show_kind(event.value))
        self.open()


async def open_rule_form(shell: Shell, begun: NewRule | None = None) -> None:
    """Ask for a rule, beginning with one that was suggested, if any."""

    async def add(values: Values) -> None:
        rule = _entered(values, begun)
        await shell.desk.add_rule(rule)
        ui.notify(f"{rule.title.strip()}: holds from now on", type="positive", position="bottom")

    rule = begun or NewRule(RuleKind.REQUIRE, "")
    form = _RuleForm("Add rule", "Add rule", add)
    form.choice("kind", "Kind", KINDS, str(rule.kind))
    form.text("title", "Title", value=rule.title, help_text="Told on the job as the reason, as in: Mail to many")
    types = {each.key: f"{each.key} — {each.label}" for each in shell.atlas.queries.job_types()}
    _add_choices(form, "types", "Types", types, rule.types, "Left empty: every type; a trusted job has to be of one")
    form.choice("creators", "Created by", CREATORS, str(rule.creators))
    told = "Of people, or of agents' tokens, separated by commas; a trusted job has to be by one of them"
    form.text("names", "Names", value=", ".join(rule.names), help_text=told)
    channels = {each.name: each.name for each in await shell.atlas.queries.channels()}
    told = "One of them is enough to ask; a trusted job goes to no others"
    _add_choices(form, "channels", "Channels", channels, rule.channels, told)
    told = "Of recipients or called hosts, as example.org, separated by commas; likewise"
    form.text("domains", "Domains", value=", ".join(rule.domains), help_text=told)
    told = "Those that count as inside, separated by commas: anything to another one asks"
    form.text("outside_domains", "Outside of these domains", help_text=told)
    form.choice("new_domains", "New domains", NEW_DOMAINS, False)
    form.text("min_recipients", "Recipients, at least", value=_written(rule.min_recipients))
    form.text("max_recipients", "Recipients, at most", value=_written(rule.max_recipients))
    form.text("approvers", "Approvers", value="1", help_text="How many different people have to approve")
    told = "Left empty: anybody who may approve. Who is in it is set under People"
    form.text("approver_group", "Of the group", help_text=told)
    form.choice("own", "Whoever made the job", OWN, True)
    form.choice("by_link", "Who may decide", BY_LINK, False)
    form.begin(rule.kind)


def _add_choices(
    form: FormDialog, name: str, title: str, options: dict[str, str], chosen: Iterable[str], told: str
) -> None:
    """Any of these; what is chosen already may be gone meanwhile, and then the fault is told."""
    every = {**options, **{each: each for each in chosen if each not in options}}
    form.choice(name, title, every, list(chosen), many=True, help_text=told)


def _entered(values: Values, begun: NewRule | None) -> NewRule:
    """The rule; for a trusting one, without what only the other kind has."""
    is_trust = values["kind"] == RuleKind.TRUST
    entered = {name: value for name, value in values.items() if not (is_trust and name in OF_REQUIRE)}
    faults = []
    for name in ("names", "domains", "outside_domains", "types", "channels"):
        if name in entered:
            value = entered[name]
            entered[name] = tuple(listed(value) if isinstance(value, str | None) else value)
    for name in ("min_recipients", "max_recipients", "approvers"):
        text = (entered.pop(name, "") or "").strip()
        try:
            entered |= {name: int(text)} if text else {}
        except ValueError:
            faults.append(FieldError(name, f"{name} must be a whole number, not {shown(text)}"))
    if faults:
        raise InvalidInput(faults)
    rule = NewRule(**{**entered, "title": entered["title"] or ""})
    return replace(rule, evidence=begun.evidence) if begun and _same_jobs(rule) == _same_jobs(begun) else rule


def _same_jobs(rule: NewRule) -> tuple[object, ...]:
    """What past decisions were about: they are no evidence for others."""
    return rule.kind, rule.types, rule.names, rule.channels


def _written(number: int | None) -> str:
    return "" if number is None else str(number)
