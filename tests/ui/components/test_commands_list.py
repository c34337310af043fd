"""What the command palette offers, and to whom."""

from datetime import UTC, datetime

from engine.jobs import load_registry
from engine.knowledge import ArticleView
from engine.views import AgentView, SavedViewView
from engine.workforce import BuiltIn
from models.rights import RIGHTS_OF_ROLE, Role
from ui.components.commands_list import Command, agents, articles, standing, views
from ui.theme import NAVIGATION

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def offered(role: Role, *, signed_in: bool = True) -> dict[str, Command]:
    """What somebody in this role finds, by name."""
    found = standing(RIGHTS_OF_ROLE[role], load_registry(), signed_in=signed_in)
    assert len({command.id for command in found}) == len(found)
    return {command.name: command for command in found}


def test_everybody_reaches_every_page() -> None:
    found = offered(Role.VIEWER)
    assert {found[name].href for name, _, _ in NAVIGATION} == {href for _, href, _ in NAVIGATION}


def test_only_whoever_may_create_jobs_is_offered_to() -> None:
    assert not [name for name in offered(Role.VIEWER) if name.startswith("New Job")]
    found = offered(Role.OPERATOR)
    assert found["New Job: Send email"].href == "/app/jobs?new=EMAIL_SEND"
    by_hand = {job_type.label for job_type in load_registry() if job_type.by_hand}
    assert {name.removeprefix("New Job: ") for name in found if name.startswith("New Job: ")} == by_hand


def test_settings_are_those_that_one_sees() -> None:
    assert not {"People", "Webhooks", "Audit log", "Notifications"} & offered(Role.OPERATOR).keys()
    assert "Notifications" in offered(Role.APPROVER)
    assert offered(Role.ADMIN)["Tokens for programs"].href == "/app/settings#tokens"


def test_only_whoever_is_signed_in_can_sign_out() -> None:
    assert "Sign out" in offered(Role.VIEWER)
    assert "Sign out" not in offered(Role.VIEWER, signed_in=False)


def test_views_agents_and_articles_lead_to_their_pages() -> None:
    (view,) = views([SavedViewView(3, "Failed today", "status=failed&ended=day", True, "ada", NOW)])
    assert (view.href, view.hint) == ("/app/jobs?status=failed&ended=day", "ada")
    outside = AgentView.__new__(AgentView)
    for name, value in {"id": 7, "name": "Renderer", "types": ["DRAW"]}.items():
        object.__setattr__(outside, name, value)
    found = agents([BuiltIn("mailer", "Mailer", ("EMAIL_SEND",))], [outside])
    assert [(each.name, each.href) for each in found] == [
        ("Mailer", "/app/agents/mailer"),
        ("Renderer", "/app/agents/agent-7"),
    ]
    (article,) = articles([ArticleView("refunds", "How we refund", ("money",), 1, NOW, "ada")])
    assert (article.href, article.also) == ("/app/kb/refunds", "money")


def test_a_browser_is_told_only_what_is_not_empty() -> None:
    assert Command("a", "Pages", "Jobs", "work", href="/app/jobs").told() == {
        "id": "a",
        "group": "Pages",
        "name": "Jobs",
        "icon": "work",
        "href": "/app/jobs",
    }
