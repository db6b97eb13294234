"""An event loop in a thread of its own, which is started and stopped from outside, any number of times.

The receiver has one, and each display that needs a loop: a slow browser or desktop delays neither the server nor the
other displays.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager


class LoopThread:
    """Runs an asynchronous context manager: entered by ``start``, left by ``stop``."""

    def __init__(self, name: str, running: Callable[[], AbstractAsyncContextManager[object]]) -> None:
        """Prepare.

        Args:
            running: Makes the context manager that runs in the loop; called once for each start.
        """
        self._name = name
        self._running = running
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._failure: BaseException | None = None
        self._is_wanted = False

    def start(self) -> None:
        """Start the thread, and return once the context manager is entered.

        Raises:
            RuntimeError: If it runs already.
            Exception: What was raised in the thread. The thread has then ended, and can be started again.
        """
        if self._thread is not None:
            raise RuntimeError(f"{self._name} runs already")
        self._is_wanted = True
        ready = threading.Event()
        thread = threading.Thread(target=self._run, args=(ready,), name=self._name, daemon=True)
        thread.start()
        self._thread = thread
        ready.wait()
        if self._failure is not None:
            self.stop()

    def stop(self) -> None:
        """Leave the context manager, and return when the thread has ended. Stopping twice, or too early, is harmless.

        Raises:
            Exception: What was raised in the thread.
        """
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._is_wanted = False  # for a thread that has no loop yet
        stop = self._stop
        if stop is not None:
            self.call(stop.set)
        thread.join()
        if self._failure is not None:
            raise self._failure

    def call(self, function: Callable[[], object]) -> None:
        """Let the loop call a function soon; without a running loop, do nothing. May be called from any thread."""
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(function)

    def _run(self, ready: threading.Event) -> None:
        self._failure = None
        try:
            asyncio.run(self._main(ready))
        except BaseException as error:  # noqa: BLE001 - it is raised where start() or stop() waits
            self._failure = error
        finally:
            self._loop = self._stop = None  # and all that they still refer to
            ready.set()

    async def _main(self, ready: threading.Event) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        if not self._is_wanted:  # checked only now, when stop() can see the two
            return
        async with self._running():
            ready.set()
            await self._stop.wait()
