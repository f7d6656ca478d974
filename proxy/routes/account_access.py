"""Who may see an account: a request in, a refusal out where it is neither the operator's nor the account's own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from ..accounts.account import ACCOUNT_ID, Account
from ..accounts.accounts import Accounts
from ..accounts.usage_query import BadQuery
from ..authentication import caller_of, is_admin
from ..errors import AuthenticationFailed, InvalidJson, InvalidRequest, NotFound
from ..openai.bodies import ErrorBody
from ..openai.invalid import invalid_request
from ..openai.json_text import BadJson, TooManyObjects, read_json
from .body import read_body

# Of what the account routes are sent.
_LONGEST_BODY = 16 * 1024
_Body = TypeVar("_Body", bound=BaseModel)

REFUSALS: Mapping[int | str, dict[str, object]] = {
    400: {"model": ErrorBody, "description": "The request is wrong; `error.param` names the field."},
    401: {"model": ErrorBody, "description": "The key or the admin token is missing or wrong."},
    404: {"model": ErrorBody, "description": "There is no such account, or it is not this key's."},
    503: {"model": ErrorBody, "description": "The database is away; try again after `Retry-After` seconds."},
    # Without it FastAPI promises a 422 of its own, which never comes.
    "4XX": {"model": ErrorBody, "description": "The request is refused."},
}


def check_access(http: Request, account_id: str) -> None:
    """Raises InvalidRequest for what can be no account's id, and NotFound for another's account: whether it exists
    is nobody's business."""
    if re.fullmatch(ACCOUNT_ID, account_id) is None:
        raise InvalidRequest(
            "An account's id has 1 to 64 letters, digits, dots, hyphens and underscores; correct the path.",
            "account_id",
        )
    if not is_admin(http.scope) and caller_of(http.scope).account != account_id:
        raise no_account(account_id)


def check_change(http: Request, account_id: str) -> None:
    """As ``check_access``; and raises AuthenticationFailed where nobody showed a key. An open server lets anybody
    read, but a page that a browser was lured to must not be able to close it."""
    check_access(http, account_id)
    if not is_admin(http.scope) and not caller_of(http.scope).key:
        raise AuthenticationFailed(
            "Changing keys needs a key or the admin token: make the first key with `forii keys create`, or set "
            "FORII_ADMIN_TOKEN."
        )


def check_admin(http: Request) -> None:
    """Raises AuthenticationFailed."""
    if not is_admin(http.scope):
        raise AuthenticationFailed("This needs the admin token; send 'Authorization: Bearer <admin token>'.")


async def find_account(accounts: Accounts, account_id: str) -> Account:
    """Raises NotFound, and DatabaseAway."""
    account = await accounts.accounts.find(account_id)
    if account is None:
        raise no_account(account_id)
    return account


async def read_model(http: Request, model: type[_Body]) -> _Body:
    """The request's body. Raises what is wrong with it."""
    body = await read_body(http, _LONGEST_BODY)
    try:
        value = read_json(body)
    except (BadJson, TooManyObjects) as error:
        raise InvalidJson("The request body is not valid JSON; correct it.") from error
    if not isinstance(value, dict):
        raise InvalidJson("The request body must be a JSON object.")
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise invalid_request(error, value) from error


def bad_query(error: BadQuery) -> InvalidRequest:
    """The API's error for a word that cannot be understood."""
    return InvalidRequest(f"{error.param!r} is not valid: it {error}.", error.param)


def no_account(account_id: str) -> NotFound:
    return NotFound(f"There is no account {account_id[:64]!r} that this key may see.", "account_id")
