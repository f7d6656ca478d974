"""Random schemas and random instances: nothing invalid gets through, nothing valid is refused."""

from __future__ import annotations

import json
import os
import random
import re
import warnings

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, assume, given, note, reject, settings
from hypothesis import strategies as st
from hypothesis_jsonschema import from_schema
from hypothesis_jsonschema._canonicalise import FALSEY, TRUTHY

from benchmarks.maskbench.order import in_order
from benchmarks.maskbench.reader import Reader
from proxy.grammar import CompiledSchema, InvalidSchema, compile_schema
from proxy.grammar.json_value import JSON, written
from tests.proxy.grammar.schemas import altered, hand, recursive_schemas, schemas

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
_MOST = 600  # bytes of an answer
_EXAMPLES = os.environ.get("FORII_EXAMPLES")  # so many new ones; by default the same few each time
_PATIENT = settings(
    deadline=None,
    max_examples=int(_EXAMPLES or 150),
    derandomize=_EXAMPLES is None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
seeds = st.integers(0, 1000)


def valid(schema: JSON, instance: JSON) -> bool:
    assert isinstance(schema, dict | bool)
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True).is_valid(instance)


def compiled_or_none(schema: JSON, *, open_objects: bool) -> CompiledSchema | None:
    """None: refused."""
    try:
        return compile_schema(schema, open_objects=open_objects)
    except InvalidSchema as error:
        note(str(error))
        return None


@_PATIENT
@given(schemas | recursive_schemas, st.booleans(), seeds)
def test_an_answer_that_ends_is_valid_or_left_to_the_check(schema: JSON, opened: bool, seed: int) -> None:
    compiled = compiled_or_none(schema, open_objects=opened)
    assume(compiled is not None)
    assert compiled is not None
    note(compiled.ebnf)
    text = Reader(compiled.ebnf, exactly=True).written(hand(seed), _MOST)
    assume(text is not None)
    assert text is not None
    note(text)
    instance = json.loads(text)
    if not valid(schema, instance):
        assert compiled.checked
        assert compiled.validate(instance)


@_PATIENT
@given(st.data(), schemas, st.booleans(), seeds)
def test_an_instance_that_is_nearly_valid_does_not_get_through(
    data: st.DataObject, schema: JSON, opened: bool, seed: int
) -> None:
    instance = altered(drawn(data, schema), random.Random(seed))
    compiled = compiled_or_none(schema, open_objects=opened)
    assume(compiled is not None)
    assert compiled is not None
    if Reader(compiled.ebnf, exactly=True).accepts(written(instance)) and not valid(schema, instance):
        assert compiled.checked
        assert compiled.validate(instance)


@_PATIENT
@given(st.data(), schemas)
def test_a_valid_instance_in_key_order_is_taken(data: st.DataObject, schema: JSON) -> None:
    instance = in_order(drawn(data, schema), schema, schema)
    assume(spelled(instance))
    try:
        compiled = compile_schema(schema, open_objects=True)
    except InvalidSchema as error:
        # Bounds that exclude each other are refused wherever they stand, in a branch that is never taken, too.
        assume("is above" not in error.message)
        raise
    note(compiled.ebnf)
    assert Reader(compiled.ebnf, exactly=True).taken(written(instance)) is None
    assert compiled.validate(instance) == []


def drawn(data: st.DataObject, schema: JSON) -> JSON:
    """An instance that is valid."""
    # hypothesis-jsonschema 0.23.1 writes into its own constants, and then makes other instances of the same
    # schema.
    TRUTHY.clear()
    FALSEY.clear()
    FALSEY["not"] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            instance: JSON = data.draw(from_schema(in_draft7(schema)))
        except Exception:  # it stumbles over some schemas, in many ways
            reject()
    assume(valid(schema, instance))
    note(written(instance))
    return instance


def in_draft7(schema: JSON) -> bool | dict[str, JSON]:
    """The schema in the words that hypothesis-jsonschema knows."""
    if not isinstance(schema, dict):
        return bool(schema)
    new: dict[str, JSON] = {}
    for word, value in schema.items():
        name = {"dependentRequired": "dependencies", "prefixItems": "items"}.get(word, word)
        if word == "items" and "prefixItems" in schema:
            name = "additionalItems"
        if word in ("enum", "const"):
            new[name] = value
        elif word in ("properties", "patternProperties") and isinstance(value, dict):
            new[name] = {key: in_draft7(item) for key, item in value.items()}
        elif isinstance(value, list) and word != "required" and word != "type":
            new[name] = [in_draft7(item) for item in value]
        elif isinstance(value, dict) and word != "dependentRequired":
            new[name] = in_draft7(value)
        else:
            new[name] = value
    return new


def spelled(value: JSON) -> bool:
    """Whether answers have this spelling: no whole float, no exponent, no number of many digits, no half of a
    surrogate pair."""
    if isinstance(value, dict):
        return all(spelled(key) and spelled(item) for key, item in value.items())
    if isinstance(value, list):
        return all(map(spelled, value))
    if isinstance(value, float):
        return not value.is_integer() and re.fullmatch(r"-?\d{1,15}\.\d{1,16}", repr(value)) is not None
    if isinstance(value, str):
        return re.search("[\ud800-\udfff]", value) is None
    return not isinstance(value, int) or abs(value) < 10**15
