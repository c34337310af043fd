"""Workflows and their runs over the wire."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.jobs import Job
from engine.workflows.views import RunStatus


class WorkflowRequest(BaseModel):
    """A workflow to save."""

    model_config = ConfigDict(extra="forbid")

    source: str = Field(description="the workflow in YAML; its `name` says which one it is")


class WorkflowChange(WorkflowRequest):
    """The next version of a workflow."""

    version: int | None = Field(
        None,
        description="the version that it was made from: 409 if there is a later one; unset: whichever is the latest",
    )


class Workflow(BaseModel):
    """The current version of a workflow."""

    model_config = ConfigDict(from_attributes=True)

    name: str = Field(examples=["article-to-post"])
    version: int
    title: str
    description: str
    source: str = Field(description="as it was written, in YAML")
    inputs: dict[str, Any] = Field(description="what it is run with: the JSON Schema of an object")
    steps: int
    created_by: str
    created_at: datetime
    fault: str | None = Field(description="why it cannot be run here")


class WorkflowVersion(BaseModel):
    """A version of a workflow, as it was written."""

    model_config = ConfigDict(from_attributes=True)

    name: str = Field(examples=["article-to-post"])
    version: int
    current: bool = Field(description="whether it is the one that runs; of a removed workflow, none is")
    title: str
    description: str
    source: str = Field(description="as it was written, in YAML")
    created_by: str
    created_at: datetime


class RunRequest(BaseModel):
    """What to run a workflow with."""

    model_config = ConfigDict(extra="forbid")

    inputs: dict[str, Any] = Field(default_factory=dict, examples=[{"title": "How we work"}])
    created_by: str | None = Field(
        None, min_length=1, max_length=200, description="who is told as its creator; unset: whoever asks"
    )


class Run(BaseModel):
    """A run of a workflow."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    workflow: str
    version: int
    title: str
    inputs: dict[str, Any]
    created_by: str
    created_at: datetime
    finished_at: datetime | None
    status: RunStatus = Field(
        description="waiting: for approval, or for paused jobs; stuck: for failed or cancelled ones;"
        " forgotten: no job is left"
    )
    jobs: dict[str, int] = Field(examples=[{"completed": 3, "queued": 1}], description="how many stand where")


class RunList(BaseModel):
    """A page of runs."""

    items: list[Run]
    next_cursor: str | None


class RunStep(BaseModel):
    """A step of a run, with its job, or the jobs of its list."""

    name: str
    title: str
    type: str
    after: list[str] = Field(description="the steps that come before it")
    jobs: list[Job]


class RunInFull(Run):
    """A run with its steps, each after those that come before it."""

    steps: list[RunStep]
