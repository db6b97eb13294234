"""log_unhandled: uncaught exceptions of the main program and of threads reach logging."""

from __future__ import annotations

import logging
import sys
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from threading import ExceptHookArgs

_NOT_ERRORS: Final = (SystemExit, KeyboardInterrupt)


class UnhandledHooks:
    """The hooks that :func:`log_unhandled` installed. Also a context manager that undoes them at its end."""

    def __init__(self, logger: logging.Logger) -> None:
        """Install the hooks; each calls the hook that was there before.

        Args:
            logger: Where uncaught exceptions are logged.
        """
        self._logger: logging.Logger | None = logger
        self._previous = sys.excepthook
        self._previous_of_threads = threading.excepthook
        # Bound once: each access makes another object, and undo must recognise its own.
        self._hook = self._log_uncaught
        self._hook_of_threads = self._log_uncaught_in_thread
        sys.excepthook = self._hook
        threading.excepthook = self._hook_of_threads

    def undo(self) -> None:
        """Remove the hooks. One that another hook has wrapped meanwhile stays, and only calls the one before it."""
        self._logger = None
        if sys.excepthook is self._hook:
            sys.excepthook = self._previous
        if threading.excepthook is self._hook_of_threads:
            threading.excepthook = self._previous_of_threads

    def __enter__(self) -> UnhandledHooks:  # noqa: PYI034 - typing.Self is not in 3.10
        """Return the hooks."""
        return self

    def __exit__(self, *_: object) -> None:
        """Undo the hooks."""
        self.undo()

    def _log_uncaught(self, exc_type: type[BaseException], value: BaseException, tb: TracebackType | None) -> None:
        try:
            self._log("Uncaught exception", exc_type, value, tb)
        finally:
            self._previous(exc_type, value, tb)

    def _log_uncaught_in_thread(self, args: ExceptHookArgs, /) -> None:
        try:
            name = args.thread.name if args.thread is not None else "a thread"
            self._log(f"Uncaught exception in {name}", args.exc_type, args.exc_value, args.exc_traceback)
        finally:
            self._previous_of_threads(args)

    def _log(
        self, text: str, exc_type: type[BaseException], value: BaseException | None, tb: TracebackType | None
    ) -> None:
        if self._logger is None or issubclass(exc_type, _NOT_ERRORS):
            return
        exception = exc_type() if value is None else value  # None when Python could not make the exception
        self._logger.critical("%s", text, exc_info=(exc_type, exception, tb))


def log_unhandled(logger: logging.Logger | None = None) -> UnhandledHooks:
    """Log uncaught exceptions of the main program and of threads, at CRITICAL.

    The hooks that were there before are called afterwards, so the traceback is still printed. SystemExit and
    KeyboardInterrupt are not logged.

    Args:
        logger: Where to log; None means the root logger.

    Returns:
        The hooks; ``undo()`` removes them.
    """
    return UnhandledHooks(logging.getLogger() if logger is None else logger)
