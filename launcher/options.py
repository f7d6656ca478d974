"""The options that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Cache = Annotated[
    Path | None, typer.Option(help="Folder for downloads and builds. [env: FORII_CACHE; default: ~/.cache/forii]")
]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        "--database",
        help="sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME, the same as the server's. "
        "[env: FORII_DATABASE; default: a file in FORII_STATE, ~/.local/state/forii]",
    ),
]
