"""The programs' door to channels: where posts go."""

from fastapi import APIRouter, Response

from api.rest import Asked, JobId
from api.schemas import engine as schemas
from engine.engine import Atlas


def channel_routes(atlas: Atlas) -> APIRouter:
    """Where posts go."""
    router = APIRouter(prefix="/api/v1", tags=["channels"])

    @router.get("/channels")
    async def list_channels() -> schemas.ChannelList:
        """Every channel, without credentials."""
        return schemas.ChannelList(items=[schemas.Channel.of(c) for c in await atlas.queries.channels()])

    @router.post("/channels", status_code=201)
    async def connect_channel(body: schemas.ChannelRequest, desk: Asked, response: Response) -> schemas.Channel:
        """Connect a channel and test it; `fault` says why its server refuses, if it does."""
        channel = await desk.connect_channel(body.name, body.kind, body.url, body.credentials)
        response.headers["Location"] = f"/api/v1/channels/{channel.id}"
        return schemas.Channel.of(channel)

    @router.delete("/channels/{channel_id}", status_code=204)
    async def remove_channel(channel_id: JobId, desk: Asked) -> None:
        """Forget a channel and its credentials."""
        await desk.remove_channel(channel_id)

    @router.post("/channels/{channel_id}/test")
    async def test_channel(channel_id: JobId, desk: Asked) -> schemas.Channel:
        """Ask the channel's server who we are there."""
        return schemas.Channel.of(await desk.test_channel(channel_id))

    return router
