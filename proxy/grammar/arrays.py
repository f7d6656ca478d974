"""What is asked of an array in, its grammar out: ``"[" item (", " item){1,4} "]"``, or states that count where
items differ by their place, or some of them must be of a kind (``contains``), or none may come twice."""

from __future__ import annotations

from .facets import Arrays
from .json_value import Value
from .lowering import Lowering
from .rules import NEVER, Expr, Text, choice, repeat, sequence
from .schema import Schema

MOST_CELLS = 600  # states of one array
MOST_ITEMS = 1000  # counted by {m,n}
_MOST_PERMUTED = 6  # different values whose orders are all written out


def write_array(lowering: Lowering, arrays: Arrays) -> Expr:
    """The array's text, brackets included. NEVER where there is none."""
    return _Writer(lowering, arrays).expr()


class _Writer:
    def __init__(self, lowering: Lowering, arrays: Arrays) -> None:
        self._lowering = lowering
        self._grammar = lowering.grammar
        self._arrays = arrays
        self._low = arrays.low
        self._places = max((len(part.prefix) for part in arrays.parts), default=0)
        self._high = self._most()

    def expr(self) -> Expr:
        if self._high is not None and self._high < self._low:
            return NEVER
        found = [contains for contains in self._arrays.contains if contains.low > 0]
        if len(found) > 1 or any(contains.high is not None for contains in self._arrays.contains):
            self._lowering.mark("contains")
        if self._arrays.unique and self._high != 1:
            values = self._lowering.finite(self._at(0)) if not self._places and not found else None
            if values is not None and len(values) <= _MOST_PERMUTED:
                return self._permuted(values)
            self._lowering.mark("uniqueItems")
        if found:
            return self._containing(found[0].schema, found[0].low)
        return self._row()

    def _most(self) -> int | None:
        """How many items there can be: up to the first place where nothing fits."""
        high = self._arrays.high
        for place in range(self._places + 1):
            if any(schema.never for schema in self._at(place)):
                return place if high is None else min(place, high)
        return high

    def _at(self, place: int) -> tuple[Schema, ...]:
        """What the item in this place must be."""
        found: list[Schema] = []
        for part in self._arrays.parts:
            if place < len(part.prefix):
                found.append(part.prefix[place])
            elif part.rest is not None:
                found.append(part.rest)
        return tuple(found)

    def _row(self) -> Expr:
        """Places one by one, then the rest, counted."""
        places = self._places if self._high is None else min(self._places, self._high)
        after = self._rest(places)
        for place in reversed(range(places)):
            item = sequence(", " if place else "", self._lowering.rule(self._at(place)), after)
            after = choice([item, "]"]) if place >= self._low else item
            if place:
                after = self._grammar.rule(after, "a")
        return sequence("[", after)

    def _rest(self, before: int) -> Expr:
        """The items after so many, and the bracket."""
        low = max(self._low - before, 0)
        high = None if self._high is None else self._high - before
        if high == 0:
            return Text("]")
        low, high = self._countable(low, high)
        item = self._lowering.rule(self._at(before))
        if before:
            return sequence(repeat(sequence(", ", item), low, high), "]")
        more = repeat(sequence(", ", item), max(low - 1, 0), None if high is None else high - 1)
        some = sequence(item, more, "]")
        return choice([some, "]"]) if low == 0 else some

    def _countable(self, low: int, high: int | None) -> tuple[int, int | None]:
        if low > MOST_ITEMS:
            self._lowering.mark("minItems")
            low = MOST_ITEMS
        if high is not None and high > MOST_ITEMS:
            self._lowering.mark("maxItems")
            high = None
        return low, high

    def _containing(self, wanted: Schema, times: int) -> Expr:
        """States (items so far, wanted ones so far), both as far as they matter. Where an item is both, the
        grammar has two ways to read it: that costs a little, and no complement is needed."""
        top = max(self._low, self._places, 1) if self._high is None else self._high
        if (top + 1) * (times + 1) > MOST_CELLS:
            self._lowering.mark("contains")
            return self._row()
        rules = {(0, 0): self._grammar.fresh("a")}
        waiting = [(0, 0)]
        while waiting:
            state = count, hits = waiting.pop()
            options: list[Expr] = [Text("]")] if count >= self._low and hits >= times else []
            if self._high is None or count < self._high:
                here = self._at(count)
                for schemas, more in ((here, 0), ((*here, wanted), 1)):
                    following = min(count + 1, top), min(hits + more, times)
                    if following not in rules:
                        rules[following] = self._grammar.fresh("a")
                        waiting.append(following)
                    options.append(sequence(", " if count else "", self._lowering.rule(schemas), rules[following]))
            self._grammar.define(rules[state], choice(options))
        return sequence("[", rules[0, 0])

    def _permuted(self, values: tuple[Value, ...]) -> Expr:
        """Every order of every choice of the values: a state for each set of those that are used."""
        most = len(values) if self._high is None else min(self._high, len(values))
        rules = [self._grammar.fresh("a") for _ in range(2 ** len(values))]
        for used, rule in enumerate(rules):
            count = used.bit_count()
            options: list[Expr] = [Text("]")] if count >= self._low else []
            for index, value in enumerate(values):
                if not used >> index & 1 and count < most:
                    options.append(sequence(", " if count else "", value.text, rules[used | 1 << index]))
            self._grammar.define(rule, choice(options))
        return sequence("[", rules[0])
