"""Why a request was refused (RFC 9457)."""

from pydantic import BaseModel, Field


class Fault(BaseModel):
    """One field at fault."""

    field: str
    message: str


class Problem(BaseModel):
    """Why a request was refused (RFC 9457); sent as application/problem+json."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[Fault] | None = Field(None, description="the fields at fault, for 422")
    allowed: list[str] | None = Field(None, description="the moves that the job's state allows, for 409")
