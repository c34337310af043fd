"""Settings' approvals: the rules that hold, what past decisions suggest, and new rules."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from time import monotonic

from nicegui import ui

from engine import clock
from engine.approvals.rules import NewRule, RuleView, Suggestion
from engine.errors import FieldError, InvalidInput, NotAllowed, SignedOut
from engine.faults import shown
from models.approval import Creators, RuleKind
from models.rights import Right
from ui.components.dialogs import confirm
from ui.components.form_dialog import FormDialog, Values
from ui.components.job_card import time_node
from ui.components.node import Node, button
from ui.components.people import listed
from ui.components.redrawn import Redrawn
from ui.components.toasts import tell
from ui.layout import Shell
from ui.live import Draw

SUGGEST_SECONDS = 30.0  # thousands of decisions are looked through for suggestions
ICONS = {RuleKind.REQUIRE: "front_hand", RuleKind.TRUST: "verified_user"}
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


class ApprovalRules:
    """A row a rule, then a row a suggestion; administrators change them, approvers see what is suggested."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._may_administer = Right.ADMINISTER in shell.rights
        self._suggestions: list[Suggestion] = []
        self._suggested_for: list[int] | None = None
        self._suggested_at = 0.0
        with Node("section", "", "panel", aria_label="Approvals"):
            with Node("div", "", "panel-head"):
                Node("h2", "Approvals")
                if self._may_administer:
                    button("Add rule", "", "add").on_press(partial(open_rule_form, shell))
            self._list = Redrawn("")

    async def read(self) -> Draw:
        """Read the rules again, and now and then what is suggested."""
        try:
            rules = await self._shell.desk.rules()
            await self._read_suggestions([rule.id for rule in rules])
        except (NotAllowed, SignedOut):
            return lambda: None
        return partial(self._show, rules, self._suggestions)

    async def _read_suggestions(self, rules: list[int]) -> None:
        is_fresh = monotonic() - self._suggested_at < SUGGEST_SECONDS
        if Right.APPROVE not in self._shell.rights or (is_fresh and rules == self._suggested_for):
            return
        self._suggestions = await self._shell.desk.suggestions()
        self._suggested_for, self._suggested_at = rules, monotonic()

    def _show(self, rules: list[RuleView], suggestions: list[Suggestion]) -> None:
        self._list.show((rules, suggestions), partial(self._draw, rules, suggestions))

    def _draw(self, rules: list[RuleView], suggestions: list[Suggestion]) -> None:
        self._draw_rules(rules)
        self._draw_suggestions(suggestions)

    # -- rules -----------------------------------------------------------------------------------------------

    def _draw_rules(self, rules: list[RuleView]) -> None:
        if not any(rule.kind == RuleKind.REQUIRE for rule in rules):
            Node("p", "No rule asks for approval: jobs wait for it only where whoever submits them asks.", "muted")
        for rule in rules:
            with Node("div", "", "list-row", data_rule=rule.title):
                with Node("div", "", "grow"):
                    Node("strong", headline(rule), data_icon=ICONS[RuleKind(rule.kind)])
                    for told in (scope(rule), terms(rule)):
                        if told and not headline(rule).endswith(told):
                            Node("span", told, "muted")
                    _draw_history(rule)
                if self._may_administer:
                    revoke = button("Revoke", aria_label=f"Revoke {rule.title}")
                    revoke.on_press(partial(self._ask_revoke, rule))

    def _ask_revoke(self, rule: RuleView) -> None:
        async def revoke() -> None:
            await tell(self._shell.desk.revoke_rule(rule.id), f"{rule.title}: revoked")

        if rule.kind == RuleKind.TRUST:
            said = "Such jobs wait for a person again. What it approved stays approved."
        else:
            said = (
                "New jobs need no approval because of it. Those that wait for approval already go on waiting, and "
                "other rules still hold."
            )
        confirm(f"Revoke {rule.title}?", [said], "Revoke rule", "Keep rule", revoke)

    # -- suggestions -----------------------------------------------------------------------------------------

    def _draw_suggestions(self, suggestions: list[Suggestion]) -> None:
        for suggestion in suggestions:
            rule = suggestion.rule
            with Node("div", "", "list-row", data_suggestion=rule.title):
                with Node("div", "", "grow"):
                    Node("strong", f"Suggested: trust {rule.title}", data_icon="lightbulb")
                    since = f"{suggestion.since.day} {suggestion.since:%b}"
                    told = f"{suggestion.approved} approved as they were since {since}, none rejected or revised"
                    _draw_evidence(told, suggestion.jobs, suggestion.approved)
                if self._may_administer:
                    adjust = button("Adjust", aria_label=f"Adjust before trusting: {rule.title}")
                    adjust.on_press(partial(open_rule_form, self._shell, rule))
                    trust = button("Trust these", aria_label=f"Trust these: {rule.title}")
                    trust.on_press(partial(self._ask_trust, rule))

    def _ask_trust(self, rule: NewRule) -> None:
        async def trust() -> None:
            await tell(self._shell.desk.add_rule(rule), f"{rule.title}: trusted from now on")

        said = [
            "From now on, such jobs are approved by themselves, whatever is in them, unless a rule asks for more than "
            "one person's approval, a group's, or somebody else's. It can be revoked here."
        ]
        if not rule.channels and not rule.domains and rule.max_recipients is None:
            said.append("Nothing limits whom they reach: adjust the rule first to keep it to domains or to a number.")
        confirm(f"Trust {rule.title}?", said, "Trust these", "Keep reviewing", trust, danger=False)


