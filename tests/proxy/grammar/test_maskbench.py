"""Real schemas with real instances: some of those that `make maskbench` judges."""

from __future__ import annotations

import random

import pytest

from benchmarks.maskbench import SAMPLE, table
from benchmarks.maskbench.judge import Verdict, judge

_COUNT = 200
# The aims are for all schemas; some of them may be off by a few.
_SLACK = 0.02


@pytest.fixture(scope="module")
def verdicts() -> list[Verdict]:
    paths = sorted(SAMPLE.glob("*.json"))
    if not paths:
        pytest.skip(f"there are no schemas in {SAMPLE}: FORII_MASKBENCH names their folder")
    return [judge(path) for path in random.Random(5).sample(paths, min(_COUNT, len(paths)))]


def told(verdicts: list[Verdict]) -> str:
    return table.summary(verdicts) + table.faults(verdicts)


def test_real_schemas_compile_or_are_refused(verdicts: list[Verdict]) -> None:
    failures = [verdict.failure for verdict in verdicts if verdict.failure]
    assert all(failure.startswith("refused: #") for failure in failures), told(verdicts)
    assert len(failures) <= (0.01 + _SLACK) * len(verdicts), told(verdicts)


def test_nothing_invalid_gets_through(verdicts: list[Verdict]) -> None:
    assert sum(verdict.let_through for verdict in verdicts) == 0, told(verdicts)


def test_nearly_all_real_schemas_are_wholly_right(verdicts: list[Verdict]) -> None:
    right = sum(verdict.right for verdict in verdicts)
    assert right >= (0.98 - _SLACK) * len(verdicts), told(verdicts)


def test_nothing_valid_is_refused_but_for_the_order_of_its_keys(verdicts: list[Verdict]) -> None:
    refused = [verdict for verdict in verdicts if verdict.refused_valid > verdict.reordered]
    assert len(refused) <= 0.01 * len(verdicts), told(refused)


def test_grammars_alone_refuse_nearly_all_that_is_invalid(verdicts: list[Verdict]) -> None:
    judged = [verdict for verdict in verdicts if not verdict.failure]
    by_grammar, invalid = sum(one.by_grammar for one in judged), sum(one.invalid for one in judged)
    assert by_grammar >= (0.95 - _SLACK) * invalid, told(verdicts)
