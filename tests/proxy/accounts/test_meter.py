"""What one request comes to."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest

from build_engines.recipe import PriceSection
from proxy.accounts.caller import ANYBODY
from proxy.accounts.meter import Meter
from proxy.accounts.usage_record import LONGEST_USER
from proxy.metrics import Metrics, RequestMetrics
from proxy.openai.chunk import Usage

PRICES = PriceSection(prompt=Decimal("0.015"), completion=Decimal("0.0452"))


def begun(user: str | None = None, metadata: dict[str, str] | None = None) -> tuple[RequestMetrics, Meter]:
    metrics = RequestMetrics(Metrics())
    metrics.model = "forii/bytes"
    metrics.begin(7, 1)
    return metrics, Meter(ANYBODY, metrics, 7, PRICES, user, metadata or {})


def test_it_is_what_was_received_at_the_prices_of_its_model() -> None:
    metrics, meter = begun("somebody", {"team": "blue"})
    timer = metrics.sample()
    for count in (3, 0, 2):
        timer.tokens(count)
    meter.seal(200, Usage(prompt=7, completion=5, cached=4, reasoning=1))
    record = meter.record(200)
    assert (record.prompt_tokens, record.completion_tokens) == (7, 5)
    assert (record.cached_tokens, record.reasoning_tokens) == (4, 1)
    assert record.cost == Decimal("0.000331")
    assert (record.account, record.key, record.model) == ("local", "", "forii/bytes")
    assert (record.user, record.metadata) == ("somebody", {"team": "blue"})
    assert record.first_token_ms is not None
    assert 0 <= record.first_token_ms <= record.total_ms
    assert timedelta(0) <= datetime.now(timezone.utc) - record.time < timedelta(seconds=5)
    assert len(record.id) == 32


def test_attempts_that_were_thrown_away_are_apart_and_cost_nothing() -> None:
    metrics, meter = begun()
    timer = metrics.sample()
    other = metrics.sample()
    other.tokens(1)
    timer.tokens(4)
    timer.throw_away(0)
    timer.tokens(2)
    timer.tokens(1)
    timer.throw_away(0)
    timer.tokens(2)
    record = meter.record(200)
    assert (record.prompt_tokens, record.completion_tokens) == (7, 3)
    assert (record.retried_prompt_tokens, record.retried_completion_tokens) == (14, 7)
    assert record.cost == (7 * PRICES.prompt + 3 * PRICES.completion) / 1000


def test_what_stays_of_an_attempt_is_not_thrown_away() -> None:
    metrics, meter = begun()
    timer = metrics.sample()
    timer.tokens(10)
    timer.throw_away(4)
    timer.tokens(8)
    timer.throw_away(6)
    timer.tokens(3)
    record = meter.record(200)
    assert (record.completion_tokens, record.retried_completion_tokens) == (6 + 3, 6 + 6)


@pytest.mark.parametrize(("status", "prompt"), [(499, 7), (502, 0), (503, 0), (504, 0), (200, 7)])
def test_a_prompt_that_nobody_got_anything_for_costs_nothing_unless_its_client_left(
    status: int, prompt: int
) -> None:
    _, meter = begun()
    record = meter.record(status)
    assert (record.prompt_tokens, record.completion_tokens, record.first_token_ms) == (prompt, 0, None)
    assert record.cost == prompt * PRICES.prompt / 1000


def test_an_answer_that_was_cut_costs_what_came() -> None:
    metrics, meter = begun()
    metrics.sample().tokens(3)
    for status in (499, 502, 504):
        record = meter.record(status)
        assert (record.prompt_tokens, record.completion_tokens, record.status) == (7, 3, status)


def test_a_checkpoint_is_of_a_request_that_failed_until_the_last_token_is_in() -> None:
    metrics, meter = begun()
    assert (meter.checkpoint().prompt_tokens, meter.checkpoint().status) == (0, 500)
    metrics.sample().tokens(3)
    assert (meter.checkpoint().completion_tokens, meter.checkpoint().status) == (3, 500)
    meter.seal(200, Usage(prompt=7, completion=3))
    assert meter.checkpoint().status == 200
    assert meter.checkpoint().id == meter.record(200).id


def test_what_is_charged_to_the_limits_is_charged_once() -> None:
    metrics, meter = begun()
    timer = metrics.sample()
    timer.tokens(3)
    assert [meter.uncharged(), meter.uncharged()] == [3, 0]
    timer.tokens(2)
    assert meter.uncharged() == 2


def test_words_that_no_database_takes_are_made_fit() -> None:
    _, meter = begun("a\0b\ud800c", {"k\0": "\udfff"})
    record = meter.record(200)
    assert (record.user, record.metadata) == ("a\ufffdb?c", {"k\ufffd": "?"})


def test_of_a_user_it_keeps_no_more_than_the_database_does() -> None:
    """Every checkpoint writes it again, and a body may have ten million characters of it."""
    _, meter = begun("ü" * 1_000_000)
    assert meter.checkpoint().user == "ü" * LONGEST_USER
