"""Log records in, one JSON object a line out, with the request's id. Prompts and keys are never logged.

::

    {"time": "2026-01-31T12:00:00.123Z", "level": "info", "message": "answered", "request_id": "...", ...}
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from contextvars import ContextVar
from datetime import datetime, timezone

import orjson

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)

# What clients send in the wrong place, such as a path, is a key all the same.
_KEY = r"forii_sk_[A-Za-z0-9_-]+"
# Shorter secrets would take words out of every line.
_SHORTEST_SECRET = 8
# Attributes of every record, as opposed to what `extra=` added.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


class JsonFormatter(logging.Formatter):
    """secrets: of the settings, which have no form to know them by."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__()
        # As they stand in a line of JSON.
        told = [orjson.dumps(one).decode()[1:-1] for one in secrets if len(one) >= _SHORTEST_SECRET]
        self._hidden = re.compile("|".join([*map(re.escape, told), _KEY]))

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, timezone.utc)
        line: dict[str, object] = {
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if (current := request_id.get()) is not None:
            line["request_id"] = current
        line.update((name, value) for name, value in vars(record).items() if name not in _STANDARD)
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return self._hidden.sub("(a key, not logged)", orjson.dumps(line, default=str).decode())


def configure(level: str, secrets: Iterable[str] = ()) -> None:
    """Sends the logs of the whole process to standard error as JSON lines. secrets: never to be in one."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter(secrets))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
