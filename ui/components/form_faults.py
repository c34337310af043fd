"""A wish that a form makes: what is wrong with it is told at the fields, and what was entered stays."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from engine.errors import InvalidInput, JobRunnerError
from engine.health import DRIVER_ERRORS, trouble
from ui.components.node import Node
from ui.components.payload_form import PayloadForm

T = TypeVar("T")


async def wished(
    wish: Callable[[], Awaitable[T]], form: PayloadForm, fault: Node, *, not_done: str, again: str
) -> T | None:
    """What the wish came to; None when it was refused, which is told at the fields or, if it is about none, in `fault`.

    `not_done` and `again` are the words for a database in trouble: "It was not saved", "save again".
    """
    fault.change(text=form.show_faults({}))
    try:
        return await wish()
    except InvalidInput as error:
        fault.change(text=form.show_faults({each.field: each.message for each in error.errors}))
    except JobRunnerError as error:
        fault.change(text=str(error))
    except DRIVER_ERRORS as error:
        if (cause := trouble(error)) is None:
            raise
        fault.change(text=f"{not_done}: {cause}. What you entered is still here: {again}")
    return None
