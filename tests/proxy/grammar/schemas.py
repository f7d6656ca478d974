"""Strategies: JSON Schemas out of the words that the compiler reads; instances that are nearly valid."""

from __future__ import annotations

import random
from collections.abc import Callable

from hypothesis import strategies as st

from benchmarks.maskbench.reader import END
from proxy.grammar.json_value import JSON, JSONObject

KEYS = ("a", "b", "ab", 'q"', "é", "")
PATTERNS = ("^[a-c]{2,4}$", "b", "^a|c$", "^\\d+$", "^(ab?)*$", "[^a]", "^.$", "\\\\", "^\\u00e9+", '"')
FORMATS = ("date", "time", "date-time", "email", "uuid", "ipv4", "ipv6", "hostname", "uri", "duration")

texts = st.text(st.sampled_from('abcé"\\/\n0'), max_size=5) | st.sampled_from(("", "ab", "abab", "2024-02-29"))
atoms = st.none() | st.booleans() | st.integers(-30, 30) | st.sampled_from((0.5, -2.25, 1000.0)) | texts
values = st.recursive(
    atoms, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3)
)
Schemas = st.SearchStrategy[JSON]


def words(**some: st.SearchStrategy[JSON] | st.SearchStrategy[int]) -> st.SearchStrategy[JSONObject]:
    """An object with any of these words."""
    return st.fixed_dictionaries({}, optional=some)


def of_type(name: str, of_it: st.SearchStrategy[JSONObject]) -> st.SearchStrategy[JSONObject]:
    return of_it.map(lambda schema: {"type": name, **schema})


_few = st.integers(0, 4)
_bound = st.integers(-40, 40) | st.sampled_from((0.5, -7.25))
_strings = words(minLength=_few, maxLength=st.integers(2, 7)) | st.one_of(
    words(pattern=st.sampled_from(PATTERNS)),
    words(pattern=st.sampled_from(PATTERNS), maxLength=st.integers(2, 7)),
    words(format=st.sampled_from(FORMATS)),
)
_bounds = words(minimum=_bound, maximum=_bound, exclusiveMinimum=_bound, exclusiveMaximum=_bound)
_types = st.lists(st.sampled_from(("null", "boolean", "integer", "number", "string")), min_size=1, unique=True)
leaves: Schemas = st.one_of(
    of_type("string", _strings),
    of_type("integer", _bounds),
    of_type("integer", words(multipleOf=st.integers(1, 12), minimum=_bound)),
    of_type("number", _bounds),
    of_type("boolean", st.just({})),
    _types.map(lambda types: {"type": list(types)}),
    st.fixed_dictionaries({"enum": st.lists(values, min_size=1, max_size=4)}),
    st.fixed_dictionaries({"const": values}),
    st.just({}) | st.just(True),
)


def _arrays(inner: Schemas) -> Schemas:
    return of_type(
        "array",
        words(items=inner, minItems=_few, maxItems=_few)
        | words(prefixItems=st.lists(inner, min_size=1, max_size=3), items=inner | st.just(False), minItems=_few)
        | words(items=inner, contains=inner, maxItems=_few)
        | words(items=inner, uniqueItems=st.just(True), maxItems=_few),
    )


def _objects(inner: Schemas) -> Schemas:
    keys = st.sampled_from(KEYS)
    properties = st.dictionaries(keys, inner, max_size=4)
    required: Schemas = st.lists(keys, max_size=2, unique=True).map(list)
    rest = inner | st.booleans()
    return of_type(
        "object",
        words(properties=properties, required=required, additionalProperties=rest)
        | words(properties=properties, minProperties=_few, maxProperties=_few, additionalProperties=rest)
        | words(
            properties=properties,
            patternProperties=st.dictionaries(st.sampled_from(PATTERNS), inner, min_size=1, max_size=2),
            additionalProperties=rest,
        )
        | words(additionalProperties=rest, propertyNames=of_type("string", _strings), maxProperties=_few)
        | words(properties=properties, dependentRequired=st.dictionaries(keys, required, max_size=2)),
    )


def _combined(inner: Schemas) -> Schemas:
    some = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        st.fixed_dictionaries({"anyOf": some}),
        st.fixed_dictionaries({"oneOf": some}),
        st.fixed_dictionaries({"allOf": some}),
        st.fixed_dictionaries({"not": inner}),
        st.fixed_dictionaries({"if": inner, "then": inner, "else": inner}),
        st.fixed_dictionaries({"anyOf": some, "allOf": some}),
    )


schemas: Schemas = st.recursive(
    leaves, lambda inner: _arrays(inner) | _objects(inner) | _combined(inner), max_leaves=6
)
# The root itself, or a named schema, wherever a schema may be.
_referring: Schemas = st.recursive(
    leaves | st.sampled_from(({"$ref": "#"}, {"$ref": "#/$defs/one"})),
    lambda inner: _arrays(inner) | _objects(inner) | _combined(inner),
    max_leaves=6,
)
recursive_schemas: Schemas = st.tuples(_objects(_referring) | _arrays(_referring), _referring).map(
    lambda pair: {**pair[0], "$defs": {"one": pair[1]}} if isinstance(pair[0], dict) else pair[0]
)


def hand(seed: int) -> Callable[[list[int]], int]:
    """Writes an answer at random, and wants to end it the more the longer it gets."""
    dice = random.Random(seed)
    ends: list[int] = [END, *b'"}]']
    written = 0

    def choose(allowed: list[int]) -> int:
        nonlocal written
        written += 1
        if dice.random() < 0.2 + written / 150:
            for end in ends:
                if end in allowed:
                    return end
        return dice.choice(allowed)

    return choose


_OTHERS: tuple[JSON, ...] = (None, True, 0, 1.5, "", "a", [], {}, {"a": 0}, [0, 0])


def altered(value: JSON, dice: random.Random) -> JSON:
    """The value, but for one place."""
    if isinstance(value, dict) and value and dice.random() < 0.8:
        key = dice.choice(list(value))
        if dice.random() < 0.3:
            return {name: item for name, item in value.items() if name != key}
        return {name: altered(item, dice) if name == key else item for name, item in value.items()}
    if isinstance(value, list) and value and dice.random() < 0.8:
        place = dice.randrange(len(value))
        return [altered(item, dice) if at == place else item for at, item in enumerate(value)]
    if isinstance(value, str) and dice.random() < 0.6:
        place = dice.randint(0, len(value))
        return value[:place] + dice.choice(("", "a", "0", "é")) + value[place + dice.randint(0, 1) :]
    if isinstance(value, int) and dice.random() < 0.6:
        return value + dice.choice((-1, 1, 10))
    return dice.choice(_OTHERS)
