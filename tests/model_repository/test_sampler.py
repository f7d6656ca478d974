"""Which ids are drawn from logits, and how often."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from request import Request
from sampler import Sampler, log_prob

from tests.model_repository.sample import request

CHANCES = np.array([0.4, 0.3, 0.2, 0.06, 0.04], np.float32)
LOGITS = np.log(CHANCES)
SAMPLED = replace(request([0]), greedy=False)


def drawn(asked: Request, count: int = 1000) -> Counter[int]:
    """How often each id is drawn first, over so many seeds."""
    return Counter(Sampler(replace(asked, seed=seed), 5).draw(LOGITS) for seed in range(count))


def test_ids_are_drawn_as_often_as_they_are_likely() -> None:
    counts = drawn(SAMPLED, 4000)
    assert [counts[token] / 4000 for token in range(5)] == pytest.approx(CHANCES.tolist(), abs=0.04)


@pytest.mark.parametrize(
    ("changes", "left"),
    [
        ({"top_k": 2}, {0, 1}),
        ({"top_p": 0.39}, {0}),
        ({"top_p": 0.41}, {0, 1}),
        ({"top_p": 0.89}, {0, 1, 2}),
        ({"top_p": 0.89, "top_k": 2}, {0, 1}),
        ({"top_p": 0.41, "top_k": 4}, {0, 1}),
        ({"top_k": 50}, {0, 1, 2, 3, 4}),
        ({"top_p": 1e-9}, {0}),
        ({"temperature": 0.01}, {0}),
        ({"temperature": 100.0}, {0, 1, 2, 3, 4}),
    ],
)
def test_top_k_top_p_and_the_temperature_leave_these(changes: dict[str, float], left: set[int]) -> None:
    assert set(drawn(replace(SAMPLED, **changes))) == left  # type: ignore[arg-type]


def test_what_is_left_keeps_its_proportions() -> None:
    counts = drawn(replace(SAMPLED, top_k=2), 4000)
    assert counts[0] / 4000 == pytest.approx(4 / 7, abs=0.04)


def greedy(row: list[float], prompt: list[int], count: int, **changes: float) -> list[int]:
    sampler = Sampler(replace(request(prompt), **changes), len(row))  # type: ignore[arg-type]
    return [sampler.draw(np.array(row, np.float32)) for _ in range(count)]


def test_the_largest_is_taken_and_the_first_of_equals() -> None:
    assert greedy([1.0, 3.0, 3.0], [0], 2) == [1, 1]


def test_the_repetition_penalty_is_on_prompt_and_answer_whatever_the_sign() -> None:
    assert greedy([2.0, 1.9, 1.8], [0], 3, repetition_penalty=1.2) == [1, 2, 0]
    assert greedy([-1.0, -1.1, -1.3], [0], 2, repetition_penalty=1.2) == [1, 0]


def test_the_presence_penalty_counts_an_id_of_the_answer_once() -> None:
    assert greedy([2.0, 1.5, 0.0], [0], 4, presence_penalty=1.0) == [0, 1, 0, 0]


def test_the_frequency_penalty_counts_it_every_time() -> None:
    assert greedy([2.0, 1.1, -1.6], [0], 5, frequency_penalty=1.0) == [0, 1, 0, 1, 0]


def test_a_bias_comes_first_and_the_row_stays_as_it_was() -> None:
    row = np.array([1.0, 2.0, 3.0], np.float32)
    asked = replace(request([1]), bias=np.array([0, 4, 0], np.float32), repetition_penalty=3.0)
    assert Sampler(asked, 3).draw(row) == 2
    assert Sampler(replace(asked, repetition_penalty=1.0), 3).draw(row) == 1
    assert row.tolist() == [1.0, 2.0, 3.0]


def test_a_seed_repeats_its_draws() -> None:
    def draws(seed: int) -> list[int]:
        sampler = Sampler(replace(SAMPLED, seed=seed), 5)
        return [sampler.draw(LOGITS) for _ in range(30)]

    seeds = (0, 1, 2**32, 2**64 - 1)
    assert [draws(seed) for seed in seeds] == [draws(seed) for seed in seeds]
    assert len({tuple(draws(seed)) for seed in seeds}) == 4


@given(st.lists(st.floats(-50, 50, width=32), min_size=2, max_size=20))
def test_log_probs_are_of_a_distribution(values: list[float]) -> None:
    row = np.array(values, np.float32)
    chances = [np.exp(log_prob(row, token)) for token in range(len(row))]
    assert sum(chances) == pytest.approx(1, abs=1e-3)
