"""The table of ``docs/structured-outputs.md`` is true."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from proxy.grammar import compile_schema

PAGE = Path(__file__).parents[3] / "docs" / "structured-outputs.md"
_CELL = re.compile(r"`(\{.*\})`")


def _examples(column: int) -> list[str]:
    rows = [line.split(" | ") for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    return [found[1] for row in rows if len(row) > column and (found := _CELL.search(row[column]))]


def test_the_table_is_found() -> None:
    assert len(_examples(1)) > 15
    assert len(_examples(2)) > 8


@pytest.mark.parametrize("example", _examples(1))
def test_what_is_said_to_be_said_is_said(example: str) -> None:
    assert compile_schema(json.loads(example)).checked == ()


@pytest.mark.parametrize("example", _examples(2))
def test_what_is_said_to_be_checked_is_checked(example: str) -> None:
    assert compile_schema(json.loads(example)).checked != ()
