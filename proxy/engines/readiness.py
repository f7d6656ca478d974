"""Whether models answer. Triton's own word is not enough: it goes on calling a model ready whose process died, or
whose GPU failed. So the model itself is asked.

It is asked for an answer without room. The CPU engine refuses that at once, before the request meets the others,
and a known refusal is a sign of life: it costs no token, and no wait for a full batch. A model that is doubted,
because it failed or said what nobody knows, is asked for one token, since only that shows that it can write.
"""

from __future__ import annotations

import asyncio
import secrets
import time

import grpc

from ..generation import Generation, Sampling
from . import faults
from .tensors import encode
from .transport import Transport

_TIMEOUT_SECONDS = 1.4
# However many want to know, a model is asked once in so many seconds.
_FRESH_SECONDS = 0.5
_GREEDY = Sampling(0.0, 1.0, 0, 1.0, 0.0, 0.0)


class Readiness:
    """Of the models behind one transport."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._doubted: set[str] = set()
        self._asked: dict[str, tuple[float, asyncio.Task[bool]]] = {}

    def doubt(self, model: str) -> None:
        """The model has failed, and not one request alone."""
        self._doubted.add(model)

    def trust(self, model: str) -> None:
        """The model has written."""
        self._doubted.discard(model)

    async def of(self, model: str) -> bool:
        """Whether the model answers: the truth of two seconds ago at most."""
        since, asking = self._asked.get(model, (0.0, None))
        if asking is None or (asking.done() and time.monotonic() - since > _FRESH_SECONDS):
            asking = asyncio.ensure_future(self._ask(model))
            self._asked[model] = time.monotonic(), asking
        return await asyncio.shield(asking)

    async def _ask(self, model: str) -> bool:
        try:
            return await asyncio.wait_for(self._works(model), _TIMEOUT_SECONDS)
        except (grpc.RpcError, asyncio.TimeoutError):
            return False

    async def _works(self, model: str) -> bool:
        if model not in self._doubted:
            error = await self._error(model, 0)
            if not error or faults.is_refusal(error):
                return True
            self.doubt(model)
        if await self._error(model, 1):
            return False
        self.trust(model)
        return True

    async def _error(self, model: str, room: int) -> str:
        """What the model says against an answer with so much room; empty when it begins one."""
        call = self._transport.stream(encode(_question(model, room)))
        try:
            async for message in call:
                error: str = message.error_message
                return error
            return "the stream ended without an answer"
        finally:
            call.cancel()


def _question(model: str, room: int) -> Generation:
    return Generation(
        request_id=secrets.token_hex(16),
        model=model,
        prompt=(0,),
        max_tokens=room,
        end_ids=(0,),
        pad_id=0,
        vocab_size=1,
        stop_words=(),
        sampling=_GREEDY,
        seed=0,
        log_probs=False,
    )
