"""Every error a client can see, as one tree. Other layers' errors become one of these at one boundary.

::

    ForiiError                     500 server_error           internal_error
    |- InvalidRequest              400 invalid_request_error  invalid_value
    |  |- InvalidJson                                         invalid_json
    |  |- MissingParameter                                    missing_required_parameter
    |  |- UnsupportedParameter                                unsupported_parameter
    |  |- UnsupportedContent                                  unsupported_content
    |  |- InvalidJsonSchema                                   invalid_json_schema
    |  |- ContextLengthExceeded                               context_length_exceeded
    |  |- ModelNotFound            404                        model_not_found
    |  |- NotFound                 404                        not_found
    |  |- MethodNotAllowed         405                        method_not_allowed
    |  |- RequestTooLarge          413                        request_too_large
    |  `- UnsupportedMediaType     415                        unsupported_media_type
    |- AuthenticationFailed        401 authentication_error   invalid_api_key
    |- InsufficientQuota           402 insufficient_quota     insufficient_quota
    |- RateLimited                 429 rate_limit_error       rate_limit_exceeded Retry-After
    |- Overloaded                  429 rate_limit_error       overloaded          Retry-After
    |- EngineFailed                502 server_error           engine_error
    |  `- GuideRefused                                        engine_error
    |- StructuredOutputFailed      502 server_error           structured_output_failed
    |- ModelUnavailable            503 server_error           model_unavailable   Retry-After
    |- DatabaseAway                503 server_error           accounts_unavailable  Retry-After
    `- TimedOut                    504 server_error           timeout

Source: API contract, section 10.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar


class ForiiError(Exception):
    """An answer in the API's error shape. message: what to change, never anything of the server's inside.
    param: the request field it is about, dotted and indexed (``messages[2].content``)."""

    status: ClassVar[int] = 500
    type: ClassVar[str] = "server_error"
    code: ClassVar[str] = "internal_error"
    headers: Mapping[str, str] = MappingProxyType({})

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param

    def to_body(self) -> dict[str, dict[str, str | None]]:
        return {"error": {"message": self.message, "type": self.type, "param": self.param, "code": self.code}}


class InvalidRequest(ForiiError):
    status = 400
    type = "invalid_request_error"
    code = "invalid_value"


class InvalidJson(InvalidRequest):
    code = "invalid_json"


class MissingParameter(InvalidRequest):
    code = "missing_required_parameter"


class UnsupportedParameter(InvalidRequest):
    code = "unsupported_parameter"


class UnsupportedContent(InvalidRequest):
    code = "unsupported_content"


class InvalidJsonSchema(InvalidRequest):
    code = "invalid_json_schema"


class ContextLengthExceeded(InvalidRequest):
    code = "context_length_exceeded"


class ModelNotFound(InvalidRequest):
    status = 404
    code = "model_not_found"


class NotFound(InvalidRequest):
    status = 404
    code = "not_found"


class MethodNotAllowed(InvalidRequest):
    status = 405
    code = "method_not_allowed"


class RequestTooLarge(InvalidRequest):
    status = 413
    code = "request_too_large"


class UnsupportedMediaType(InvalidRequest):
    status = 415
    code = "unsupported_media_type"


class AuthenticationFailed(ForiiError):
    status = 401
    type = "authentication_error"
    code = "invalid_api_key"
    headers = MappingProxyType({"WWW-Authenticate": "Bearer"})


class InsufficientQuota(ForiiError):
    status = 402
    type = "insufficient_quota"
    code = "insufficient_quota"


class RateLimited(ForiiError):
    """retry_after: seconds after which the limit leaves room again. hopeless: it never will for this request,
    which the official clients then do not send again by themselves."""

    status = 429
    type = "rate_limit_error"
    code = "rate_limit_exceeded"
    headers = MappingProxyType({"Retry-After": "1"})

    def __init__(
        self, message: str, param: str | None = None, *, retry_after: int = 1, hopeless: bool = False
    ) -> None:
        super().__init__(message, param)
        headers = {"Retry-After": str(retry_after)}
        self.headers = MappingProxyType({**headers, "x-should-retry": "false"} if hopeless else headers)


class Overloaded(ForiiError):
    """retry_after: seconds after which there may be room."""

    status = 429
    type = "rate_limit_error"
    code = "overloaded"
    headers = MappingProxyType({"Retry-After": "1"})

    def __init__(self, message: str, param: str | None = None, *, retry_after: int = 1) -> None:
        super().__init__(message, param)
        self.headers = MappingProxyType({"Retry-After": str(retry_after)})


class EngineFailed(ForiiError):
    status = 502
    code = "engine_error"


class GuideRefused(EngineFailed):
    """The engine does not take the grammar that the answer is bound by."""


class StructuredOutputFailed(ForiiError):
    status = 502
    code = "structured_output_failed"


class ModelUnavailable(ForiiError):
    status = 503
    code = "model_unavailable"
    headers = MappingProxyType({"Retry-After": "2"})


class DatabaseAway(ForiiError):
    """The database of accounts, keys and usage cannot be reached."""

    status = 503
    code = "accounts_unavailable"
    headers = MappingProxyType({"Retry-After": "2"})


class TimedOut(ForiiError):
    status = 504
    code = "timeout"
