"""What the command palette can do beside finding jobs: where to go, what to begin, what to switch."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from engine.finding import Criteria
from engine.jobs import AnyJobType
from engine.knowledge import ArticleView
from engine.views import AgentView, SavedViewView, TypeView
from engine.workflows.views import WorkflowView
from engine.workforce import BuiltIn
from models.agent import PREFIX
from models.looking import MOST_COUNTED
from models.rights import Right
from ui.components.export import FORMS, export_address
from ui.theme import GO_KEYS, NAVIGATION

PAGES, ACTIONS, VIEWS, AGENTS, SETTINGS, ARTICLES = "Pages", "Actions", "Views", "Agents", "Settings", "Knowledge"
WORKFLOWS = "Workflows"
PAUSE, RESUME = "pause", "resume"
SECTIONS = {
    "channels": "Channels",
    "job-types": "Job types",
    "budgets-and-limits": "Budgets and limits",
    "approvals": "Approval rules",
    "mail": "Mail",
    "notifications": "Notifications",
    "people": "People",
    "tokens": "Tokens for programs",
    "webhooks": "Webhooks",
    "secrets": "Secrets",
    "you": "You and your sessions",
}
"""Parts of the Settings page, by what stands for each in an address: its region's name in small letters."""

_TYPE_WORDS = {"EMAIL_SEND": "mail message", "SOCIAL_POST": "post publish"}
_PAGE_WORDS = {
    "Dashboard": "home start overview",
    "Jobs": "queue list runner",
    "Approvals": "inbox review decide",
    "Schedules": "cron timer timetable recurring repeat calendar",
    "Knowledge": "articles documents kb",
    "Workflows": "graph pipeline flow run steps",
    "Agents": "watcher workers engines",
    "Settings": "preferences options configuration",
}


@dataclass(frozen=True)
class Command:
    """One line of the palette; it leads to `href`, presses what the selector `press` finds, loads the file at
    `download`, or is carried out by the server.

    `also` are words it is found by beside its name, `hint` is what tells it from others, `keys` are shown with it.
    """

    id: str
    group: str
    name: str
    icon: str
    also: str = ""
    hint: str = ""
    href: str = ""
    press: str = ""
    download: str = ""
    keys: str = ""

    def told(self) -> dict[str, str]:
        """What is not empty, as a browser takes it."""
        return {name: value for name, value in asdict(self).items() if value}


def standing(rights: frozenset[Right], types: Iterable[AnyJobType], *, signed_in: bool) -> list[Command]:
    """What is there whatever the database says, for whoever has these rights."""
    return [*_pages(), *_new_jobs(rights, types), *_switches(signed_in=signed_in), *_settings(rights, signed_in)]


def views(found: Sequence[SavedViewView]) -> list[Command]:
    """A way to each saved view."""
    return [
        Command(f"view-{v.id}", VIEWS, v.name, "bookmark_border", "view filter", v.owner, f"/app/jobs?{v.query}")
        for v in found
    ]


def agents(built_in: Sequence[BuiltIn], outside: Sequence[AgentView]) -> list[Command]:
    """A way to each agent."""
    keys = [(agent.key, agent.name, agent.types) for agent in built_in]
    keys += [(f"{PREFIX}{agent.id}", agent.name, tuple(agent.types)) for agent in outside]
    return [
        Command(f"agent:{key}", AGENTS, name, "smart_toy", " ".join(types), href=f"/app/agents/{key}")
        for key, name, types in keys
    ]


def workflows(found: Sequence[WorkflowView], rights: frozenset[Right]) -> list[Command]:
    """Run each workflow, or look at it."""
    verb, query = ("Run", "?run=yes") if Right.OPERATE in rights else ("Workflow", "")
    return [
        Command(
            f"workflow:{view.name}",
            WORKFLOWS,
            f"{verb}: {view.title}",
            "account_tree",
            f"workflow start {view.name}",
            href=f"/app/workflows/{view.name}{query}",
        )
        for view in found
        if not view.fault
    ]


