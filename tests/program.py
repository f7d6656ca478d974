"""Programs that are not of Python and that a machine may lack."""

from __future__ import annotations

import os
import shutil

import pytest


def need(*names: str) -> None:
    """Skips the test where one is missing, but fails it in CI: there they have to be."""
    missing = [name for name in names if shutil.which(name) is None]
    if not missing:
        return
    text = f"not on this machine: {', '.join(missing)}"
    if os.environ.get("CI") == "true":
        pytest.fail(f"{text}; CI has to have it")
    pytest.skip(f"{text}; on Debian: apt-get install {' '.join(missing)}")
