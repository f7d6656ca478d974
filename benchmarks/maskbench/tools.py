"""The functions of the BFCL schemas: a schema file's in, Tools out.

Each of these schemas is one call, ``{"function's name": arguments}``, or any of several.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.maskbench import SAMPLE
from proxy.tools import Tool


def bfcl_tools(folder: Path = SAMPLE) -> list[Tool]:
    """All functions of the folder's files, names made such as tools have them, each name once."""
    found: dict[str, Tool] = {}
    for path in sorted(folder.glob("BFCL_*.json")):
        schema = json.loads(path.read_text(encoding="utf-8"))["schema"]
        for name, parameters in _functions(schema):
            name = re.sub(r"[^A-Za-z0-9_-]", "_", name)[:64]
            found.setdefault(name, Tool(name, None, parameters))
    return list(found.values())


def _functions(schema: Mapping[str, object]) -> Iterator[tuple[str, dict[str, object]]]:
    branches = schema.get("anyOf", [schema])
    assert isinstance(branches, list)
    for branch in branches:
        for name, parameters in branch.get("properties", {}).items():
            if isinstance(parameters, dict) and parameters.get("type") == "object":
                yield name, parameters
