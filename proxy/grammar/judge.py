"""What a finished sample said in, what is wrong with it out."""

from __future__ import annotations

import json
from dataclasses import dataclass

from .compiled import SchemaCheck
from .json_value import JSON
from .said import Said


@dataclass(frozen=True, slots=True)
class Judge:
    """schema: of the text, where there is one. tools: the schemas of the arguments, by the names of the tools that
    may be called. least, most: calls. unique_keys: whether a key that comes twice is wrong: readers keep one of
    the two, and which one is their own affair. Can be pickled."""

    schema: SchemaCheck | None
    tools: dict[str, SchemaCheck]
    least: int
    most: int
    unique_keys: bool

    def violation(self, said: Said) -> str | None:
        """What is wrong first; None if nothing is."""
        if not said.whole:
            return "the answer ends inside a call or a thought"
        if not self.least <= len(said.calls) <= self.most:
            return f"it has {len(said.calls)} calls; {self.least} to {self.most} are allowed"
        for place, (name, arguments) in enumerate(said.calls):
            if name not in self.tools:
                return f"call {place} is of {name!r}, which it may not call"
            found = self._of_text(arguments, self.tools[name], is_object=True)
            if found:
                return f"the arguments of call {place} of {name!r}: {found}"
        if said.calls and (self.least or self.schema) and said.content.strip():
            return "it has text beside its calls"
        if self.schema is None or said.calls:
            return None
        return self._of_text(said.content, self.schema)

    def _of_text(self, text: str, schema: SchemaCheck, *, is_object: bool = False) -> str | None:
        what = "they are" if is_object else "the answer is"
        try:
            value = self._parsed(text)
        except RecursionError:
            return f"{what} nested too deeply"
        except ValueError as error:
            return f"{what} not JSON: {error}"
        if is_object and not isinstance(value, dict):
            return f"{what} no object"
        errors = schema.validate(value)
        return errors[0] if errors else None

    def _parsed(self, text: str) -> JSON:
        """Stricter than Python's own reader: no NaN, no infinity, not even as 1e999, no half of a surrogate
        pair."""
        hook = _unique if self.unique_keys else None
        value: JSON = json.loads(text, parse_constant=_no_constant, object_pairs_hook=hook)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
        return value


def _no_constant(name: str) -> JSON:
    raise ValueError(f"{name} is no number")


def _unique(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key comes twice in one object")
    return found
