"""What opening the form for a new job comes to."""

import asyncio
from types import SimpleNamespace
from typing import cast

import pytest
from nicegui import Client, ui
from nicegui.page import page

from engine.engine import Atlas
from engine.settings import Settings
from tests.support.engine import opened
from ui.components.new_job import NewJobDialog
from ui.layout import Shell


@pytest.mark.sqlite
async def test_asked_for_twice_at_once_it_is_one_dialog_with_the_form_of_one_type(settings: Settings) -> None:
    async with opened(settings):
        shell = SimpleNamespace(atlas=Atlas(settings), desk=SimpleNamespace(draft=None))
        client = Client(page("/"))
        with client:
            dialog = NewJobDialog(cast(Shell, shell))
            await asyncio.gather(dialog.open("SOCIAL_POST"), dialog.open("EMAIL_SEND"))
        dialogs = [element for element in client.elements.values() if isinstance(element, ui.dialog)]
        assert len(dialogs) == 1
        assert dialogs[0].value, "it is open"
        client.delete()
