from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.engines.logits import log_probs, read_rows

values = st.lists(st.floats(-60, 60, width=32), min_size=6, max_size=40)


@given(row=values, top=st.integers(1, 5), data=st.data())
def test_they_are_the_log_softmax_of_the_row(row: list[float], top: int, data: st.DataObject) -> None:
    token = data.draw(st.integers(0, len(row) - 1))
    (chosen,), (best,) = log_probs(np.array([row], np.float32), [token], top)
    total = math.log(sum(math.exp(value) for value in row))
    assert chosen == pytest.approx(row[token] - total, abs=1e-3)
    assert [value for _, value in best] == pytest.approx(
        sorted((v - total for v in row), reverse=True)[:top], abs=1e-3
    )
    assert len({entry for entry, _ in best}) == top
    assert sum(math.exp(value) for _, value in best) < 1.001
    assert dict(best).get(token, chosen) == chosen


def test_each_row_goes_with_its_id() -> None:
    rows = np.log(np.array([[0.5, 0.25, 0.125, 0.125], [0.1, 0.2, 0.3, 0.4]], np.float32))
    chosen, best = log_probs(rows, [1, 0], 2)
    assert chosen == pytest.approx([math.log(0.25), math.log(0.1)])
    assert [[token for token, _ in entries] for entries in best] == [[0, 1], [3, 2]]


def test_the_impossible_has_a_number_that_json_can_say() -> None:
    (chosen,), (best,) = log_probs(np.array([[0.0, -np.inf, -np.inf]], np.float32), [1], 2)
    assert chosen == -9999.0
    assert best == ((0, 0.0), (1, -9999.0)) or best == ((0, 0.0), (2, -9999.0))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_logits_that_are_no_numbers_are_an_error(value: float) -> None:
    row = np.full((1, 8), -np.inf, np.float32)
    row[0, 3] = value
    with pytest.raises(ValueError, match="no number"):
        log_probs(row, [0], 2)


@pytest.mark.parametrize("token", [-1, 8])
def test_an_id_outside_the_rows_is_an_error(token: int) -> None:
    with pytest.raises(ValueError, match="outside the vocabulary of 8"):
        log_probs(np.zeros((1, 8), np.float32), [token], 2)


def test_rows_are_cut_to_the_vocabulary() -> None:
    raw = np.arange(10, dtype="<f4").tobytes()
    assert read_rows(raw, 5, 3).tolist() == [[0, 1, 2], [5, 6, 7]]


@pytest.mark.parametrize(("width", "vocab_size"), [(0, 4), (4, 5), (3, 3)])
def test_rows_that_do_not_fit_are_an_error(width: int, vocab_size: int) -> None:
    with pytest.raises(ValueError, match=r"rows of|cannot reshape"):
        read_rows(np.zeros(10, "<f4").tobytes(), width, vocab_size)
