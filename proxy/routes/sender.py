"""Who tells a client what became of its request: errors in, their bytes out. ``stream.py`` and ``whole.py`` tell
answers too."""

from __future__ import annotations

from starlette.types import Receive, Scope, Send

from ..errors import ForiiError
from ..responses import error_response
from .headers import AnswerHeaders


class Sender:
    """As long as there is no answer, all that can be told is an error."""

    def __init__(self, headers: AnswerHeaders, send: Send) -> None:
        self._headers = headers
        self._send = send

    async def fail(self, error: ForiiError, scope: Scope, receive: Receive) -> int:
        """Sends the error as the whole response. Returns its status."""
        await error_response(error, self._headers.now())(scope, receive, self._send)
        return error.status
