"""An engine that carries nothing out by itself."""

import pytest

from engine.engine import Atlas
from engine.settings import Settings


@pytest.fixture
def atlas(settings: Settings, database: None) -> Atlas:
    """Nothing runs its jobs or its operations, so each stays where the test has put it."""
    return Atlas(settings)