def _draw_history(rule: RuleView) -> None:
    """Who made it and when, and what it did."""
    with Node("span", "", "muted"):
        Node("span", f"Added by {rule.created_by} ")
        time_node(rule.created_at, clock.now())
        if rule.kind == RuleKind.TRUST:
            times = "once" if rule.uses == 1 else f"{rule.uses:,} times"
            Node("span", f" · used {times}, last " if rule.used_at else " · never used")
            if rule.used_at:
                time_node(rule.used_at, clock.now())
    if rule.evidence:
        approved, jobs = int(rule.evidence.get("approved", 0)), rule.evidence.get("jobs", [])
        _draw_evidence(f"Suggested by {approved} approvals as they were", jobs, approved)


def _draw_evidence(told: str, jobs: Sequence[int], approved: int) -> None:
    """What speaks for a rule, with links to the latest jobs of it."""
    latest = sorted(set(jobs))
    with Node("span", "", "muted"):
        Node("span", f"{told}: {'job' if len(latest) == 1 else 'jobs'} ")
        for number, job_id in enumerate(latest):
            link = Node("a", str(job_id), href=f"/app/jobs/{job_id}", aria_label=f"Job {job_id}")
            link.change(style="text-decoration: underline")  # in the midst of words, colour alone tells too little
            Node("span", ", " if number < len(latest) - 1 else " …" if approved > len(latest) else "")


# -- a new rule ----------------------------------------------------------------------------------------------


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
            faulty[0].run_method("focus")

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


# -- a rule in words -----------------------------------------------------------------------------------------


def headline(rule: NewRule) -> str:
    """The rule in a sentence, as whoever made it worded it."""
    if rule.kind == RuleKind.TRUST:
        return f"Trusted: {rule.title}{_how_many(rule, ', ')}"
    return f"Needs approval: {rule.title}"


def scope(rule: NewRule) -> str:
    """Which jobs it is about, exactly."""
    jobs = _either(rule.types) or "Every job"
    if rule.names:
        jobs += f" by {_either(rule.names)}"
    elif rule.creators != Creators.ANYONE:
        jobs += f" by {rule.creators}"
    where = [f"to {_either(names)}" for names in (rule.channels, rule.domains) if names]
    if rule.outside_domains:
        where.append(f"to any domain but {_either(rule.outside_domains)}")
    if rule.new_domains:
        where.append("to a domain where nothing approved went before")
    return " ".join([jobs, ", and ".join(where)]).strip() + _how_many(rule, ", ")


def terms(rule: NewRule) -> str:
    """Who has to approve, where anybody's one approval will not do, or where a link will."""
    told = []
    if rule.approvers > 1 or rule.approver_group:
        people = "1 person" if rule.approvers == 1 else f"{rule.approvers} people"
        told.append(f"by {people}" + (f" of {rule.approver_group}" if rule.approver_group else ""))
    if not rule.own:
        told.append("not by whoever made the job")
    whole = [f"Approved {', '.join(told)}"] if told else []
    return " · ".join([*whole, *(["May be decided by a link, without an account"] if rule.by_link else [])])


def _how_many(rule: NewRule, before: str) -> str:
    least, most = rule.min_recipients, rule.max_recipients
    if least is None and most is None:
        return ""
    if least is None:
        return f"{before}up to {_recipients(most)}"
    return f"{before}{_recipients(least)} or more" if most is None else f"{before}{least:,} to {_recipients(most)}"


def _recipients(number: int | None) -> str:
    return "1 recipient" if number == 1 else f"{number:,} recipients"


def _either(names: Sequence[str]) -> str:
    return " or ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
