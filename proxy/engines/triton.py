"""Triton as an engine: one gRPC stream per Generation, tensors of the engine contract both ways."""

from __future__ import annotations

import logging
import secrets
import struct
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

import grpc
import grpc.aio

from ..errors import EngineFailed, ForiiError
from ..generation import Generation, Tokens
from . import faults
from .readiness import Readiness
from .tensors import TokenReader, encode
from .transport import Transport

logger = logging.getLogger(__name__)


class TritonEngine:
    """address: HOST:PORT of Triton's gRPC port."""

    def __init__(self, address: str) -> None:
        self._transport = Transport(address)
        self._readiness = Readiness(self._transport)

    async def generate(self, generation: Generation, *, retry: bool = True) -> AsyncGenerator[Tokens, None]:
        """retry: whether a connection lost before the answer begins may cost one more try, on a new one."""
        reader = TokenReader(generation)
        started = False
        call = self._transport.stream(encode(generation))
        try:
            async for message in call:
                if message.error_message:
                    raise self._fault(generation, message.error_message)
                started = True
                tokens = reader.read(message.infer_response)
                if tokens.ids or tokens.finish is not None:
                    self._readiness.trust(generation.model)
                yield tokens
                if tokens.finish is not None:
                    return
        except grpc.RpcError as error:
            logger.warning("engine call failed: %s: %s", error.code(), error.details())
            self._doubt(generation, error.details() or "")
            if retry and not started and error.code() is grpc.StatusCode.UNAVAILABLE:
                # Under another id: Triton may not have noticed yet that the first try is gone.
                again = replace(generation, request_id=secrets.token_hex(16))
                async with aclosing(self.generate(again, retry=False)) as stream:
                    async for tokens in stream:
                        yield tokens
                return
            raise faults.from_status(error.code(), error.details() or "", started=started) from error
        except (ValueError, struct.error) as error:
            logger.exception("the engine's response cannot be read")
            raise EngineFailed("The model's engine answered out of turn; send the request again.") from error
        finally:
            call.cancel()
        raise EngineFailed("The model's engine left the answer unfinished; send the request again.")

    async def ready(self, model: str) -> bool:
        return await self._readiness.of(model)

    def _fault(self, generation: Generation, text: str) -> ForiiError:
        logger.warning("engine error: %s", text)
        self._doubt(generation, text)
        return faults.from_message(text)

    def _doubt(self, generation: Generation, text: str) -> None:
        """After an error. text: what the engine said."""
        if not faults.is_refusal(text):
            self._readiness.doubt(generation.model)

    async def close(self) -> None:
        await self._transport.close()
