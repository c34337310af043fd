"""How the installation is, for programs."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from engine.engine import Atlas
from engine.system.health import Report, State


class SystemLine(BaseModel):
    """A part of the installation."""

    model_config = ConfigDict(from_attributes=True)

    key: str = Field(examples=["disk"])
    title: str
    state: State = Field(description="good; attention: it works, and somebody should look at it; bad: it does not work")
    sentence: str
    advice: str = Field(description="what to do, empty where nothing has to be done")
    href: str = Field(description="the page that tells more, empty where there is none")


class SystemReport(BaseModel):
    """All parts; `state` is the worst of theirs."""

    state: State
    sentence: str
    version: str
    at: datetime
    parts: list[SystemLine]

    @classmethod
    def of(cls, report: Report) -> "SystemReport":
        """The report as programs see it."""
        parts = [SystemLine.model_validate(line) for line in report.lines]
        return cls(state=report.state, sentence=report.sentence, version=report.version, at=report.at, parts=parts)


def system_routes(atlas: Atlas) -> APIRouter:
    """One call."""
    router = APIRouter(prefix="/api/v1", tags=["engine"])

    @router.get("/system")
    async def get_system() -> SystemReport:
        """How the installation is, part by part, in words; it answers also while the database does not."""
        return SystemReport.of(await atlas.system.report())

    return router
