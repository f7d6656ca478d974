"""The loop around an engine, with an engine that does as it is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from answer import Answer
from batch import Batch
from gauges import Gauges
from piece import Piece
from request import Refusal, Request

from tests.model_repository.backend import TRITONSERVER_RESPONSE_COMPLETE_FINAL as FINAL
from tests.model_repository.backend import Sender
from tests.model_repository.sample import request


class Engine:
    """Gives every sequence one id a step for as long as `open` is set. A prompt of 13 is refused, one of
    14 is a bug, one of 15 fails in its first step."""

    def __init__(self) -> None:
        self.keys: set[int] = set()
        self.failing: set[int] = set()
        self.open = threading.Event()
        self.open.set()

    def add(self, key: int, request: Request) -> None:
        if request.ids[0] == 13:
            raise Refusal("invalid_request: thirteen")
        if request.ids[0] == 14:
            raise TypeError("fourteen")
        self.keys.add(key)
        if request.ids[0] == 15:
            self.failing.add(key)

    def remove(self, key: int) -> None:
        self.keys.discard(key)

    def step(self) -> Iterator[Piece]:
        self.open.wait()
        for key in sorted(self.keys):
            yield Piece(key, error="engine_failed: fifteen") if key in self.failing else Piece(key, [9])

    def pause(self) -> float | None:
        return 0.001 if self.keys else None


class Counted(Gauges):
    """Gauges that only count."""

    def __init__(self) -> None:
        self.most = self.now = self.gone = 0

    def running(self, count: int) -> None:
        self.now, self.most = count, max(self.most, count)

    def cancelled(self) -> None:
        self.gone += 1


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def gauges() -> Counted:
    return Counted()


@pytest.fixture
def batch(engine: Engine, gauges: Counted) -> Iterator[Batch]:
    batch = Batch(engine, gauges)
    yield batch
    engine.open.set()
    batch.close()


def join(batch: Batch, prompt: int, room: int) -> Sender:
    sender = Sender()
    batch.join(Answer(request([prompt], room=room), sender))
    return sender


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def ended(sender: Sender) -> bool:
    return bool(sender.sent) and sender.sent[-1][1] == FINAL


def error(sender: Sender) -> str:
    response = sender.sent[-1][0]
    assert response is not None
    assert response.error is not None
    return response.error.text


def test_a_short_answer_overtakes_a_long_one(batch: Batch, gauges: Counted) -> None:
    long = join(batch, 5, room=1_000_000)
    wait_until(lambda: len(long.sent) > 3)
    short = join(batch, 5, room=3)
    wait_until(lambda: ended(short))
    assert len(short.sent) == 3
    assert not ended(long)
    assert gauges.most == 2


def test_joining_does_not_wait_for_a_step(batch: Batch, engine: Engine) -> None:
    engine.open.clear()
    senders = [join(batch, 5, room=1) for _ in range(100)]
    assert not any(sender.sent for sender in senders)
    engine.open.set()
    wait_until(lambda: all(map(ended, senders)))


def test_a_cancelled_answer_leaves_and_is_counted(batch: Batch, engine: Engine, gauges: Counted) -> None:
    gone, stays = join(batch, 5, room=1_000_000), join(batch, 5, room=1_000_000)
    wait_until(lambda: len(engine.keys) == 2)
    gone.cancelled = True
    wait_until(lambda: ended(gone))
    wait_until(lambda: gauges.gone == 1)
    assert gone.sent[-1] == (None, FINAL)
    assert len(engine.keys) == gauges.now == 1
    assert not ended(stays)


def test_a_refused_request_fails_alone(batch: Batch, gauges: Counted) -> None:
    stays = join(batch, 5, room=1_000_000)
    refused, faulty = join(batch, 13, room=5), join(batch, 14, room=5)
    wait_until(lambda: ended(refused) and ended(faulty))
    assert error(refused) == "invalid_request: thirteen"
    assert error(faulty) == "engine_failed: fourteen"
    assert not ended(stays)
    assert gauges.now == 1


def test_an_error_of_the_engine_ends_one_answer(batch: Batch, engine: Engine, gauges: Counted) -> None:
    engine.open.clear()
    stays, fails = join(batch, 5, room=1_000_000), join(batch, 15, room=5)
    engine.open.set()
    wait_until(lambda: ended(fails))
    assert error(fails) == "engine_failed: fifteen"
    wait_until(lambda: gauges.now == 1)
    seen = len(stays.sent)
    wait_until(lambda: len(stays.sent) > seen)


def test_what_runs_at_the_end_fails_with_a_reason(engine: Engine, gauges: Counted) -> None:
    batch = Batch(engine, gauges)
    running = join(batch, 5, room=1_000_000)
    wait_until(lambda: len(running.sent) > 0)
    batch.close()
    assert error(running) == "engine_failed: the model is being unloaded"
    assert gauges.now == 0
