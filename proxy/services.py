"""What the routes stand on, put together once in ``app.py``."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from .accounts.accounts import Accounts
from .accounts.limiter import Limiter
from .accounts.metering import Metering
from .accounts.quotas import Quotas
from .admission import Admission
from .engines.base import Engine
from .metrics import Metrics
from .models import Catalog
from .schemas import Schemas
from .settings import Settings


@dataclass(frozen=True, slots=True)
class Services:
    """pool: for what is long (``prompt/pool.py``)."""

    settings: Settings
    catalog: Catalog
    engine: Engine
    metrics: Metrics
    pool: ThreadPoolExecutor
    admission: Admission
    schemas: Schemas
    accounts: Accounts
    limiter: Limiter
    quotas: Quotas
    metering: Metering
