"""What an account of a plan may use, as ``forii.toml`` says it.

::

    [plans.free]
    requests_per_minute = 60
    prompt_tokens_per_minute = 100_000
    completion_tokens_per_minute = 20_000
    concurrent_streams = 4
    credits_inr = "500"
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Limit = Annotated[int, Field(ge=1)] | None


class Plan(BaseModel):
    """None is no limit. The three of a minute are an account's, per UTC minute; concurrent_streams a key's.
    credits_inr: what the account may spend before it is refused with a 402."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    requests_per_minute: Limit = None
    prompt_tokens_per_minute: Limit = None
    completion_tokens_per_minute: Limit = None
    concurrent_streams: Limit = None
    credits_inr: Annotated[Decimal, Field(ge=0)] | None = None


UNLIMITED = Plan()
