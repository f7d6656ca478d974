from __future__ import annotations

from contextlib import suppress
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.accounts.usage_query import (
    BadQuery,
    Cursor,
    check_range,
    read_cursor,
    read_day,
    read_group,
    read_limit,
)

STORABLE = st.text(st.characters(codec="utf-8", exclude_characters="\0"))


@given(st.dates(), STORABLE, st.booleans(), STORABLE)
def test_a_cursor_comes_back_as_it_was(day: date, model: str, named: bool, label: str) -> None:
    cursor = Cursor(day, model, named, label)
    assert read_cursor(cursor.text()) == cursor


@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_no_text_is_anything_but_a_cursor_or_bad(text: str) -> None:
    with suppress(BadQuery):
        assert isinstance(read_cursor(text), Cursor)


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "MQ", "W10", "WyIyMDI2LTAxLTAxIiwibSIsMSwieCJd", "WyIyMDI2LTEzLTAxIiwibSIsdHJ1ZSwieCJd", "é",
        "A" * 100_000,
        "WyIyMDI2LTAxLTAxIiwibSIsdHJ1ZSwiXHUwMDAwIl0", "WyIyMDI2LTAxLTAxIiwibSIsdHJ1ZSwiXHVkODAwIl0",
    ],
)  # fmt: skip
def test_a_cursor_that_no_answer_gave_out_is_bad(text: str) -> None:
    with pytest.raises(BadQuery, match="next_cursor"):
        read_cursor(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026",
        "2026-1-1",
        "20260101",
        "2026-13-01",
        "2026-02-29",
        "2026-01-01T00:00",
        "\N{ARABIC-INDIC DIGIT TWO}026-01-01",
    ],
)
def test_a_day_is_an_iso_date(text: str) -> None:
    with pytest.raises(BadQuery, match="2026-01-31") as caught:
        read_day(text, "start")
    assert caught.value.param == "start"
    assert read_day("2024-02-29", "start") == date(2024, 2, 29)


@pytest.mark.parametrize(
    "text", ["", "0", "-1", "1001", "1000000", "1e3", "ten", "\N{ARABIC-INDIC DIGIT ONE}", " 5", "9" * 5000]
)
def test_a_page_has_1_to_1000_rows(text: str) -> None:
    with pytest.raises(BadQuery, match="1000"):
        read_limit(text)
    assert [read_limit(text) for text in ("1", "1000")] == [1, 1000]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Model",
        "account",
        "cost",
        "metadata",
        "metadata.",
        "metadata." + "x" * 65,
        "metadata.\0",
        "model; DROP TABLE usage",
    ],
)
def test_only_some_things_can_be_grouped_by(text: str) -> None:
    with pytest.raises(BadQuery, match=r"metadata\.<key>"):
        read_group(text)
    for good in ("model", "key", "day", "user", "metadata.a.b", "metadata." + "x" * 64):
        assert read_group(good) == good


def test_days_the_wrong_way_round_are_bad() -> None:
    check_range(date(2026, 1, 1), date(2026, 1, 1))
    with pytest.raises(BadQuery, match="2026-01-02") as caught:
        check_range(date(2026, 1, 2), date(2026, 1, 1))
    assert caught.value.param == "end"
