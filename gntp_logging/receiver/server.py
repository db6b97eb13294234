"""The GNTP server: asyncio around :class:`~gntp_logging.gntp.wire.RequestReader`.

:class:`Server` lives in an event loop; :class:`Receiver` runs one in a thread of its own, for programs without a loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Final

from gntp_logging.gntp import ciphers
from gntp_logging.gntp.constants import RESPONSE_ERROR, RESPONSE_OK, ErrorCode
from gntp_logging.gntp.exceptions import GNTPProtocolError
from gntp_logging.gntp.requests import NotifyRequest, RegisterRequest, Request, Response
from gntp_logging.gntp.wire import DEFAULT_LIMITS, Limits, RequestReader, encode

from .displays import Display
from .registry import Registry, Toast

_READ_SIZE: Final = 65536

MAX_CONNECTIONS: Final = 200
"""Connections at once; one more is closed unread. A desktop has some dozens of clients."""

REQUEST_TIMEOUT: Final = 10.0
"""Seconds for one whole request: the specification's clients send theirs in milliseconds."""

ANSWER_TIMEOUT: Final = 5.0
"""Seconds for the peer to take the answer, which fits into any socket's buffer unless it echoes a huge id."""

_LINGER: Final = 1.0
"""Seconds to read on after an early answer, so that closing does not reset the connection before it is read."""


class Server:
    """A GNTP server inside an event loop. One request a connection, as Growl for Windows does.

    Attributes:
        port: The TCP port it listens on; 0 before ``start``.
        display_failures: How often a display raised.
    """

    def __init__(
        self,
        displays: Sequence[Display],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        passwords: Sequence[str] = (),
        limits: Limits = DEFAULT_LIMITS,
        request_timeout: float = REQUEST_TIMEOUT,
    ) -> None:
        """Prepare.

        Args:
            displays: What shows the toasts.
            host: Address to listen on; the default takes connections from this machine only.
            port: TCP port; 0 takes a free one.
            passwords: A request must have a key made from one of them; none for a server without a password.
            limits: What is taken from a peer.
            request_timeout: Seconds for one whole request.
        """
        self._displays = tuple(displays)
        self._host = host
        self._passwords = tuple(passwords)
        self._limits = limits
        self._request_timeout = request_timeout
        self._registry = Registry()
        self._connections: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._closing = False
        self.port = port
        self.display_failures = 0

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: If the address or the port is not to be had.
        """
        ciphers.AES.load()  # now, rather than while the first alert waits
        self._closing = False
        self._server = await asyncio.start_server(self._accept, self._host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening, and end the connections. Closing twice is harmless."""
        server, self._server = self._server, None
        if server is None:
            return
        self._closing = True
        await _stop_accepting(server)
        server.close()
        for task in self._connections:
            task.cancel()
        if self._connections:
            await asyncio.wait(self._connections)
        await server.wait_closed()  # from Python 3.12 on this waits for the connections: none is left

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection in a task that close() knows of from its first moment on.

        Were this a coroutine, asyncio would make the task, and one that close() cancels before it runs would close
        nothing.
        """
        if self._closing or len(self._connections) >= MAX_CONNECTIONS:
            writer.close()
            return
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._connections.add(task)
        task.add_done_callback(functools.partial(self._forget, writer))

    def _forget(self, writer: asyncio.StreamWriter, task: asyncio.Task[None]) -> None:
        """Drop a connection, and what its peer has not read in time; wait_closed would wait for it for ever."""
        self._connections.discard(task)
        writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = writer.get_extra_info("peername")
        with contextlib.suppress(OSError, asyncio.TimeoutError):  # the peer went away, or does not read
            response = await self._response(reader, str(peer[0]) if peer else "")
            if response is not None:
                await asyncio.wait_for(_send(response, reader, writer), ANSWER_TIMEOUT)

    async def _response(self, reader: asyncio.StreamReader, peer: str) -> Response | None:
        """Read one request, and return the answer; None when the peer leaves without a request."""
        wire = RequestReader(self._passwords, self._limits)
        try:
            request = await asyncio.wait_for(_next_request(wire, reader), self._request_timeout)
            return None if request is None else self._answer(request, wire, peer)
        except GNTPProtocolError as error:
            return _error_response(error.error_code, str(error))
        except asyncio.TimeoutError:  # an OSError from Python 3.11 on, so it comes before
            seconds = f"{self._request_timeout:g} s"
            return _error_response(ErrorCode.TIMED_OUT, f"the request was not complete within {seconds}")
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001 - a mistake of this package's: the client should not wait for it
            context = {"message": "gntp_logging: a request could not be answered", "exception": error}
            asyncio.get_running_loop().call_exception_handler(context)
            return _error_response(ErrorCode.INTERNAL_SERVER_ERROR, "internal error")

    def _answer(self, request: Request, wire: RequestReader, peer: str) -> Response:
        headers = {"Response-Action": request.message_type}
        if isinstance(request, RegisterRequest):
            self._registry.register(request)
        elif isinstance(request, NotifyRequest):
            toast = _completed(self._registry.toast(request), wire, peer)
            self._show(toast)
            if toast.id_:
                headers["Notification-ID"] = toast.id_
        else:
            raise GNTPProtocolError("this server takes no subscriptions")
        return Response(RESPONSE_OK, headers)

    def _show(self, toast: Toast) -> None:
        for display in self._displays:
            try:
                display.show(toast)
            except Exception:  # noqa: BLE001 - a display that fails takes neither the others nor the server with it
                self.display_failures += 1


async def _stop_accepting(server: asyncio.Server) -> None:
    """Let no more connections in, and let those that were accepted get as far as Server._accept.

    asyncio would forget the sockets of connections that it has accepted when the server is closed but not yet handed
    over: a client that came in that moment would wait for the garbage collector (CPython gh-109564).
    """
    loop = asyncio.get_running_loop()
    for sock in server.sockets:
        with contextlib.suppress(NotImplementedError):  # Windows: its loop has no readers
            loop.remove_reader(sock.fileno())
    for _ in range(3):  # from accept to the transport, to connection_made, and back to who waited for it
        await asyncio.sleep(0)


def _completed(toast: Toast, wire: RequestReader, peer: str) -> Toast:
    """Add what only the connection knows."""
    envelope = wire.envelope
    assert envelope is not None
    return dataclasses.replace(
        toast,
        headers=envelope.headers,
        encryption=envelope.cipher_id or "",
        hash_=envelope.hash_id or "",
        peer=peer,
    )


async def _next_request(wire: RequestReader, reader: asyncio.StreamReader) -> Request | None:
    """Read one request; None when the peer closes without one."""
    while (request := wire.next_message()) is None:
        data = await reader.read(_READ_SIZE)
        if not data:
            wire.feed_eof()
            return wire.next_message()
        wire.feed(data)
    return request


async def _send(response: Response, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send the answer, read what the peer still sends for a moment, and close."""
    writer.write(encode(response))
    await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(_discard(reader), _LINGER)
    writer.close()
    await writer.wait_closed()  # drain leaves the last of a long answer in the buffer


