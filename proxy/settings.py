"""The settings: read once, from ``FORII_*`` variables, then ``forii.toml`` in the working directory, then the
defaults. Nothing else in the project reads the environment."""

from __future__ import annotations

import ipaddress
import json
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, StringConstraints
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from .accounts.plan import Plan

# As browsers send it: no path, no slash at the end.
Origin = Annotated[str, StringConstraints(pattern=r"^(\*|https?://[^/\s]+)$")]
PlanName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


class NotServable(ValueError):
    """Settings that must not or cannot be served with; the message says what to change."""


def _address(text: str) -> str:
    if not re.fullmatch(r"([^\s/:]+|\[[0-9A-Fa-f:]+\]):\d{1,5}", text):
        raise ValueError(f"must be HOST:PORT of a Triton's gRPC port, as in gpu-host:8001; got {text!r}")
    return text


def _database(url: SecretStr) -> SecretStr:
    # Not before one is set: it imports the whole of SQLAlchemy.
    from .accounts.database_url import database_url

    database_url(url.get_secret_value())
    return url


def _redis(url: SecretStr) -> SecretStr:
    if not url.get_secret_value().startswith(("redis://", "rediss://", "unix://")):
        raise ValueError("must be redis://[USER:PASSWORD@]HOST:PORT/NUMBER; rediss:// for TLS")
    return url


def _one_or_more(value: object) -> object:
    """One text, or several as a list, which is written as JSON in the environment."""
    if not isinstance(value, str):
        return value
    return json.loads(value) if value.startswith("[") else (value,)


def _default_cache() -> Path:
    return Path.home() / ".cache" / "forii"


def _default_state() -> Path:
    return Path.home() / ".local" / "state" / "forii"


class Settings(BaseSettings):
    """host, port: where the proxy listens. api_key: a key that needs no database, of the account ``local``.
    admin_token: what the account routes take for every account. plans: by name; ``default`` is that of accounts
    without another. database: where accounts, keys and usage are kept, by default a SQLite file in state.
    usage_personal_days: after so many days ``user`` and ``metadata`` of usage are forgotten; by default never.
    state: the folder of what must not be lost. cache: where builds are kept. model: what `forii serve` serves, one
    or a list: recipes' ids, recipe files or GGUF files. triton: HOST:PORT of a Triton's gRPC port; if not set,
    `forii serve` starts its own. models: folders of finished builds that the proxy serves. triton_grpc_port,
    triton_metrics_port: of the embedded Triton, 0 picks free ones. max_body_bytes: a larger request is a 413.
    max_n: the largest ``n``. first_answer_seconds: how long a stream's status line waits for the engine.
    keep_alive_seconds: silence after which a stream gets a comment line. max_schema_bytes: of a
    ``response_format`` or a tool's parameters. schema_seconds: processor time that those of a request may take to
    compile. max_retries: how often an answer that breaks its schema is generated again. max_running: sequences in
    the engine at once, per model. max_waiting: requests that may wait for it, per model. request_timeout_seconds:
    how long a request may take, waiting included. drain_seconds: how long answers may still run after a SIGTERM.
    cors_origins: whose pages' scripts may use the API, ``*`` for everybody's. redis: where several proxies keep
    the counts of limits; by default each keeps its own. journal: the folder for usage that is not in the database
    yet, on a local disk; by default in state. tls_certificate, tls_key: PEM files; with them the proxy speaks
    HTTPS."""

    # Inputs may be secrets.
    model_config = SettingsConfigDict(
        env_prefix="FORII_", toml_file="forii.toml", extra="forbid", frozen=True, hide_input_in_errors=True
    )

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    api_key: Annotated[SecretStr, Field(min_length=1)] | None = None
    admin_token: Annotated[SecretStr, Field(min_length=16)] | None = None
    plans: dict[PlanName, Plan] = Field(default_factory=dict)
    database: Annotated[SecretStr, AfterValidator(_database)] | None = None
    usage_personal_days: Annotated[int, Field(ge=1, le=36500)] | None = None
    state: Path = Field(default_factory=_default_state)
    cache: Path = Field(default_factory=_default_cache)
    model: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_one_or_more), Field(min_length=1)] = (
        "forii/smollm2-135m",
    )
    models: tuple[Path, ...] = ()
    triton: Annotated[str, AfterValidator(_address)] | None = None
    triton_grpc_port: Annotated[int, Field(ge=0, le=65535)] = 0
    triton_metrics_port: Annotated[int, Field(ge=0, le=65535)] = 0
    max_body_bytes: Annotated[int, Field(ge=1024)] = 10 * 1024 * 1024
    max_n: Annotated[int, Field(ge=1, le=128)] = 8
    first_answer_seconds: Annotated[float, Field(gt=0)] = 15.0
    keep_alive_seconds: Annotated[float, Field(gt=0)] = 15.0
    max_schema_bytes: Annotated[int, Field(ge=1024)] = 256 * 1024
    schema_seconds: Annotated[float, Field(gt=0)] = 2.0
    max_retries: Annotated[int, Field(ge=0)] = 8
    max_running: Annotated[int, Field(ge=1)] = 64
    max_waiting: Annotated[int, Field(ge=0)] = 256
    request_timeout_seconds: Annotated[float, Field(gt=0)] = 600.0
    drain_seconds: Annotated[float, Field(ge=0)] = 30.0
    cors_origins: tuple[Origin, ...] = ()
    redis: Annotated[SecretStr, AfterValidator(_redis)] | None = None
    journal: Path | None = None
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can reach the proxy."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def database_url(self) -> str:
        """With its password, if it has one."""
        if self.database is not None:
            return self.database.get_secret_value()
        return f"sqlite:///{self.state.absolute() / 'forii.db'}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What clients may send as a key or a token, and nobody else must read."""
        return tuple(one.get_secret_value() for one in (self.api_key, self.admin_token) if one is not None)

    @property
    def journal_folder(self) -> Path:
        return self.journal or self.state.absolute() / "journal"

    def check_servable(self) -> None:
        """Raises NotServable for half a TLS. Whether there is a key, where one is needed, the database says."""
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise NotServable("tls_certificate and tls_key go together: set both, or none")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)
