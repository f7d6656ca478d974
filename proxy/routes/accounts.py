"""The account routes: an account, its keys and its balance. They exist below ``/v1`` only. Source: API contract,
section 9.

They take the admin token for every account, or a key of the very account: another account's key gets the 404 of an
account that does not exist.
"""

from __future__ import annotations

import logging
import re
from decimal import Decimal

from fastapi import APIRouter, Request
from starlette.responses import Response

from ..accounts.account import Account, new_account_id
from ..accounts.accounts import Accounts
from ..accounts.api_key import KEY_ID
from ..accounts.bodies import (
    AccountBody,
    BalanceBody,
    KeyBody,
    KeyListBody,
    NewAccount,
    NewKey,
    account_body,
    key_body,
)
from ..accounts.money import plain
from ..accounts.plans import UnknownPlan
from ..accounts.usage_query import BadQuery, read_limit
from ..errors import InvalidRequest, NotFound
from ..responses import json_response
from .account_access import REFUSALS, bad_query, check_access, check_admin, check_change, find_account, read_model

logger = logging.getLogger(__name__)

# Of one account, so that a key that leaked cannot fill the database with others.
_MOST_KEYS = 1000


def accounts_router(accounts: Accounts) -> APIRouter:
    router = APIRouter(prefix="/accounts", responses=dict(REFUSALS))

    @router.post(
        "", summary="Create an account (admin)", response_model=AccountBody, openapi_extra=_takes(NewAccount)
    )
    async def create_account(http: Request) -> Response:
        check_admin(http)
        return json_response(await _create(accounts, await read_model(http, NewAccount)))

    @router.get("/{account_id}", summary="Describe an account", response_model=AccountBody)
    async def show_account(http: Request, account_id: str) -> Response:
        check_access(http, account_id)
        account = await find_account(accounts, account_id)
        return json_response(account_body(account, await _credits(accounts, account)))

    @router.get("/{account_id}/balance", summary="What an account may still spend", response_model=BalanceBody)
    async def balance(http: Request, account_id: str) -> Response:
        check_access(http, account_id)
        account = await find_account(accounts, account_id)
        return json_response({"credits_inr": await _credits(accounts, account), "plan": account.plan})

    _add_key_routes(router, accounts)
    return router


def _add_key_routes(router: APIRouter, accounts: Accounts) -> None:
    @router.post(
        "/{account_id}/apiKeys",
        summary="Create a key, which is shown only now",
        response_model=KeyBody,
        openapi_extra=_takes(NewKey),
    )
    async def create_key(http: Request, account_id: str) -> Response:
        check_change(http, account_id)
        wanted = await read_model(http, NewKey)
        account = await find_account(accounts, account_id)
        if await accounts.keys.working(account.id) >= _MOST_KEYS:
            raise InvalidRequest(f"The account has {_MOST_KEYS} keys; revoke one first.")
        key, secret = await accounts.keys.create(account.id, wanted.name)
        accounts.authorizer.close_door()
        logger.info("a key was made", extra={"account": account.id, "key": key.id})
        return json_response(key_body(key, secret), headers={"cache-control": "no-store"})

    @router.get("/{account_id}/apiKeys", summary="List an account's keys, masked", response_model=KeyListBody)
    async def list_keys(http: Request, account_id: str, limit: str = "100", after: str = "") -> Response:
        check_access(http, account_id)
        try:
            most = read_limit(limit)
            if after:
                _check_key_id(after, "after")
        except BadQuery as error:
            raise bad_query(error) from error
        account = await find_account(accounts, account_id)
        keys = await accounts.keys.list(account.id, after=after, limit=most + 1)
        page = [key_body(key) for key in keys[:most]]
        return json_response({"object": "list", "data": page, "has_more": len(keys) > most})

    @router.delete("/{account_id}/apiKeys/{key_id}", summary="Revoke a key at once", response_model=KeyBody)
    async def revoke_key(http: Request, account_id: str, key_id: str) -> Response:
        check_change(http, account_id)
        try:
            _check_key_id(key_id, "key_id")
        except BadQuery as error:
            raise bad_query(error) from error
        key = await accounts.keys.revoke(key_id, account_id)
        if key is None:
            raise NotFound(f"The account has no key of the id {key_id!r}.", "key_id")
        accounts.authorizer.forget(key.id)
        logger.info("a key was revoked", extra={"account": account_id, "key": key.id})
        return json_response(key_body(key))


def _check_key_id(text: str, param: str) -> None:
    """Raises BadQuery for what can be no key's id."""
    if re.fullmatch(KEY_ID, text) is None:
        raise BadQuery("must be the id of a key, as in key_0123456789abcdef", param)


async def _create(accounts: Accounts, wanted: NewAccount) -> AccountBody:
    """Raises InvalidRequest for a plan that there is not, and an id that is taken."""
    try:
        plan = accounts.plans.check(wanted.plan)
    except UnknownPlan as error:
        raise InvalidRequest(f"'plan' is not valid: {error}.", "plan") from error
    made = await accounts.accounts.create(wanted.id or new_account_id(), wanted.name, wanted.email, plan)
    if made is None:
        raise InvalidRequest("There is an account of this 'id' already; choose another, or leave it out.", "id")
    logger.info("an account was made", extra={"account": made.id})
    return account_body(made, await _credits(accounts, made))


async def _credits(accounts: Accounts, account: Account) -> str | None:
    """What the plan's credits leave after all that is written down; None without a limit. Requests that ran while
    the last of it was spent may have taken it below zero."""
    granted = accounts.plans.of(account.plan).credits_inr
    if granted is None:
        return None
    spent: Decimal = await accounts.usage.spent(account.id)
    return plain(granted - spent)


def _takes(kind: type[NewAccount] | type[NewKey]) -> dict[str, object]:
    return {
        "requestBody": {"required": True, "content": {"application/json": {"schema": kind.model_json_schema()}}}
    }
