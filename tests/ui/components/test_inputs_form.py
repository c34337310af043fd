"""What the form of a workflow's inputs sends, and begins with."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from nicegui import Client
from nicegui.page import page

from engine.settings import Settings
from engine.workflows.definition import schema_of
from ui.components.inputs_form import InputsForm
from ui.layout import Shell

CHANNELS = {"type": "array", "format": "channels", "items": {"type": "string"}}
SCHEMA = schema_of(
    {
        "channels": {**CHANNELS, "default": ["feed"]},
        "teaser": {"type": "string", "default": "Read on"},
        "places": {"type": "integer", "default": 3},
        "body": {"type": "string"},
    }
)


@pytest.fixture
def form(settings: Settings) -> Iterator[InputsForm]:
    async def channels() -> list[Any]:
        return [SimpleNamespace(name="feed"), SimpleNamespace(name="other")]

    atlas = SimpleNamespace(settings=settings, queries=SimpleNamespace(channels=channels))
    shell = SimpleNamespace(atlas=atlas, desk=SimpleNamespace(draft=None))
    client = Client(page("/"))
    with client:
        yield InputsForm(cast(Shell, shell), SCHEMA)
    client.delete()


@pytest.mark.sqlite
async def test_what_was_emptied_does_not_become_its_default_again(form: InputsForm) -> None:
    await form.reload()
    assert form.payload() == {"channels": ["feed"], "teaser": "Read on", "places": 3}
    form.fields["channels"].fill([])
    form.fields["teaser"].fill("")
    form.fields["places"].fill(None)
    assert form.payload() == {"channels": [], "teaser": ""}


@pytest.mark.sqlite
async def test_running_again_begins_with_what_was_given_and_leaves_out_what_is_no_input_any_more(
    form: InputsForm,
) -> None:
    given = {"channels": [], "teaser": "", "places": 4, "body": "x"}
    form.fill({**given, "gone": 1})
    await form.reload()
    assert form.payload() == given


@pytest.mark.sqlite
async def test_running_again_does_not_choose_another_channel_for_one_that_is_gone(form: InputsForm) -> None:
    form.fill({"channels": ["films"], "body": "x"})
    await form.reload()
    assert form.payload()["channels"] == ["films"]
