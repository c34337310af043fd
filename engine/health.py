"""What keeps the engine from its work, told by each duty that meets a fault and taken back when it is over."""

import logging

from engine.events import Bus, EngineChanged
from engine.metrics import Metrics
from models.database import DRIVER_ERRORS, trouble

__all__ = ["DRIVER_ERRORS", "Health", "trouble"]

log = logging.getLogger(__name__)


class Health:
    """One sentence a duty, while it lasts."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.metrics = Metrics()
        self._faults: dict[str, str] = {}

    @property
    def fault(self) -> str | None:
        """Why the engine cannot do its work just now, or None."""
        return next(iter(self._faults.values()), None)

    def failed(self, duty: str, error: BaseException) -> None:
        """This duty met a fault; of a row only the first is logged, and in full if nobody foresaw it."""
        foreseen = trouble(error)
        self.metrics.failed(duty, is_foreseen=foreseen is not None)
        told = foreseen or f"an unexpected {type(error).__name__}: {error}"
        if self._faults.get(duty) != told:
            log.error("%s cannot go on, and tries again: %s", duty, told, exc_info=None if foreseen else error)
            self._faults[duty] = told
            self._bus.publish(EngineChanged())

    def worked(self, duty: str) -> None:
        """This duty does its work again."""
        if self._faults.pop(duty, None):
            log.warning("%s goes on", duty)
            self._bus.publish(EngineChanged())
