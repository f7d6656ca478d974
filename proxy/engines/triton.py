"""Triton as an engine: one gRPC stream per Generation, tensors of the engine contract both ways."""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import AsyncGenerator

import grpc
import grpc.aio

from ..errors import EngineFailed
from ..generation import Generation, Tokens
from . import faults
from .tensors import TokenReader, encode
from .transport import Transport

logger = logging.getLogger(__name__)

_READY_TIMEOUT_SECONDS = 1.5


class TritonEngine:
    """address: HOST:PORT of Triton's gRPC port."""

    def __init__(self, address: str) -> None:
        self._transport = Transport(address)

    async def generate(self, generation: Generation) -> AsyncGenerator[Tokens, None]:
        reader = TokenReader(generation)
        started = False
        call = self._transport.stream(encode(generation))
        try:
            async for message in call:
                if message.error_message:
                    logger.warning("engine error: %s", message.error_message)
                    raise faults.from_message(message.error_message)
                started = True
                tokens = reader.read(message.infer_response)
                yield tokens
                if tokens.finish is not None:
                    return
        except grpc.RpcError as error:
            logger.warning("engine call failed: %s: %s", error.code(), error.details())
            raise faults.from_status(error.code(), error.details() or "", started=started) from error
        except (ValueError, struct.error) as error:
            logger.exception("the engine's response cannot be read")
            raise EngineFailed("The model's engine answered out of turn; send the request again.") from error
        finally:
            call.cancel()
        raise EngineFailed("The model's engine left the answer unfinished; send the request again.")

    async def ready(self, model: str) -> bool:
        try:
            return await self._transport.model_ready(model, _READY_TIMEOUT_SECONDS)
        except (grpc.RpcError, asyncio.TimeoutError):
            return False

    async def close(self) -> None:
        await self._transport.close()
