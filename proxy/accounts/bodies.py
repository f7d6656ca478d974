"""The bodies of the account routes: what clients send, and what they are sent. Source: API contract, section 9.

Money is a decimal in a string, ``"0.0125"``: a JSON number would become binary floating point in most clients.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints
from typing_extensions import TypedDict

from .account import Account, AccountId, Email, Name
from .api_key import ApiKey
from .plans import DEFAULT


class NewAccount(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    id: AccountId | None = None
    email: Email = ""
    plan: Annotated[str, StringConstraints(max_length=64)] = DEFAULT


class NewKey(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name


class AccountBody(TypedDict):
    id: str
    name: str
    email: str
    plan: str
    created: int
    credits_inr: str | None


class BalanceBody(TypedDict):
    credits_inr: str | None
    plan: str


class KeyBody(TypedDict):
    id: str
    name: str
    key: str
    created: int
    last_used: int | None
    status: Literal["active", "revoked"]


class KeyListBody(TypedDict):
    object: Literal["list"]
    data: list[KeyBody]
    has_more: bool


def account_body(account: Account, credits_inr: str | None) -> AccountBody:
    return {
        "id": account.id,
        "name": account.name,
        "email": account.email,
        "plan": account.plan,
        "created": int(account.created.timestamp()),
        "credits_inr": credits_inr,
    }


def key_body(key: ApiKey, secret: str | None = None) -> KeyBody:
    """secret: the key itself, for the only time that it is told."""
    return {
        "id": key.id,
        "name": key.name,
        "key": secret or key.masked,
        "created": int(key.created.timestamp()),
        "last_used": None if key.last_used is None else int(key.last_used.timestamp()),
        "status": "active" if key.revoked is None else "revoked",
    }
