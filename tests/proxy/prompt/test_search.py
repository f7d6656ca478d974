from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.prompt.search import least_cut

sizes = st.lists(st.integers(0, 9), min_size=1, max_size=200)


@given(units=sizes, limit=st.floats(0, 1), wrong=st.floats(0.1, 10), shift=st.integers(-20, 20))
def test_it_finds_the_least_whatever_the_guess(units: list[int], limit: float, wrong: float, shift: int) -> None:
    looked: list[int] = []
    excess = 1 + int(limit * sum(units))

    def over(cut: int) -> int:
        looked.append(cut)
        assert 0 < cut < len(units)
        return excess - sum(units[:cut]) if cut < len(units) else 0

    found = least_cut(len(units), excess, over, lambda tokens: int(tokens * wrong) + shift)
    expected = next((cut for cut in range(1, len(units)) if sum(units[:cut]) >= excess), len(units))
    assert found == expected
    assert len(looked) == len(set(looked))


def test_a_good_guess_costs_two_looks() -> None:
    looked: list[int] = []

    def over(cut: int) -> int:
        looked.append(cut)
        return 1000 - cut

    assert least_cut(10**6, 1000, over, lambda tokens: tokens) == 1000
    assert looked == [1000, 999]


def test_a_bad_one_does_not_cost_many() -> None:
    looked: list[int] = []

    def over(cut: int) -> int:
        looked.append(cut)
        return 700_000 - cut

    assert least_cut(10**6, 700_000, over, lambda _: 1) == 700_000
    assert len(looked) < 45
