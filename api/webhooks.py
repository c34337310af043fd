"""Webhooks: who is told of what happens to jobs. All of it takes an administrator."""

from fastapi import APIRouter, Response

from api.rest import Asked, JobId
from api.schemas import webhooks as schemas


def webhook_routes(_: object) -> APIRouter:
    """Webhooks and their messages."""
    router = APIRouter(prefix="/api/v1", tags=["webhooks"])

    @router.get("/webhooks")
    async def list_webhooks(desk: Asked) -> schemas.WebhookList:
        """Every webhook, without its secret; `fault` is why its latest message was not taken."""
        return schemas.WebhookList(items=[schemas.Webhook.model_validate(view) for view in await desk.webhooks()])

    @router.post("/webhooks", status_code=201)
    async def add_webhook(body: schemas.WebhookRequest, desk: Asked, response: Response) -> schemas.NewWebhook:
        """Tell an address from now on, signed as Standard Webhooks are; `secret` is told this once."""
        view, secret = await desk.add_webhook(body.name, body.url, body.kinds)
        response.headers["Location"] = f"/api/v1/webhooks/{view.id}"
        return schemas.NewWebhook.model_validate({**vars(view), "secret": secret})

    @router.delete("/webhooks/{webhook_id}", status_code=204)
    async def remove_webhook(webhook_id: JobId, desk: Asked) -> None:
        """Tell it nothing more."""
        await desk.remove_webhook(webhook_id)

    @router.post("/webhooks/{webhook_id}/test", status_code=204)
    async def test_webhook(webhook_id: JobId, desk: Asked) -> None:
        """Send it a test message; what came of that stands among its deliveries."""
        await desk.test_webhook(webhook_id)

    @router.get("/webhooks/{webhook_id}/deliveries")
    async def list_deliveries(webhook_id: JobId, desk: Asked) -> schemas.DeliveryList:
        """The latest hundred messages to it, newest first."""
        views = await desk.deliveries(webhook_id)
        return schemas.DeliveryList(items=[schemas.Delivery.model_validate(view) for view in views])

    @router.post("/deliveries/{delivery_id}/send-again")
    async def send_again(delivery_id: JobId, desk: Asked) -> schemas.Delivery:
        """Try a message anew; its webhook-id stays, so that the receiver knows it again."""
        return schemas.Delivery.model_validate(await desk.send_again(delivery_id))

    return router
