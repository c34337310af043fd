"""Settings' budgets and rate limits: how much may be used a day, and how much may go out in a time."""

from collections.abc import Sequence
from functools import partial

from engine.budgets.book import BudgetView, Scope
from engine.budgets.limiting import RateLimitView
from engine.budgets.measures import Measure
from engine.workforce import built_in_agents
from models.rights import Right
from ui.components.budget_words import HELP, MEASURES, read_limit, state_badge, use_words, whom_words
from ui.components.dialogs import confirm
from ui.components.form_dialog import FormDialog, Values
from ui.components.marks import badge_node, show_badge
from ui.components.node import Node, button
from ui.components.rate_limits import RateLimits
from ui.components.redrawn import Redrawn
from ui.components.toasts import tell
from ui.layout import Shell

ALL = f"{Scope.ALL}:"


class Budgets:
    """A row a budget, with how much of it is used; then the rate limits."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._may_set = Right.ADMINISTER in shell.rights
        self._agents: dict[str, str] = {}
        with Node("section", "", "panel", aria_label="Budgets and limits"):
            with Node("div", "", "panel-head"):
                Node("h2", "Budgets and limits")
                if self._may_set:
                    button("Set a budget", "", "savings").on_press(self._add)
            told = "When a budget is spent, new jobs wait for the next day (UTC); what runs is never stopped."
            Node("p", told, "muted budget-intro")
            self._list = Redrawn("")
            self._limits = RateLimits(shell)

    def show(self, budgets: Sequence[BudgetView], limits: Sequence[RateLimitView], agents: dict[str, str]) -> None:
        """Bring the rows up to date; `agents` are names of outside agents by key."""
        self._agents = agents
        self._list.show(list(budgets), partial(self._draw, budgets))
        self._limits.show(limits)

    def _draw(self, budgets: Sequence[BudgetView]) -> None:
        if not budgets:
            Node("p", "There is no budget: jobs use whatever they need.", "muted")
        for view in budgets:
            name = f"{whom_words(view)}, {MEASURES[view.measure].lower()} a day"
            with Node("div", "", "list-row", data_budget=view.id, role="group", aria_label=name):
                with Node("div", "", "grow"):
                    with Node("div", "", "budget-name"):
                        Node("strong", whom_words(view))
                        Node("span", f"{MEASURES[view.measure]} a day", "muted")
                        show_badge(badge_node(), state_badge(view))
                    self._draw_use(view)
                if self._may_set:
                    button("Change", aria_label=f"Change {name}").on_press(partial(self._change, view))
                    button("Remove", aria_label=f"Remove {name}").on_press(partial(self._ask_remove, view))

    def _draw_use(self, view: BudgetView) -> None:
        share, words = view.used / view.most, use_words(view)
        tone = "spent" if view.is_spent else "low" if view.is_low else "fine"
        Node(
            *("div", "", f"meter budget-meter {tone}"),
            role="meter",
            aria_label="Used today",
            aria_valuemin=0,
            aria_valuemax=100,
            aria_valuenow=round(min(share, 1) * 100),
            aria_valuetext=words,
            style=f"--share: {min(share, 1):.1%}",
        )
        Node("span", f"{words} · {100 * share:.0f} %" if share < 10 else words, "muted")

    def _add(self) -> None:
        async def put(values: Values) -> None:
            scope, _, key = str(values["whom"]).partition(":")
            measure = Measure(values["measure"])
            limit = read_limit(measure, values["limit"] or "")
            await self._shell.desk.put_budget(scope, key, measure, limit)

        form = FormDialog("Set a budget", "Set budget", put)
        form.choice("whom", "For", self._whom(), ALL, help_text="One budget for each measure: a new one replaces it")
        form.choice("measure", "Counts", {str(measure): word for measure, word in MEASURES.items()}, Measure.TOKENS)
        form.text("limit", "At most a day", help_text=HELP)
        form.open()

    def _whom(self) -> dict[str, str]:
        registry = self._shell.atlas.registry
        built_in = {f"{Scope.AGENT}:{agent.key}": f"Agent: {agent.name}" for agent in built_in_agents(registry)}
        outside = {f"{Scope.AGENT}:{key}": f"Agent: {name}" for key, name in self._agents.items()}
        types = {f"{Scope.TYPE}:{job_type.key}": f"Type: {job_type.label}" for job_type in registry}
        return {ALL: "Everything", **built_in, **outside, **types}

    def _change(self, view: BudgetView) -> None:
        async def put(values: Values) -> None:
            limit = read_limit(view.measure, values["limit"] or "")
            await self._shell.desk.put_budget(view.scope, view.key, view.measure, limit)

        title = f"Budget of {whom_words(view)}"
        form = FormDialog(title, "Change budget", put)
        now = view.measure.shown(view.most)
        form.text("limit", f"{MEASURES[view.measure]} at most a day", value=now, help_text=use_words(view))
        form.open()

    def _ask_remove(self, view: BudgetView) -> None:
        async def remove() -> None:
            await tell(self._shell.desk.remove_budget(view.id), "The budget is removed")

        said = "Jobs that wait because of it go on. What was used stays known."
        title = f"Remove the budget of {view.measure.shown(view.most)} for {view.whom}?"
        confirm(title, [said], "Remove budget", "Keep budget", remove)
