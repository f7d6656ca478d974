"""An Answer in, an HTTP response out: a stream, or its fold. A client that goes away ends the generation, streamed
or not. Source: API contract, sections 3 and 4."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from contextlib import aclosing

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ..errors import ForiiError
from ..metrics import CLIENT_GONE, RequestMetrics
from ..openai.completion import Completion
from ..openai.sse import SseEncoder, UsageMode
from ..pipeline import Answer
from ..responses import error_response, json_response
from ..settings import Settings
from .stream import EventStream

logger = logging.getLogger(__name__)


class AnswerResponse(Response):
    """Runs the answer when the server asks for the response.

    known: headers that do not wait for the answer. usage_mode: how a stream reports usage; None asks for a whole
    answer.
    """

    def __init__(
        self,
        answer: Answer,
        metrics: RequestMetrics,
        settings: Settings,
        known: Mapping[str, str],
        usage_mode: UsageMode | None,
    ) -> None:
        super().__init__()
        self._answer = answer
        self._metrics = metrics
        self._settings = settings
        self._known = known
        self._usage_mode = usage_mode

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._metrics.begin(self._answer.prompt_tokens, self._answer.samples)
        sender = self._send_whole if self._usage_mode is None else self._send_stream
        work = asyncio.ensure_future(sender(scope, receive, send))
        gone = asyncio.ensure_future(_disconnected(receive))
        status = ForiiError.status
        try:
            await asyncio.wait((work, gone), return_when=asyncio.FIRST_COMPLETED)
            status = work.result() if work.done() else CLIENT_GONE
        except OSError:
            # What uvicorn raises when it is asked to write to a client that is gone.
            status = CLIENT_GONE
        finally:
            work.cancel()
            gone.cancel()
            await asyncio.gather(work, gone, return_exceptions=True)
            self._metrics.end(status)
            self._log(status)

    async def _send_stream(self, scope: Scope, receive: Receive, send: Send) -> int:
        assert self._usage_mode is not None
        stream = EventStream(
            self._answer,
            SseEncoder(self._answer.head, self._usage_mode),
            self._headers_now,
            send,
            first_answer=self._settings.first_answer_seconds,
            keep_alive=self._settings.keep_alive_seconds,
        )
        return await stream.run(scope, receive)

    async def _send_whole(self, scope: Scope, receive: Receive, send: Send) -> int:
        completion = Completion(self._answer.head)
        headers: dict[str, str] = {}
        try:
            async with aclosing(self._answer.chunks()) as chunks:
                async for some in chunks:
                    headers = headers or self._headers_now(True)
                    completion.fold(some)
        except ForiiError as error:
            await error_response(error)(scope, receive, send)
            return error.status
        body = completion.to_body()
        assert completion.usage is not None
        headers["x-forii-completion-tokens"] = str(completion.usage.completion)
        headers["x-forii-cached-tokens"] = str(completion.usage.cached)
        headers["x-forii-total-ms"] = str(self._milliseconds())
        await json_response(body, headers=headers)(scope, receive, send)
        return 200

    def _headers_now(self, answered: bool) -> dict[str, str]:
        headers = dict(self._known)
        if answered:
            headers["x-forii-ttft-ms"] = str(self._milliseconds())
        return headers

    def _milliseconds(self) -> int:
        """Since the request came."""
        return round((time.perf_counter() - self._metrics.started) * 1000)

    def _log(self, status: int) -> None:
        extra = {
            "model": self._answer.model.id,
            "status": status,
            "streamed": self._usage_mode is not None,
            "prompt_tokens": self._answer.prompt_tokens,
            "completion_tokens": self._answer.completion_tokens,
            "ms": self._milliseconds(),
        }
        logger.info("answered" if status == 200 else "not answered", extra=extra)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
