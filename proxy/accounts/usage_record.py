"""One request as the bill sees it: what a finished (or cut) answer used, and whose it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

# Characters of ``user`` that are kept; metadata has limits of its own.
LONGEST_USER = 512


@dataclass(frozen=True, slots=True)
class UsageRecord:
    """id: 32 hex digits, made when the request reaches an engine; a record that comes twice is one record. time:
    of the request's arrival, UTC. account, key: ids. prompt_tokens, completion_tokens: of the answer that was
    returned; retried_prompt_tokens, retried_completion_tokens: of attempts that were thrown away. cost: INR, at
    the prices of that time. status: of the HTTP answer, or of the error that ended its stream; 499: the client
    went away. first_token_ms: None where none came. user, metadata: the client's own words."""

    id: str
    time: datetime
    account: str
    key: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    retried_prompt_tokens: int
    retried_completion_tokens: int
    cost: Decimal
    status: int
    first_token_ms: int | None
    total_ms: int
    user: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


def storable(text: str) -> str:
    """What databases and JSON can hold of it: no NUL, no half of a surrogate pair."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode("utf-8")