async def _discard(reader: asyncio.StreamReader) -> None:
    while await reader.read(_READ_SIZE):
        pass


def _error_response(code: int, description: str) -> Response:
    return Response(RESPONSE_ERROR, {"Error-Code": str(int(code)), "Error-Description": description})


class Receiver:
    """A server in a thread of its own. Also a context manager.

    Attributes:
        server: The server; its port is known after ``start``.
    """

    def __init__(self, server: Server) -> None:
        """Take a server that was not started.

        Args:
            server: The server.
        """
        self.server = server
        self._thread: threading.Thread | None = None
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None

    @property
    def port(self) -> int:
        """The TCP port it listens on."""
        return self.server.port

    def start(self) -> Receiver:
        """Start, and return once it listens. A receiver that was stopped starts again, on the same port.

        Returns:
            Itself.

        Raises:
            OSError: If the address or the port is not to be had.
            RuntimeError: If it runs already.
        """
        if self._thread is not None:
            raise RuntimeError("the receiver runs already")
        self._ready.clear()
        thread = threading.Thread(target=self._run, name="gntp-receiver", daemon=True)
        thread.start()
        self._thread = thread
        self._ready.wait()
        if self._failure is not None:
            self.stop()
        return self

    def stop(self) -> None:
        """Stop, and return when the thread has ended. Stopping twice, or before the start, is harmless.

        Raises:
            Exception: What ended the server before, if it was not this.
        """
        thread, self._thread = self._thread, None
        if thread is None:
            return
        if self._loop is not None and self._stop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._stop.set)
        thread.join()
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        self._failure = None
        try:
            asyncio.run(self._main())
        except BaseException as error:  # noqa: BLE001 - it is raised where start() or stop() waits
            self._failure = error
        finally:
            self._ready.set()

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        await self.server.start()
        self._ready.set()
        await self._stop.wait()
        await self.server.close()

    def __enter__(self) -> Receiver:  # noqa: PYI034 - typing.Self is not in 3.10
        """Start."""
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        """Stop."""
        self.stop()
