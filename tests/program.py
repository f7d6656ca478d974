"""Programs that are not of Python and that a machine may lack."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest


def need(*names: str) -> None:
    """Skips the test where one is missing, but fails it in CI: there they have to be."""
    missing = [name for name in names if shutil.which(name) is None]
    if missing:
        lack(", ".join(missing), " ".join(missing))


def lack(what: str, packages: str) -> NoReturn:
    """Skips the test and says what this machine lacks, and which of Debian's packages have it; fails it in CI."""
    text = f"not on this machine: {what}"
    if os.environ.get("CI") == "true":
        pytest.fail(f"{text}; CI has to have it")
    pytest.skip(f"{text}; on Debian: apt-get install {packages}")
