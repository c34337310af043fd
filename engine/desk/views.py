"""Wishes about saved views."""

from engine.actors import Actor, Kind
from engine.desk.base import BaseDesk, whole
from engine.views import SavedViewView
from models.rights import Right


class ViewDesk(BaseDesk):
    """Whoever may look keeps views of their own; sharing one with everybody takes the right to operate."""

    async def saved_views(self) -> list[SavedViewView]:
        """See `SavedViews.of`."""
        return await self._services.saved_views.of(_owner(await self._allowed(Right.LOOK)))

    async def save_view(self, name: str, query: str, shared: bool = False) -> SavedViewView:
        """See `SavedViews.save`."""
        actor = await self._allowed(Right.OPERATE if shared else Right.LOOK)

        async def saved() -> SavedViewView:
            view = await self._services.saved_views.save(_owner(actor), name, query, shared=shared)
            if shared:
                await self._record(actor, "view.share", f"view {view.name}", None, {"query": view.query})
            return view

        return await whole(saved())

    async def remove_view(self, view_id: int) -> None:
        """See `SavedViews.remove`; another's shared view takes an administrator."""
        actor = await self._allowed(Right.LOOK)
        view = await self._services.saved_views.view(_owner(actor), view_id)
        if view.owner != _owner(actor):
            actor.require(Right.ADMINISTER)

        async def removed() -> None:
            await self._services.saved_views.remove(view_id)
            if view.shared:
                after = {"owner": view.owner, "query": view.query}
                await self._record(actor, "view.remove", f"view {view.name}", after)

        await whole(removed())


def _owner(actor: Actor) -> str:
    """A program may have a person's name, and is told from them."""
    return f"{actor.name} (token)" if actor.kind is Kind.TOKEN else actor.name
