"""log_unhandled: uncaught exceptions of the main program, of threads and of finalizers reach logging."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from types import FunctionType, MethodType, ModuleType, TracebackType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from sys import UnraisableHookArgs
    from threading import ExceptHookArgs

_NOT_ERRORS: Final = (SystemExit, KeyboardInterrupt)


class _Uncaught(NamedTuple):
    """What a hook was called for; the value is None when Python could not make the exception."""

    text: str
    exc_type: type[BaseException] | None
    value: BaseException | None
    traceback: TracebackType | None


def _of_program(exc_type: type[BaseException], value: BaseException, traceback: TracebackType | None) -> _Uncaught:
    return _Uncaught("Uncaught exception", exc_type, value, traceback)


def _of_thread(args: ExceptHookArgs, /) -> _Uncaught:
    name = args.thread.name if args.thread is not None else "a thread"
    return _Uncaught(f"Uncaught exception in {name}", args.exc_type, args.exc_value, args.exc_traceback)


def _of_finalizer(args: UnraisableHookArgs, /) -> _Uncaught:
    text = args.err_msg or "Exception ignored in"
    cause: Any = args.object
    if cause is not None:  # Python 3.13 names the function of a thread itself
        # Of an object only the type is named: it may be half gone, and its repr is its own code.
        named = cause if type(cause) in (FunctionType, MethodType) else type(cause)
        text = f"{text} {named.__qualname__}"
    return _Uncaught(text, args.exc_type, args.exc_value, args.exc_traceback)


_HOOKS: Final[tuple[tuple[ModuleType, str, Callable[..., _Uncaught]], ...]] = (
    (sys, "excepthook", _of_program),
    (threading, "excepthook", _of_thread),
    (sys, "unraisablehook", _of_finalizer),  # __del__, callbacks of weak references, threads of _thread
)


class _Logged(threading.local):
    """The exceptions that hooks of this thread have logged and are passing on to the hooks before them."""

    def __init__(self) -> None:
        self.by: tuple[tuple[logging.Logger, BaseException | None], ...] = ()
        self.is_logging = False


_logged: Final = _Logged()


class _Hook:
    """One hook: logs, and calls the one that was there before."""

    def __init__(self, place: ModuleType, name: str, read: Callable[..., _Uncaught], logger: logging.Logger) -> None:
        self.place = place
        self.name = name
        self.logger = logger
        self.users = 0
        self._read = read
        self._previous: Callable[..., object] = getattr(place, name)

    def __call__(self, *args: Any) -> None:  # whatever Python calls the hook with; passed on unchanged
        before = _logged.by
        try:
            uncaught = self._read(*args)
            # Another hook of this logger may have been called first, with a foreign hook between the two.
            if self.users and not any(by is self.logger and value is uncaught.value for by, value in before):
                _logged.by = (*before, (self.logger, uncaught.value))
                _log(self.logger, uncaught)
        finally:
            try:
                self._previous(*args)
            finally:
                _logged.by = before

    def remove(self) -> None:
        """Remove one user. After the last, restore the hook before this one, unless another hook has wrapped it."""
        self.users -= 1
        if not self.users and getattr(self.place, self.name) is self:
            setattr(self.place, self.name, self._previous)


def _installed(place: ModuleType, name: str, read: Callable[..., _Uncaught], logger: logging.Logger) -> _Hook:
    """Return the logger's hook at a place, installed unless it stands there already."""
    hook = getattr(place, name)
    if not (isinstance(hook, _Hook) and hook.logger is logger and hook.users):
        hook = _Hook(place, name, read, logger)
        setattr(place, name, hook)
    hook.users += 1
    return hook


def _log(logger: logging.Logger, uncaught: _Uncaught) -> None:
    text, exc_type, value, traceback = uncaught
    # An exception of a finalizer that runs while this logs would be logged in turn, and so on without end.
    if exc_type is None or issubclass(exc_type, _NOT_ERRORS) or _logged.is_logging:
        return
    _logged.is_logging = True
    try:
        logger.critical("%s", text, exc_info=(exc_type, _made(exc_type) if value is None else value, traceback))
    finally:
        _logged.is_logging = False


def _made(exc_type: type[BaseException]) -> Any:  # None too: logging takes it, though its type hints do not say so
    """Return an exception of a type, for the formatters that want one; None if its type wants arguments."""
    try:
        return exc_type()
    except Exception:  # noqa: BLE001 - the application's own
        return None


class UnhandledHooks:
    """The hooks that :func:`log_unhandled` installed. Also a context manager that undoes them at its end."""

    def __init__(self, logger: logging.Logger) -> None:
        """Install the hooks; each calls the hook that was there before.

        Args:
            logger: Where uncaught exceptions are logged: once, however often hooks are installed for it.
        """
        self._hooks = [_installed(*place, logger) for place in _HOOKS]

    def undo(self) -> None:
        """Remove the hooks. One that another hook has wrapped meanwhile stays, and only calls the one before it.

        Hooks that were installed for the same logger by another call go on logging.
        """
        while self._hooks:
            self._hooks.pop().remove()

    def __enter__(self) -> UnhandledHooks:  # noqa: PYI034 - typing.Self is not in 3.10
        """Return the hooks."""
        return self

    def __exit__(self, *_: object) -> None:
        """Undo the hooks."""
        self.undo()


def log_unhandled(logger: logging.Logger | None = None) -> UnhandledHooks:
    """Log uncaught exceptions at CRITICAL: of the main program, of threads, and of finalizers such as ``__del__``.

    The hooks that were there before are called afterwards, so the traceback is still printed. SystemExit and
    KeyboardInterrupt are not logged. A second call for the same logger logs nothing twice.

    Args:
        logger: Where to log; None means the root logger.

    Returns:
        The hooks; ``undo()`` removes them.
    """
    return UnhandledHooks(logging.getLogger() if logger is None else logger)
