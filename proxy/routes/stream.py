"""An Answer in, a stream of server-sent events out. Source: API contract, section 4."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import aclosing

from starlette.types import Receive, Scope, Send

from ..errors import ForiiError
from ..openai.sse import DONE, KEEP_ALIVE, SseEncoder, error_event
from ..pipeline import Answer
from ..responses import error_response

logger = logging.getLogger(__name__)

# The headers as they stand when the status line goes out; told whether the engine's first answer is in.
HeadersNow = Callable[[bool], dict[str, str]]


class EventStream:
    """One stream on its way. The status line waits for the engine's first answer, so that an early failure keeps
    its status, but no longer than first_answer seconds; keep_alive seconds of silence bring a comment line."""

    def __init__(
        self,
        answer: Answer,
        encoder: SseEncoder,
        headers: HeadersNow,
        send: Send,
        *,
        first_answer: float,
        keep_alive: float,
    ) -> None:
        self._answer = answer
        self._encoder = encoder
        self._headers = headers
        self._send = send
        self._first_answer = first_answer
        self._keep_alive = keep_alive
        self._started = False
        self._last = time.monotonic()

    async def run(self, scope: Scope, receive: Receive) -> int:
        """Sends it all. Returns the status that it ended with: that of its error where it failed after a 200."""
        keeper = asyncio.ensure_future(self._break_silence())
        try:
            await self._pass_on()
        except ForiiError as error:
            return await self._fail(error, scope, receive)
        except Exception:
            logger.exception("unhandled error in an answer")
            return await self._fail(
                ForiiError("The server failed to answer; send the request again."), scope, receive
            )
        finally:
            keeper.cancel()
        return 200

    async def _pass_on(self) -> None:
        async with aclosing(self._answer.chunks()) as chunks:
            async for some in chunks:
                if not self._started:
                    await self._start(answered=True)
                self._last = time.monotonic()
                await self._body(b"".join([self._encoder.encode(chunk) for chunk in some]))
        await self._body(DONE, more=False)

    async def _fail(self, error: ForiiError, scope: Scope, receive: Receive) -> int:
        if self._started:
            await self._body(error_event(error), more=False)
        else:
            await error_response(error)(scope, receive, self._send)
        return error.status

    async def _break_silence(self) -> None:
        await asyncio.sleep(self._first_answer)
        if not self._started:
            await self._start(answered=False)
            self._last = 0.0
        while True:
            silence = time.monotonic() - self._last
            if silence >= self._keep_alive:
                self._last = time.monotonic()
                await self._body(KEEP_ALIVE)
            else:
                await asyncio.sleep(self._keep_alive - silence)

    async def _start(self, *, answered: bool) -> None:
        self._started = True
        headers = {
            **self._headers(answered),
            "content-type": "text/event-stream; charset=utf-8",
            "cache-control": "no-cache",
            # nginx would otherwise collect the events.
            "x-accel-buffering": "no",
        }
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": 200, "headers": raw})

    async def _body(self, data: bytes, *, more: bool = True) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": more})
