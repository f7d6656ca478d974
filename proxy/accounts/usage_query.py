"""What somebody wants to know of usage: words in, a UsageQuery out."""

from __future__ import annotations

import base64
import json
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

MOST_ROWS = 1000
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_METADATA = "metadata."
_LONGEST_KEY = 64
_LONGEST_CURSOR = 16_384
# Fields of a row of usage by which it can be grouped; metadata.<key> is another one.
GROUPS = ("model", "key", "day", "user")


class BadQuery(ValueError):
    """A word that cannot be understood. param: its name; the message says what to change."""

    def __init__(self, message: str, param: str) -> None:
        super().__init__(message)
        self.param = param


class Cursor(NamedTuple):
    """The last row of a page. named: whether it had a label; rows without come first."""

    day: date
    model: str
    named: bool
    label: str

    def text(self) -> str:
        """For the client to send back."""
        packed = json.dumps([self.day.isoformat(), self.model, self.named, self.label], ensure_ascii=False)
        return base64.urlsafe_b64encode(packed.encode()).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class UsageQuery:
    """account: None for all. start, end: days in UTC, both included. group: one of GROUPS, or ``metadata.<key>``.
    limit: of rows. after: the page before."""

    account: str | None
    start: date
    end: date
    group: str = "model"
    limit: int = MOST_ROWS
    after: Cursor | None = None

    @property
    def metadata_key(self) -> str | None:
        return self.group[len(_METADATA) :] if self.group.startswith(_METADATA) else None


def read_day(text: str, param: str) -> date:
    """An ISO date. Raises BadQuery."""
    # What has the form of a day may still be none of the calendar.
    with suppress(ValueError):
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
    raise BadQuery("must be a date, as in 2026-01-31", param)


def check_range(start: date, end: date, param: str = "end") -> None:
    """Raises BadQuery for days the wrong way round."""
    if start > end:
        raise BadQuery(f"must not be before the first day, {start}", param)


def read_group(text: str, param: str = "group_by") -> str:
    """Raises BadQuery."""
    key = text[len(_METADATA) :] if text.startswith(_METADATA) else None
    if text in GROUPS or (key and len(key) <= _LONGEST_KEY and "\0" not in key):
        return text
    raise BadQuery(f"must be one of {', '.join(GROUPS)} and metadata.<key>", param)


def read_limit(text: str, param: str = "limit") -> int:
    """Raises BadQuery."""
    if re.fullmatch(r"[0-9]{1,4}", text) and 1 <= int(text) <= MOST_ROWS:
        return int(text)
    raise BadQuery(f"must be a number from 1 to {MOST_ROWS}; ask for the next page with the cursor", param)


def read_cursor(text: str, param: str = "cursor") -> Cursor:
    """Raises BadQuery for what no answer gave out."""
    # It may be no base64, no JSON, no day.
    with suppress(ValueError, RecursionError):
        if len(text) <= _LONGEST_CURSOR:
            packed = base64.b64decode(text.encode() + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
            match json.loads(packed):
                case [str(day), str(model), bool(named), str(label)] if "\0" not in model + label:
                    label.encode(), model.encode()  # no half of a surrogate pair
                    return Cursor(date.fromisoformat(day), model, named, label)
    raise BadQuery("must be the next_cursor of the page before", param)
