from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from proxy.app import create_app
from proxy.engines.scripted import ScriptedEngine, echo
from proxy.settings import NotServable, Settings
from tests.proxy import chat
from tests.proxy.served import Serve


def test_the_defaults_serve_this_machine_alone() -> None:
    settings = Settings()
    assert (settings.host, settings.port, settings.api_key) == ("127.0.0.1", 8080, None)
    assert settings.on_loopback
    assert settings.max_body_bytes == 10 * 1024 * 1024
    assert (settings.first_answer_seconds, settings.keep_alive_seconds) == (15, 15)


def test_an_argument_beats_the_environment_which_beats_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "forii.toml").write_text('port = 1001\nmax_n = 5\nmodel = "a/b"\nmodels = ["x", "y"]\n')
    monkeypatch.setenv("FORII_PORT", "1002")
    monkeypatch.setenv("FORII_MAX_N", "6")
    settings = Settings(port=1003)
    assert (settings.port, settings.max_n, settings.model) == (1003, 6, ("a/b",))
    assert settings.models == (Path("x"), Path("y"))


@pytest.mark.parametrize(
    ("given", "models"),
    [("a/b", ("a/b",)), ('["a/b", "c.toml"]', ("a/b", "c.toml")), ("x[1].gguf", ("x[1].gguf",))],
)
def test_one_model_or_several(given: str, models: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORII_MODEL", given)
    assert Settings().model == models


def test_several_models_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "forii.toml").write_text('model = ["a/b", "c.toml"]\n')
    assert Settings().model == ("a/b", "c.toml")


def test_lists_in_the_environment_are_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORII_MODELS", '["/a", "/b"]')
    assert Settings().models == (Path("/a"), Path("/b"))


def test_a_misspelt_key_in_the_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "forii.toml").write_text("prot = 1\n")
    with pytest.raises(ValidationError, match="prot"):
        Settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "65536"),
        ("MAX_N", "0"),
        ("MAX_BODY_BYTES", "10"),
        ("KEEP_ALIVE_SECONDS", "0"),
        ("LOG_LEVEL", "loud"),
        ("API_KEY", ""),
        ("MAX_RUNNING", "0"),
        ("MAX_WAITING", "-1"),
        ("REQUEST_TIMEOUT_SECONDS", "0"),
        ("DRAIN_SECONDS", "-1"),
        ("CORS_ORIGINS", '["https://app.example/"]'),
        ("MODEL", "[]"),
        ("ADMIN_TOKEN", "too short"),
        ("DATABASE", "mysql://host/forii"),
        ("USAGE_PERSONAL_DAYS", "0"),
        ("PLANS", '{"free": {"request_per_minute": 1}}'),
        ("MODEL", "[not JSON"),
    ],
)
def test_a_bad_value_is_an_error_that_names_the_setting(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"FORII_{name}", value)
    with pytest.raises(ValidationError, match=name.lower()):
        Settings()


def test_secrets_are_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORII_API_KEY", "forii_sk_secret")
    monkeypatch.setenv("FORII_ADMIN_TOKEN", "a-secret-admin-token")
    monkeypatch.setenv("FORII_DATABASE", "postgresql://forii:hunter2@host/forii")
    settings = Settings()
    for secret in ("forii_sk_secret", "a-secret-admin-token", "hunter2"):
        assert secret not in repr(settings)
    assert "hunter2" in settings.database_url


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "::1"])
def test_a_loopback_address_needs_no_key(host: str, byte_build: Path) -> None:
    settings = Settings(host=host, models=(byte_build,))
    assert settings.on_loopback
    create_app(settings, ScriptedEngine(echo))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "box.example"])
async def test_at_any_other_address_nobody_gets_in_without_a_key(host: str, serve: Serve) -> None:
    client, engine = serve(host=host)
    assert (await client.post(chat.URL, json=chat.body())).status_code == 401
    assert engine.asked == []


def test_without_an_engine_the_settings_must_name_a_triton(byte_build: Path) -> None:
    with pytest.raises(NotServable, match="FORII_TRITON"):
        create_app(Settings(models=(byte_build,)))


@pytest.mark.parametrize("url", ["127.0.0.1:6379", "http://hidden@host", "hidden"])
def test_a_redis_is_a_url_of_its_kind_and_never_printed(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORII_REDIS", url)
    with pytest.raises(ValidationError, match="redis://") as caught:
        Settings()
    assert "hidden" not in str(caught.value)


def test_a_redis_that_cannot_be_read_is_told_without_its_password(byte_build: Path) -> None:
    settings = Settings.model_validate({"models": (byte_build,), "redis": "redis://:hidden@host:port/0"})
    with pytest.raises(NotServable, match="redis") as caught:
        create_app(settings, ScriptedEngine(echo))
    assert "hidden" not in str(caught.value)


def test_the_journal_is_in_the_state_unless_it_is_set(tmp_path: Path) -> None:
    assert Settings(state=tmp_path).journal_folder == tmp_path / "journal"
    assert Settings(state=tmp_path, journal=tmp_path / "other").journal_folder == tmp_path / "other"
