"""Who pays: an account and what may be its id, its name and its email."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import StringConstraints

ACCOUNT_ID = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
# No control characters, of which PostgreSQL lacks one and terminals obey others.
_NAME = r"^[^\x00-\x1f\x7f-\x9f]+$"
_EMAIL = r"^([^@\s\x00-\x1f\x7f-\x9f]+@[^@\s\x00-\x1f\x7f-\x9f]+)?$"
AccountId = Annotated[str, StringConstraints(pattern=ACCOUNT_ID)]
# Of accounts and of keys.
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=_NAME)]
Email = Annotated[str, StringConstraints(max_length=254, pattern=_EMAIL)]


@dataclass(frozen=True, slots=True)
class Account:
    """plan: the name of one. email: may be empty. created: UTC."""

    id: str
    name: str
    email: str
    plan: str
    created: datetime


def new_account_id() -> str:
    return f"acct_{secrets.token_hex(8)}"
