"""Settings' approvals: the rules that hold, what past decisions suggest, and new rules."""

from collections.abc import Sequence
from functools import partial
from time import monotonic

from engine import clock
from engine.approvals.rules import NewRule, RuleView, Suggestion
from engine.errors import NotAllowed, SignedOut
from models.approval import RuleKind
from models.rights import Right
from ui.components.dialogs import confirm
from ui.components.marks import time_node
from ui.components.node import Node, button
from ui.components.redrawn import Redrawn
from ui.components.rule_form import open_rule_form
from ui.components.rule_words import headline, scope, terms
from ui.components.toasts import tell
from ui.layout import Shell
from ui.tab import Draw

SUGGEST_SECONDS = 30.0  # thousands of decisions are looked through for suggestions
ICONS = {RuleKind.REQUIRE: "front_hand", RuleKind.TRUST: "verified_user"}


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
                    Node("span", scope(rule))
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
        if rule.channels or rule.domains or rule.max_recipients is not None:
            said.insert(0, f"{scope(rule)}.")
        else:
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
