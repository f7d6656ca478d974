from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from proxy.formats.json_end import JsonEnd

inner = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text('ab"\\{}[]\n'),
    lambda one: st.lists(one, max_size=3) | st.dictionaries(st.text('a"\\{}'), one, max_size=3),
    max_leaves=8,
)
ending = st.lists(inner, max_size=3) | st.dictionaries(st.text("a"), inner, max_size=3) | st.text('ab"\\{}')


@given(value=ending, behind=st.text('}]" a'), sizes=st.lists(st.integers(1, 4)), indent=st.sampled_from([None, 1]))
def test_the_end_is_where_json_says(value: object, behind: str, sizes: list[int], indent: int | None) -> None:
    text = json.dumps(value, indent=indent)
    end, fed, start = JsonEnd(), text + behind, 0
    for size in [*sizes, len(fed)]:
        position, whole = end.feed(fed[: start + size], start)
        if whole:
            assert position == len(text)
            return
        assert position == min(len(fed), start + size)
        start = position
    raise AssertionError("no end was found")
