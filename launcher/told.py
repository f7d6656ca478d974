"""What every command shares: options in, settings out, and errors that a person can mend as one red line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import typer
from pydantic import ValidationError

from proxy.settings import NotServable, Settings


def settings_with(**given: str | int | Path | list[str] | None) -> Settings:
    """The settings, with what the command line says on top."""
    try:
        return Settings.model_validate({name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        if not name:
            fail(f"forii.toml: {first['msg']}")
        if first["type"] == "extra_forbidden":
            fail(f"forii.toml: there is no setting {name!r}")
        reason = first["msg"].removeprefix("Value error, ")
        fail(f"setting {name!r} (option, FORII_{name.upper()} or forii.toml): {reason}")


def fail(message: str) -> NoReturn:
    typer.secho(message, fg="red", err=True)
    raise typer.Exit(1)


@contextmanager
def told() -> Iterator[None]:
    """Turns the errors that are a person's to mend into a message; anything else is a bug and shows itself."""
    from build_engines.recipe import BuildError
    from launcher.control import NotChanged
    from launcher.triton import TritonError
    from proxy.prompt.tokenizer import UnknownTokenizer

    try:
        yield
    except (BuildError, TritonError, NotServable, NotChanged, UnknownTokenizer) as error:
        fail(str(error))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
