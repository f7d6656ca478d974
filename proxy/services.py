"""What the routes stand on, put together once in ``app.py``."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from .engines.base import Engine
from .metrics import Metrics
from .models import Catalog
from .settings import Settings


@dataclass(frozen=True, slots=True)
class Services:
    """pool: where prompts are rendered that would hold up the event loop."""

    settings: Settings
    catalog: Catalog
    engine: Engine
    metrics: Metrics
    pool: ThreadPoolExecutor
