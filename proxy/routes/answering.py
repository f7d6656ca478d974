"""A request in, an HTTP response out: a stream, or its fold. Whoever ends it early, all work for it ends with it:
a client that goes away, its deadline, or a server that has to stop. Source: API contract, sections 3 and 4."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import ExitStack, aclosing

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ..accounts.meter import Meter
from ..authentication import why_ended
from ..errors import ForiiError, TimedOut
from ..metrics import CLIENT_GONE, RequestMetrics
from ..openai.chunk import Chunk
from ..openai.completion import Completion
from ..openai.sse import SseEncoder
from ..pipeline import Answer
from ..services import Services
from .headers import AnswerHeaders
from .intake import Intake, Ready
from .sender import Sender
from .stream import EventStream
from .whole import WholeAnswer

logger = logging.getLogger(__name__)

# How long a client may take to read why its answer ends; one that has stopped reading never does.
_FAREWELL_SECONDS = 2.0


class AnswerResponse(Response):
    """Prepares the answer and runs it when the server asks for the response."""

    def __init__(
        self, intake: Intake, metrics: RequestMetrics, headers: AnswerHeaders, services: Services
    ) -> None:
        super().__init__()
        self._intake = intake
        self._metrics = metrics
        self._settings = services.settings
        self._metering = services.metering
        self._timed = headers
        self._used = ExitStack()
        self._answer: Answer | None = None
        self._meter: Meter | None = None
        self._streamed = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._sender = Sender(self._timed, send)
        work = asyncio.ensure_future(self._run(scope, receive, send))
        gone = asyncio.ensure_future(_disconnected(receive))
        status = ForiiError.status
        farewell: ForiiError | None = None
        try:
            over, _ = await asyncio.wait(
                (work, gone), timeout=self._seconds_left(), return_when=asyncio.FIRST_COMPLETED
            )
            if not over:
                farewell = self._timed_out()
            else:
                status = work.result() if work.done() else CLIENT_GONE
        except asyncio.CancelledError:
            # The server was told to stop and has waited as long as it may, or the key was revoked.
            farewell = why_ended(scope)
        except OSError:
            # What uvicorn raises when it is asked to write to a client that is gone.
            status = CLIENT_GONE
        finally:
            # Before the waits, which a server that stops may cut short.
            status = farewell.status if farewell else status
            self._metrics.end(status)
            self._log(status)
            try:
                with self._used:
                    await _end(work, gone)
            finally:
                # After them: tokens may come until then.
                if self._meter is not None:
                    self._metering.end(self._meter, status)
        if farewell:
            await self._metering.noted()
            await self._part(farewell, scope, receive)

    async def _run(self, scope: Scope, receive: Receive, send: Send) -> int:
        """Sends the answer, or what is wrong with the request. Returns the status that it ended with."""
        try:
            ready = await self._intake.ready(self._timed, self._metrics, self._used)
        except ForiiError as error:
            return await self._sender.fail(error, scope, receive)
        self._answer, self._meter = ready.answer, ready.meter
        self._streamed = ready.usage_mode is not None
        self._sender = sender = self._sender_of(ready, send)
        return await sender.run(scope, receive)

    def _sender_of(self, ready: Ready, send: Send) -> WholeAnswer | EventStream:
        chunks, head = self._admitted(ready), ready.answer.head
        if ready.usage_mode is None:
            return WholeAnswer(self._timed, send, chunks, Completion(head))
        return EventStream(
            self._timed,
            send,
            chunks,
            SseEncoder(head, ready.usage_mode),
            first_answer=self._settings.first_answer_seconds,
            keep_alive=self._settings.keep_alive_seconds,
        )

    async def _admitted(self, ready: Ready) -> AsyncGenerator[list[Chunk], None]:
        """The answer's chunks, once it is its turn."""
        async with ready.turn, aclosing(ready.answer.chunks()) as chunks:
            self._metrics.begin(ready.answer.prompt_tokens, ready.answer.samples)
            self._metering.begin(ready.meter)
            try:
                async for some in chunks:
                    self._timed.mark_answered()
                    if some and (usage := some[-1].usage) is not None:
                        await self._metering.seal(ready.meter, 200, usage)
                    yield some
            except ForiiError as error:
                await self._metering.seal(ready.meter, error.status)
                raise

    async def _part(self, farewell: ForiiError, scope: Scope, receive: Receive) -> None:
        """Tells the client why its answer ends, after all that it held has been let go of."""
        try:
            await asyncio.wait_for(self._sender.fail(farewell, scope, receive), _FAREWELL_SECONDS)
        except (OSError, asyncio.TimeoutError):
            logger.info("the client does not read how its answer ends")

    def _seconds_left(self) -> float:
        return max(0.0, self._settings.request_timeout_seconds - self._timed.milliseconds() / 1000)

    def _timed_out(self) -> TimedOut:
        limit = self._settings.request_timeout_seconds
        return TimedOut(f"The request took longer than this server's limit of {limit:g} seconds; send it again.")

    def _log(self, status: int) -> None:
        extra = {
            "model": self._metrics.model,
            "status": status,
            "streamed": self._streamed,
            "prompt_tokens": self._answer.prompt_tokens if self._answer else 0,
            "completion_tokens": self._answer.completion_tokens if self._answer else 0,
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
