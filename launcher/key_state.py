"""Which keys there are when the server starts: the settings in, what to serve under and what to tell out."""

from __future__ import annotations

import asyncio
from enum import Enum

from proxy.accounts.accounts import Accounts
from proxy.errors import DatabaseAway
from proxy.settings import NotServable, Settings


class KeyState(Enum):
    """The values are the banner's words."""

    OPERATOR = "FORII_API_KEY is asked for, or a key of `forii keys create`"
    MADE = "a key of `forii keys create` is asked for"
    NONE = "none: open to this machine until the first `forii keys create`"
    UNKNOWN = "asked for; the database is away, so nobody gets in before it is back"

    @property
    def asked(self) -> bool:
        """Whether clients have to send one."""
        return self is not KeyState.NONE


def key_state(settings: Settings) -> KeyState:
    """Opens the database unless it is a file that is not there yet, and brings its tables up to date. Raises
    NotServable off loopback where no key works."""
    state = asyncio.run(_state(settings))
    if settings.on_loopback or state is not KeyState.NONE:
        return state
    raise NotServable(
        f"{settings.host} can be reached from other machines, so a key is needed: make one with `forii keys "
        "create NAME`, or set FORII_API_KEY, or serve on 127.0.0.1"
    )


async def _state(settings: Settings) -> KeyState:
    accounts = Accounts(settings)
    try:
        # Off loopback a key has to work; on it, revoking the last one opens nothing.
        made = not accounts.database.is_new and await accounts.keys.exist(active=not settings.on_loopback)
    except DatabaseAway:
        return KeyState.UNKNOWN if settings.api_key is None else KeyState.OPERATOR
    finally:
        await accounts.database.close()
    if settings.api_key is not None:
        return KeyState.OPERATOR
    return KeyState.MADE if made else KeyState.NONE
