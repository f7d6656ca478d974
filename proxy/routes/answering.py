"""An Answer in, an HTTP response out: a stream, or its fold. Whoever ends it early, the generation ends with it: a
client that goes away, its deadline, or a server that has to stop. Source: API contract, sections 3 and 4."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from typing import Protocol

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ..admission import Turn
from ..drain import stopping
from ..errors import ForiiError, TimedOut
from ..metrics import CLIENT_GONE, RequestMetrics
from ..openai.sse import SseEncoder, UsageMode
from ..pipeline import Answer
from ..settings import Settings
from .headers import AnswerHeaders
from .stream import EventStream
from .whole import WholeAnswer

logger = logging.getLogger(__name__)


class _Sender(Protocol):
    async def run(self, scope: Scope, receive: Receive) -> int: ...

    async def fail(self, error: ForiiError, scope: Scope, receive: Receive) -> int: ...


class AnswerResponse(Response):
    """Runs the answer when the server asks for the response. usage_mode: how a stream reports usage; None asks for
    a whole answer. turn: in the line before the engine. used: closed when the answer is over."""

    def __init__(
        self,
        answer: Answer,
        headers: AnswerHeaders,
        metrics: RequestMetrics,
        settings: Settings,
        usage_mode: UsageMode | None,
        turn: Turn,
        used: ExitStack,
    ) -> None:
        super().__init__()
        self._answer = answer
        self._timed = headers
        self._metrics = metrics
        self._settings = settings
        self._usage_mode = usage_mode
        self._turn = turn
        self._used = used

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sender = self._sender(send)
        work = asyncio.ensure_future(sender.run(scope, receive))
        gone = asyncio.ensure_future(_disconnected(receive))
        status = ForiiError.status
        try:
            over, _ = await asyncio.wait(
                (work, gone), timeout=self._seconds_left(), return_when=asyncio.FIRST_COMPLETED
            )
            if not over:
                await _end(work)
                status = await sender.fail(self._timed_out(), scope, receive)
            else:
                status = work.result() if work.done() else CLIENT_GONE
        except asyncio.CancelledError:
            # The server was told to stop and has waited as long as it may.
            await _end(work)
            status = await sender.fail(stopping(), scope, receive)
        except OSError:
            # What uvicorn raises when it is asked to write to a client that is gone.
            status = CLIENT_GONE
        finally:
            # Before the wait, which a server that stops may cut short.
            self._metrics.end(status)
            self._log(status)
            with self._used:
                await _end(work, gone)

    def _sender(self, send: Send) -> _Sender:
        if self._usage_mode is None:
            return WholeAnswer(self._answer, self._timed, send, self._admitted())
        return EventStream(
            self._answer,
            SseEncoder(self._answer.head, self._usage_mode),
            self._timed,
            send,
            self._admitted(),
            first_answer=self._settings.first_answer_seconds,
            keep_alive=self._settings.keep_alive_seconds,
        )

    @asynccontextmanager
    async def _admitted(self) -> AsyncIterator[None]:
        async with self._turn:
            self._metrics.begin(self._answer.prompt_tokens, self._answer.samples)
            yield

    def _seconds_left(self) -> float:
        return max(0.0, self._settings.request_timeout_seconds - self._timed.milliseconds() / 1000)

    def _timed_out(self) -> TimedOut:
        limit = self._settings.request_timeout_seconds
        return TimedOut(f"The request took longer than this server's limit of {limit:g} seconds; send it again.")

    def _log(self, status: int) -> None:
        extra = {
            "model": self._answer.model.id,
            "status": status,
            "streamed": self._usage_mode is not None,
            "prompt_tokens": self._answer.prompt_tokens,
            "completion_tokens": self._answer.completion_tokens,
            "ms": self._timed.milliseconds(),
        }
        logger.info("answered" if status == 200 else "not answered", extra=extra)


async def _end(*tasks: asyncio.Future[int] | asyncio.Future[None]) -> None:
    """Cancels what still runs and waits until it has let go of what it holds."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
