"""Where somebody's wish is checked against their rights, carried out, and recorded. Both doors ask here."""

from engine.actors import Actor
from engine.desk.agents import AgentDesk
from engine.desk.base import BaseDesk, Services, Who
from engine.desk.budgets import BudgetDesk
from engine.desk.jobs import JobDesk
from engine.desk.operations import OperationDesk
from engine.desk.people import PeopleDesk
from engine.desk.reviews import ReviewDesk
from engine.desk.schedules import ScheduleDesk
from engine.desk.views import ViewDesk
from engine.desk.work import WorkDesk
from engine.desk.workflows import WorkflowDesk
from engine.pace import Pace

__all__ = ["BaseDesk", "Desk", "Office", "Services", "Who"]


class Desk(
    JobDesk,
    ReviewDesk,
    AgentDesk,
    WorkDesk,
    PeopleDesk,
    OperationDesk,
    ViewDesk,
    WorkflowDesk,
    ScheduleDesk,
    BudgetDesk,
):
    """Every wish raises `NotAllowed` for whoever has not the right, and what the command itself raises.

    A wish that was begun is carried out and recorded also when whoever asked hangs up.
    """


class Office:
    """Opens a desk for whoever asks."""

    def __init__(self, services: Services) -> None:
        self._services = services
        most = services.settings.max_submissions_a_minute
        self._submissions = Pace(most, "this token submits too many jobs")

    def desk(self, who: Who) -> Desk:
        """A desk for somebody who is looked up anew at every wish: a role may have changed since the last."""
        return Desk(self._services, self._submissions, who)

    def desk_of(self, actor: Actor) -> Desk:
        """A desk for somebody who was looked up just now."""

        async def known() -> Actor:
            return actor

        return self.desk(known)
