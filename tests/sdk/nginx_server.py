"""A real nginx with the configuration of docs/behind-a-proxy.md, before a server on this machine."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

from tests.certificate import Certificate
from tests.sdk.forii_server import wait_until

_PAGE = Path(__file__).parents[2] / "docs/behind-a-proxy.md"
# What every configuration needs around it, with all files in the test's own folder.
_FRAME = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_processes 1;
{user}
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/forii.conf;
}}
"""


class NginxServer:
    """folder: for all its files. upstream: ``host:port`` of what it stands before."""

    def __init__(self, folder: Path, upstream: str, certificate: Certificate) -> None:
        folder.mkdir()
        self._folder = folder
        self.address = f"127.0.0.1:{_free_port()}"
        text = _replaced(
            _documented(),
            {
                "server 127.0.0.1:8080;": f"server {upstream};",
                "listen 443 ssl;": f"listen {self.address} ssl;",
                "/etc/ssl/forii.crt": str(certificate.certificate),
                "/etc/ssl/forii.key": str(certificate.key),
            },
        )
        (folder / "forii.conf").write_text(text, encoding="utf-8")
        # Its workers would otherwise be nobody, who may not read the test's folder.
        user = "user root;" if os.getuid() == 0 else ""
        (folder / "nginx.conf").write_text(_FRAME.format(folder=folder, user=user), encoding="utf-8")
        self._process = subprocess.Popen(
            ["nginx", "-e", str(folder / "error.log"), "-p", str(folder), "-c", str(folder / "nginx.conf")]
        )
        wait_until(self._listens, 10, lambda: f"nginx does not start:\n{self.errors}")

    @property
    def errors(self) -> str:
        log = self._folder / "error.log"
        return log.read_text(encoding="utf-8") if log.exists() else ""

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)

    def _listens(self) -> bool:
        assert self._process.poll() is None, f"nginx ended:\n{self.errors}"
        host, _, port = self.address.rpartition(":")
        with socket.socket() as probe:
            return probe.connect_ex((host, int(port))) == 0


def _documented() -> str:
    page = _PAGE.read_text(encoding="utf-8")
    return page.split("```nginx\n")[1].split("```\n")[0]


def _replaced(text: str, values: dict[str, str]) -> str:
    for old, new in values.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
