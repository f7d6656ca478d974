"""Rows of usage in, JSON and CSV out. Source: API contract, section 9."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Literal

from typing_extensions import TypedDict

from .money import plain
from .usage_query import Cursor
from .usage_report import UsageRow

# What spreadsheets take for the beginning of a formula, some of them in its wide form too.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
# Terminals obey them; line breaks and tabs have their place in a cell.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


class UsageRowBody(TypedDict):
    """And the field that the rows are grouped by, where it is neither the day nor the model."""

    date: str
    model: str | None
    requests: int
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cost_inr: str


class UsageListBody(TypedDict):
    object: Literal["list"]
    data: list[UsageRowBody]
    has_more: bool
    next_cursor: str | None


def usage_body(rows: Iterable[UsageRow], group: str, after: Cursor | None) -> dict[str, object]:
    """A UsageListBody."""
    return {
        "object": "list",
        "data": [_row(row, group) for row in rows],
        "has_more": after is not None,
        "next_cursor": None if after is None else after.text(),
    }


def usage_csv(rows: Sequence[UsageRow], group: str, *, heading: bool = True) -> str:
    """The same rows. A text that a spreadsheet would take for a formula has an apostrophe before it: ``user`` and
    metadata are the words of whoever called, and are opened by whoever pays. Control characters are replaced."""
    text = io.StringIO()
    names = ["date", "model", *([] if group in ("model", "day") else [group])]
    counts = ["requests", "prompt_tokens", "completion_tokens", "total_tokens", "cost_inr"]
    writer = csv.DictWriter(text, names + counts)
    if heading:
        writer.writeheader()
    for row in rows:
        writer.writerow({name: _cell(value) for name, value in _row(row, group).items()})
    return text.getvalue()


def _row(row: UsageRow, group: str) -> dict[str, str | int | None]:
    label = {} if group in ("model", "day") else {group: row.label}
    return {
        "date": row.day.isoformat(),
        "model": row.model,
        **label,
        "requests": row.requests,
        "prompt_tokens": row.prompt_tokens,
        "completion_tokens": row.completion_tokens,
        "total_tokens": row.prompt_tokens + row.completion_tokens,
        "cost_inr": plain(row.cost),
    }


def _cell(value: str | int | None) -> str | int | None:
    if not isinstance(value, str):
        return value
    text = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", value)
    return f"'{text}" if text.startswith(_FORMULA) else text
