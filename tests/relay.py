"""A TCP relay to put before a server: connections through it can be cut, or stalled, as networks do it."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from types import TracebackType


class Relay:
    """target: where connections go. As a context manager it runs from a thread of its own."""

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = host, int(port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._lock = threading.Lock()
        self._stalled: set[socket.socket] = set()
        self._stalls_new = False
        self._closing = False
        self._thread = threading.Thread(target=self._run)

    @property
    def address(self) -> str:
        """``host:port`` to connect to."""
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def cut(self) -> None:
        """Ends all connections; new ones are welcome."""
        with self._lock:
            for one in list(self._pairs):
                self._drop(one)

    def stall(self, *, new: bool) -> None:
        """Lets nothing through on the connections that there are, without a word. new: on later ones neither: they
        are accepted and left alone."""
        with self._lock:
            self._stalled |= set(self._pairs)
            self._stalls_new = new

    def heal(self) -> None:
        """Later connections go through; those that were stalled stay so."""
        self._stalls_new = False

    def __enter__(self) -> Relay:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing = True
        self._thread.join()
        self.cut()
        self._listener.close()

    def _run(self) -> None:
        while not self._closing:
            with self._lock:
                heard = [one for one in self._pairs if one not in self._stalled]
            readable, _, _ = select.select([self._listener, *heard], [], [], 0.01)
            with self._lock:
                for one in readable:
                    if one is self._listener:
                        self._accept()
                    elif one in self._pairs and one not in self._stalled:
                        self._pass_on(one)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        server = socket.create_connection(self._target)
        self._pairs |= {client: server, server: client}
        if self._stalls_new:
            self._stalled |= {client, server}

    def _pass_on(self, source: socket.socket) -> None:
        try:
            data = source.recv(65536)
            self._pairs[source].sendall(data)
        except OSError:
            data = b""
        if not data:
            self._drop(source)

    def _drop(self, one: socket.socket) -> None:
        other = self._pairs.pop(one, None)
        if other is None:
            return
        del self._pairs[other]
        self._stalled -= {one, other}
        for end in (one, other):
            with contextlib.suppress(OSError):  # the peer was faster
                end.shutdown(socket.SHUT_RDWR)
            end.close()