def pauses(types: Sequence[TypeView]) -> list[Command]:
    """Pause or resume all jobs of a type, whichever it is that can be done now."""
    return [
        Command(
            f"{RESUME if view.paused else PAUSE}:{view.key}",
            ACTIONS,
            f"{'Resume' if view.paused else 'Pause'} all {view.label} jobs",
            "play_arrow" if view.paused else "pause",
            f"{view.key} stop hold start type",
        )
        for view in types
    ]


def exports(what: str, criteria: Criteria) -> list[Command]:
    """What matches as a file, in each form; `what` says in words what that is."""
    return [
        Command(
            f"export:{form}",
            ACTIONS,
            f"Export {what} as {kind}",
            "download",
            "download file save spreadsheet all jobs",
            download=export_address(form, criteria),
        )
        for form, (kind, _, _) in FORMS.items()
    ]


def matching_words(number: int, *, exact: bool) -> str:
    """So many jobs; where it is not exact, no more than 10,001 were counted."""
    if number == 1:
        return "the 1 job that matches"
    plus = "+" if not exact and number > MOST_COUNTED else ""
    return f"the {min(number, MOST_COUNTED) if plus else number:,}{plus} jobs that match"


def articles(found: Sequence[ArticleView], path: str = "/app/kb") -> list[Command]:
    """A way to each article."""
    return [
        Command(f"article:{a.slug}", ARTICLES, a.title, "menu_book", " ".join(a.tags), href=f"{path}/{a.slug}")
        for a in found
    ]


def _pages() -> list[Command]:
    return [
        Command(f"page:{href}", PAGES, name, icon, _PAGE_WORDS.get(name, ""), href=href, keys=GO_KEYS.get(href, ""))
        for name, href, icon in NAVIGATION
    ]


def _new_jobs(rights: frozenset[Right], types: Iterable[AnyJobType]) -> list[Command]:
    if Right.OPERATE not in rights:
        return []
    new = Command("new", ACTIONS, "New Job", "add", "create submit", href="/app/jobs?new=any", keys="n")
    return [new] + [
        Command(
            f"new:{t.key}",
            ACTIONS,
            f"New Job: {t.label}",
            t.icon,
            f"create submit {t.key} {t.category} {_TYPE_WORDS.get(t.key, '')}",
            href=f"/app/jobs?new={t.key}",
        )
        for t in types
        if t.by_hand
    ]


def _switches(*, signed_in: bool) -> list[Command]:
    found = [
        Command("colours", ACTIONS, "Switch colours", "contrast", "dark light mode theme", press="#mode-switch"),
        Command("keys", ACTIONS, "Keyboard shortcuts", "keyboard", "keys help", press="#shortcuts", keys="?"),
    ]
    found += exports("all jobs", Criteria())
    if signed_in:
        out = Command("sign-out", ACTIONS, "Sign out", "logout", "log out leave", press="#sign-out")
        found.append(out)
    return found


def _settings(rights: frozenset[Right], signed_in: bool) -> list[Command]:
    sections = ["channels", "job-types", "budgets-and-limits", "approvals", "mail"]
    if Right.APPROVE in rights:
        sections.append("notifications")
    if Right.ADMINISTER in rights:
        sections += ["people", "tokens", "webhooks", "secrets"]
    if signed_in:
        sections.append("you")
    found = [
        Command(f"settings:{part}", SETTINGS, SECTIONS[part], "settings", "settings", href=f"/app/settings#{part}")
        for part in sections
    ]
    about = "health status disk backup version"
    found.append(Command("system", SETTINGS, "System", "monitor_heart", about, href="/app/settings/system"))
    if Right.ADMINISTER in rights:
        found.append(Command("audit", SETTINGS, "Audit log", "history", "settings", href="/app/settings/audit"))
    return found
