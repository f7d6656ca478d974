"""The chunks of an answer in, a stream of server-sent events out. Source: API contract, section 4."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from starlette.types import Receive, Scope, Send

from ..errors import ForiiError
from ..openai.chunk import Chunk
from ..openai.sse import DONE, KEEP_ALIVE, SseEncoder, error_event
from .headers import AnswerHeaders
from .sender import Sender

logger = logging.getLogger(__name__)


class EventStream(Sender):
    """One stream on its way. The status line waits for the engine's first answer, so that an early failure keeps
    its status, but no longer than first_answer seconds; keep_alive seconds of silence bring a comment line."""

    def __init__(
        self,
        headers: AnswerHeaders,
        send: Send,
        chunks: AsyncGenerator[list[Chunk], None],
        encoder: SseEncoder,
        *,
        first_answer: float,
        keep_alive: float,
    ) -> None:
        super().__init__(headers, send)
        self._chunks = chunks
        self._encoder = encoder
        self._first_answer = first_answer
        self._keep_alive = keep_alive
        self._started = False
        self._last = time.monotonic()

    async def run(self, scope: Scope, receive: Receive) -> int:
        """Sends it all. Returns the status that it ended with: that of its error where it failed after a 200."""
        self._keeper = asyncio.ensure_future(self._break_silence())
        try:
            await self._pass_on()
        except ForiiError as error:
            return await self.fail(error, scope, receive)
        except Exception:
            logger.exception("unhandled error in an answer")
            return await self.fail(
                ForiiError("The server failed to answer; send the request again."), scope, receive
            )
        finally:
            self._keeper.cancel()
        return 200

    async def _pass_on(self) -> None:
        async with aclosing(self._chunks) as chunks:
            async for some in chunks:
                if not self._started:
                    await self._start()
                self._last = time.monotonic()
                await self._body(b"".join([self._encoder.encode(chunk) for chunk in some]))
        self._keeper.cancel()
        await self._body(DONE, more=False)

    async def fail(self, error: ForiiError, scope: Scope, receive: Receive) -> int:
        """Ends with the error: as the whole response, or as an event after what was sent. Returns its status."""
        self._keeper.cancel()
        if not self._started:
            return await super().fail(error, scope, receive)
        await self._body(error_event(error), more=False)
        return error.status

    async def _break_silence(self) -> None:
        await asyncio.sleep(self._first_answer)
        if not self._started:
            await self._start()
            self._last = 0.0
        while True:
            silence = time.monotonic() - self._last
            if silence >= self._keep_alive:
                self._last = time.monotonic()
                await self._body(KEEP_ALIVE)
            else:
                await asyncio.sleep(self._keep_alive - silence)

    async def _start(self) -> None:
        self._started = True
        headers = {
            **self._headers.now(),
            "content-type": "text/event-stream; charset=utf-8",
            "cache-control": "no-cache",
            # nginx would otherwise collect the events.
            "x-accel-buffering": "no",
        }
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": 200, "headers": raw})

    async def _body(self, data: bytes, *, more: bool = True) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": more})
