"""An Answer in, one JSON completion out: the fold of its chunks. Source: API contract, section 3."""

from __future__ import annotations

from contextlib import aclosing

from starlette.types import Receive, Scope, Send

from ..errors import ForiiError
from ..openai.completion import Completion
from ..pipeline import Answer
from ..responses import error_response, json_response
from .headers import AnswerHeaders


class WholeAnswer:
    """One completion on its way; nothing is sent before it is whole."""

    def __init__(self, answer: Answer, headers: AnswerHeaders, send: Send) -> None:
        self._answer = answer
        self._headers = headers
        self._send = send

    async def run(self, scope: Scope, receive: Receive) -> int:
        """Sends it. Returns the HTTP status."""
        completion = Completion(self._answer.head)
        try:
            async with aclosing(self._answer.chunks()) as chunks:
                async for some in chunks:
                    self._headers.mark_answered()
                    completion.fold(some)
        except ForiiError as error:
            return await self.fail(error, scope, receive)
        body, usage = completion.finish()
        await json_response(body, headers=self._headers.whole(usage))(scope, receive, self._send)
        return 200

    async def fail(self, error: ForiiError, scope: Scope, receive: Receive) -> int:
        """Sends the error instead. Returns its status."""
        await error_response(error, self._headers.now())(scope, receive, self._send)
        return error.status
