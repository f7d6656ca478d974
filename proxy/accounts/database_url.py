"""The address of a database: what the operator wrote in, with the driver that is used here out."""

from __future__ import annotations

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
}


def database_url(text: str) -> URL:
    """``sqlite:///PATH`` or ``postgresql://USER:PASSWORD@HOST/NAME`` with the driver that is used here. Raises
    ValueError without repeating the text, which may hold a password."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise ValueError("must be sqlite:///PATH or postgresql://USER:PASSWORD@HOST:PORT/NAME") from None
    name = url.drivername.partition("+")[0]
    if name not in _DRIVERS:
        raise ValueError(f"{name} is not known: use sqlite:///PATH or postgresql://USER:PASSWORD@HOST:PORT/NAME")
    if name == "sqlite" and (not url.database or url.database == ":memory:"):
        raise ValueError("SQLite needs a file: sqlite:///PATH")
    return url.set(drivername=_DRIVERS[name])
