"""The chunks of an answer in, one JSON completion out: their fold. Source: API contract, section 3."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from starlette.types import Receive, Scope, Send

from ..errors import ForiiError
from ..openai.chunk import Chunk
from ..openai.completion import Completion
from ..responses import json_response
from .headers import AnswerHeaders
from .sender import Sender


class WholeAnswer(Sender):
    """One completion on its way; nothing is sent before it is whole."""

    def __init__(
        self, headers: AnswerHeaders, send: Send, chunks: AsyncGenerator[list[Chunk], None], completion: Completion
    ) -> None:
        super().__init__(headers, send)
        self._chunks = chunks
        self._completion = completion

    async def run(self, scope: Scope, receive: Receive) -> int:
        """Sends it. Returns the HTTP status."""
        try:
            async with aclosing(self._chunks) as chunks:
                async for some in chunks:
                    self._completion.fold(some)
        except ForiiError as error:
            return await self.fail(error, scope, receive)
        body, usage = self._completion.finish()
        await json_response(body, headers=self._headers.whole(usage))(scope, receive, self._send)
        return 200
