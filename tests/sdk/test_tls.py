"""``forii serve`` with a certificate of its own."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest
from openai import OpenAI
from rich.console import Console

from launcher.serving import serve
from launcher.triton import EmbeddedTriton
from proxy.settings import NotServable, Settings
from tests.certificate import make_certificate
from tests.program import need
from tests.sdk.chat import content_of, streamed
from tests.sdk.conftest import ServeBefore


def test_it_speaks_https_and_nothing_else(
    serve_before: ServeBefore, triton: EmbeddedTriton, tmp_path: Path
) -> None:
    need("openssl")
    certificate = make_certificate(tmp_path)
    server = serve_before(
        triton.grpc_address,
        trust=certificate.certificate,
        tls_certificate=str(certificate.certificate),
        tls_key=str(certificate.key),
    )
    assert server.root.startswith("https://")
    assert server.curl_line.startswith("curl -N https://")
    with (
        httpx2.Client(verify=server.verify) as web,
        OpenAI(base_url=server.base_url, api_key="none", max_retries=0, http_client=web) as client,
    ):
        assert "".join(map(content_of, streamed(client, max_tokens=5)))
    with pytest.raises(httpx2.TransportError):
        httpx2.get(f"http://{server.root.removeprefix('https://')}/health/live")


def test_a_certificate_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.pem").write_text("no certificate")
    with pytest.raises(NotServable, match=r"a\.pem"):
        serve(Settings(tls_certificate=tmp_path / "a.pem", tls_key=tmp_path / "a.pem"), Console())


def test_half_of_it_is_told() -> None:
    with pytest.raises(NotServable, match="go together"):
        serve(Settings(tls_key=Path("a.key")), Console())
