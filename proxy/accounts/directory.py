"""What the settings and the database together say of keys: hashes in, callers out."""

from __future__ import annotations

import hmac
from collections.abc import Collection
from dataclasses import replace

from .account_repository import AccountRepository
from .api_key import digest
from .caller import ANYBODY, Caller
from .database import Database
from .key_repository import KeyRepository
from .plans import DEFAULT, Plans

# The account of requests without a key and of the key in the settings, and the id of the latter.
LOCAL = ANYBODY.account
OPERATOR = "operator"


class Directory:
    """operator_key: the one in the settings. may_be_open: whether anybody is let in as long as there is no key."""

    def __init__(self, database: Database, plans: Plans, operator_key: str | None, may_be_open: bool) -> None:
        self.may_be_open = may_be_open and operator_key is None
        self._database = database
        self._keys = KeyRepository(database)
        self._accounts = AccountRepository(database)
        self._plans = plans
        self.operator_hash = None if operator_key is None else digest(operator_key)
        default = plans.of(DEFAULT)
        self.anybody = replace(ANYBODY, plan=default)
        self.operator = Caller(LOCAL, OPERATOR, default)

    def is_operator(self, key_hash: str) -> bool:
        return self.operator_hash is not None and hmac.compare_digest(key_hash, self.operator_hash)

    async def has_keys(self) -> bool:
        """Whether one was ever made: revoking the last one lets nobody in. Raises DatabaseAway."""
        return not self._database.is_new and await self._keys.exist()

    async def callers(self, hashes: Collection[str]) -> dict[str, Caller]:
        """Whose they are, of those keys that work, by their hashes. Raises DatabaseAway."""
        found = {}
        made = [one for one in hashes if not self.is_operator(one)]
        if len(made) < len(hashes) and self.operator_hash is not None:
            found[self.operator_hash] = await self._operator()
        if made and not self._database.is_new:
            for key_hash, owner in (await self._keys.owners(made)).items():
                if not owner.revoked:
                    found[key_hash] = Caller(owner.account, owner.key, self._plans.of(owner.plan))
        return found

    async def _operator(self) -> Caller:
        local = None if self._database.is_new else await self._accounts.find(LOCAL)
        return self.operator if local is None else replace(self.operator, plan=self._plans.of(local.plan))
