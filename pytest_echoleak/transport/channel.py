"""A keep-alive connection that waits for nothing: a selector tells when there is more to do."""

from __future__ import annotations

import select
import selectors
import socket
import ssl
import time
from collections.abc import Callable

from pytest_echoleak.transport.answer import Answer
from pytest_echoleak.transport.messages import Origin, TransportError

# No less than a record of TLS (16 kB): a selector cannot see what is left of one.
_READ_BYTES = 65_536
_READ, _BOTH = selectors.EVENT_READ, selectors.EVENT_READ | selectors.EVENT_WRITE
_WOULD_BLOCK = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Channel:
    """One connection to one origin, for one thread, with one request at a time on it.

    `begin` sends a request, and `advance`, called whenever the selector has news of this channel
    (`data` is then its key's data), goes on until the answer is whole. Only opening a connection
    waits. One that the service closed while it was idle is opened anew before the next request is
    written, so that no request is ever sent twice. After an error it is closed.
    """

    def __init__(
        self,
        origin: Origin,
        selector: selectors.BaseSelector,
        *,
        timeout_seconds: float,
        limit_bytes: int,
        data: object = None,
    ) -> None:
        self._origin = origin
        self._selector = selector
        self._timeout_seconds = timeout_seconds
        self._data = data
        self._socket: socket.socket | None = None
        self._news: Callable[[float], object] | None = None
        self._tls: ssl.SSLContext | None = None
        self._unsent = memoryview(b"")
        self.answer = Answer(limit_bytes)
        self.deadline = 0.0

    def begin(self, request: bytes, *, head: bool = False, kept_bytes: int | None = None) -> None:
        """Send one prepared request, or as much of it as goes. Raises TransportError.

        `head` tells that the answer has no body whatever its headers say; `kept_bytes` how much of
        the body is wanted (it is read to its end in any case).
        """
        self.deadline = time.monotonic() + self._timeout_seconds
        sock = self._open()
        self.answer.begin(head=head, kept_bytes=kept_bytes)
        try:
            sent = sock.send(request)
        except _WOULD_BLOCK:
            sent = 0
        except OSError as cause:
            raise self._lost(cause) from cause
        if sent < len(request):
            self._unsent = memoryview(request)[sent:]
            self._selector.modify(sock, _BOTH, self._data)

    def advance(self) -> bool:
        """Go on with what does not wait; return whether the answer is whole now.

        Raises TransportError.
        """
        sock, answer = self._socket, self.answer
        if sock is None:
            return False
        try:
            self._receive(sock, answer)
            if self._unsent and not answer.done:
                self._send_more(sock)
        except TransportError:
            self.close()
            raise
        except OSError as cause:
            raise self._lost(cause) from cause
        # An answer to half a request leaves a connection that nobody can use.
        if answer.done and (self._unsent or not answer.keep_alive):
            self.close()
        return answer.done

    def wait(self, seconds: float) -> None:
        """Wait for news of this channel, `seconds` at most. Asks for less than a selector does."""
        if self._news is None or self._unsent:
            self._selector.select(seconds)
        else:
            self._news(1000 * seconds)

    def late(self) -> TransportError:
        """Close the connection, and return the error of an answer that has missed its deadline."""
        self.close()
        text = f"no whole answer within {self._timeout_seconds:g} s"
        return TransportError(text, reason="timeout", sent=True)

    def close(self) -> None:
        """Close the socket, if one is open. The next request opens another."""
        if self._socket is not None:
            self._selector.unregister(self._socket)
            self._socket.close()
            self._socket = None
            self._unsent = memoryview(b"")

    def _receive(self, sock: socket.socket, answer: Answer) -> None:
        try:
            data = sock.recv(_READ_BYTES)
        except _WOULD_BLOCK:
            return
        if data:
            answer.feed(data)
        else:
            answer.end_of_stream()

    def _send_more(self, sock: socket.socket) -> None:
        try:
            self._unsent = self._unsent[sock.send(self._unsent) :]
        except _WOULD_BLOCK:
            return
        if not self._unsent:
            self._selector.modify(sock, _READ, self._data)

    def _open(self) -> socket.socket:
        if self._socket is not None:
            if not self._closed_by_peer(self._socket):
                return self._socket
            self.close()
        address = (self._origin.host, self._origin.port)
        try:
            sock = socket.create_connection(address, timeout=self._timeout_seconds)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._origin.scheme == "https":
                sock = self._encrypted(sock)
        except OSError as cause:
            reason = "timeout" if isinstance(cause, TimeoutError) else "refused"
            text = f"cannot connect to {self._origin.host}:{self._origin.port}: {cause}"
            raise TransportError(text, reason=reason, sent=False) from cause
        sock.setblocking(False)
        self._selector.register(sock, _READ, self._data)
        self._news = _asking_for_news(sock)
        self.answer.renew()
        self._socket = sock
        return sock

    def _encrypted(self, sock: socket.socket) -> socket.socket:
        sock.settimeout(max(self.deadline - time.monotonic(), 0.001))
        self._tls = self._tls or ssl.create_default_context()
        try:
            return self._tls.wrap_socket(sock, server_hostname=self._origin.host)
        except BaseException:
            sock.close()
            raise

    def _closed_by_peer(self, sock: socket.socket) -> bool:
        """Tell whether an idle connection is over: nothing is owed to us, so any news is the end.

        To be told "nothing there" by recv is an exception, and costs as much as a short answer.
        """
        if self._news is not None:
            return bool(self._news(0))
        try:
            sock.recv(1)
        except _WOULD_BLOCK:
            return False
        except OSError:
            return True
        return True

    def _lost(self, cause: OSError) -> TransportError:
        self.close()
        return TransportError(f"connection lost: {cause}", reason="reset", sent=True)


def _asking_for_news(sock: socket.socket) -> Callable[[float], object] | None:
    """Return what tells cheaply whether there is something to read; None where nothing does."""
    if isinstance(sock, ssl.SSLSocket) or not hasattr(select, "poll"):
        return None
    asking = select.poll()
    asking.register(sock, select.POLLIN)
    return asking.poll
