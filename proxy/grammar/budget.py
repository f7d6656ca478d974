"""How much a grammar may ask of the engine that reads it."""

from __future__ import annotations

MOST_BROAD = 64
MOST_BROAD_OPEN = 350  # what the letter of a schema leaves open is said as exactly as can be in about 3 s


class Budget:
    """A state in which almost any token may come next costs an engine time when it compiles the grammar: 8 ms with
    a vocabulary of 49,000 tokens (64 of them 0.55 s, measured in XGrammar 0.1.30 on two cores), more with more.
    What would take more of them than are left is said less exactly, and left to the check."""

    def __init__(self, broad: int = MOST_BROAD) -> None:
        self.left = broad

    def take(self, broad: int) -> bool:
        """Takes so many broad states, if there are so many."""
        if broad > self.left:
            return False
        self.left -= broad
        return True
