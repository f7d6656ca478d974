"""A key: made once, shown once, and known from then on by its hash.

A key has 256 bits of a cryptographic random generator, so a plain SHA-256 of it tells nobody what it is: there is
no shorter list to try. Slow hashes are for passwords, which people choose. A key is found by its hash: how long
that takes may tell something of the hash of a guess, which tells nothing of any key.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime

PREFIX = "forii_sk_"
KEY_ID = r"key_[0-9a-f]{16}"
_SHAPE = re.compile(PREFIX + r"[A-Za-z0-9_-]{43}")
# Enough to recognise a key by, and of 43 characters nothing to guess it from.
_SHOWN = 4


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key without its secret. suffix: its last characters. last_used: to some seconds. revoked: when, None while
    it works. Times are UTC."""

    id: str
    account: str
    name: str
    suffix: str
    created: datetime
    last_used: datetime | None = None
    revoked: datetime | None = None

    @property
    def masked(self) -> str:
        return f"{PREFIX}...{self.suffix}"

    @property
    def status(self) -> str:
        return "active" if self.revoked is None else "revoked"


def new_secret() -> str:
    return PREFIX + secrets.token_urlsafe(32)


def new_key_id() -> str:
    return f"key_{secrets.token_hex(8)}"


def suffix_of(secret: str) -> str:
    return secret[-_SHOWN:]


def digest(secret: str) -> str:
    """What is stored of a key, and what it is found by."""
    return hashlib.sha256(secret.encode()).hexdigest()


def is_shaped(secret: str) -> bool:
    """Whether it could be a key that was made here."""
    return _SHAPE.fullmatch(secret) is not None
