"""``GET /v1/accounts/{id}/usage``: days and a grouping in, rows as JSON or CSV out. Source: API contract, section
9."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import date, datetime, timezone

from fastapi import APIRouter, Request
from starlette.responses import Response

from ..accounts.accounts import Accounts
from ..accounts.usage_bodies import UsageListBody, usage_body, usage_csv
from ..accounts.usage_query import (
    BadQuery,
    UsageQuery,
    check_range,
    read_cursor,
    read_day,
    read_group,
    read_limit,
)
from ..responses import json_response
from .account_access import REFUSALS, bad_query, check_access, find_account

_FORMATS = ("json", "csv")
_WORDS = ("start", "end", "group_by", "limit", "cursor", "format")


def usage_router(accounts: Accounts) -> APIRouter:
    router = APIRouter(prefix="/accounts", responses=dict(REFUSALS))

    @router.get(
        "/{account_id}/usage", summary="What an account used and what it cost", response_model=UsageListBody
    )
    async def usage(
        http: Request,
        account_id: str,
        start: str | None = None,
        end: str | None = None,
        group_by: str = "model",
        limit: str = "100",
        cursor: str | None = None,
        format: str | None = None,
    ) -> Response:
        """`start`, `end`: ISO dates, both included; by default this month until today, in UTC. `group_by`:
        `model`, `key`, `day`, `user` or `metadata.<key>`. `limit`: 1 to 1000 rows. `cursor`: the `next_cursor` of
        the page before. `format`: `json` or `csv`; without it the header `Accept: text/csv` asks for CSV."""
        check_access(http, account_id)
        try:
            _check_words(http.query_params)
            as_csv = _wants_csv(format, http.headers.get("accept", ""))
            first, last = _days(start, end, datetime.now(timezone.utc).date())
            after = None if cursor is None else read_cursor(cursor)
            query = UsageQuery(account_id, first, last, read_group(group_by), read_limit(limit), after)
        except BadQuery as error:
            raise bad_query(error) from error
        await find_account(accounts, account_id)
        rows, more = await accounts.report.page(query)
        if not as_csv:
            return await asyncio.to_thread(lambda: json_response(usage_body(rows, query.group, more)))
        headers = {"content-disposition": 'attachment; filename="usage.csv"', "x-content-type-options": "nosniff"}
        if more is not None:
            headers["x-forii-next-cursor"] = more.text()
        text = await asyncio.to_thread(usage_csv, rows, query.group)
        return Response(text, media_type="text/csv; charset=utf-8", headers=headers)

    return router


def _check_words(words: Mapping[str, str]) -> None:
    """Raises BadQuery: a misspelt word would otherwise give another bill than was meant."""
    for word in words:
        if word not in _WORDS:
            raise BadQuery(f"is none of {', '.join(_WORDS)}", word[:64])


def _days(start: str | None, end: str | None, today: date) -> tuple[date, date]:
    """This month until today, but for what was given. Raises BadQuery."""
    last = today if end is None else read_day(end, "end")
    first = last.replace(day=1) if start is None else read_day(start, "start")
    check_range(first, last)
    return first, last


def _wants_csv(given: str | None, accept: str) -> bool:
    """Raises BadQuery."""
    if given is None:
        return "text/csv" in accept.lower()
    if given not in _FORMATS:
        raise BadQuery(f"must be one of {', '.join(_FORMATS)}", "format")
    return given == "csv"
