"""How much must go for the rest to fit: a search that starts from a good guess, since each look is dear."""

from __future__ import annotations

from collections.abc import Callable


def least_cut(count: int, excess: int, over: Callable[[int], int], skip: Callable[[int], int]) -> int:
    """A cut of 1..count units that fits while one unit less does not.

    over(cut): by how many tokens that cut is too long, at most 0 if it fits; called for cuts between 0 and count
    alone, which are known: over(0) is excess, and count fits. skip(tokens): a guess at the units that make them
    up, from the beginning. Two looks if it is right, else as many as a bisection has at most, and some.
    """
    too_long, fits = 0, count
    guess, step = skip(excess), 1
    while fits - too_long > 1:
        probe = min(max(guess, too_long + 1), fits - 1)
        more = over(probe)
        if more <= 0:
            fits, guess, step = probe, probe - step, 2 * step
            continue
        too_long = probe
        excess += more
        guess = skip(excess)
        if fits < count or guess <= too_long:
            guess = (too_long + fits) // 2
    return fits
