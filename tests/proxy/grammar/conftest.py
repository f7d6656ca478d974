"""What tests of the grammar compiler share."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module")
def frozen() -> Iterator[None]:
    """To collect what other tests have left is not counted here."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
