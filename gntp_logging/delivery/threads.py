"""Starting a thread where that is safe, and the life of a worker's."""

from __future__ import annotations

import _thread
import importlib
import sys
from collections.abc import Callable
from typing import Any, Final


def _sub_interpreters() -> Any:
    try:
        return importlib.import_module("_xxsubinterpreters")
    except ImportError:  # not every Python has it
        return None


_XXSUBINTERPRETERS: Final = _sub_interpreters() if sys.version_info < (3, 12) else None


def start_thread(function: Callable[..., object], *arguments: object) -> None:
    """Run a function in a thread of its own.

    Not through threading.Thread: its start takes a lock of that module. A ``__del__`` or a signal handler that logs may
    have interrupted code that holds this lock.

    Raises:
        RuntimeError: If no thread can be started: the system or uWSGI refuses, the interpreter is ending, or this is a
            sub-interpreter.
    """
    if not in_main_interpreter():
        raise RuntimeError("a sub-interpreter whose thread outlives it ends the process")
    # Looked up now: gevent may have replaced it.
    _thread.start_new_thread(function, arguments)


def is_held_here(lock: Any) -> bool:  # an RLock, of threading or of gevent
    """Tell whether the calling thread holds an RLock: then the caller has interrupted the code that took it.

    An RLock takes note of its holder in the same step as it is taken. An attribute beside the lock would be wrong for a
    moment, in which a signal handler may run; if that raises, it would stay wrong.
    """
    return bool(lock._is_owned())  # noqa: SLF001 - as threading.Condition does; locked() is new in Python 3.14


def in_main_interpreter() -> bool:
    """Tell whether this is the main interpreter of the process, and not a sub-interpreter such as mod_wsgi makes.

    When a sub-interpreter ends while a thread of it lives, Python ends the process: "not the last thread".
    """
    if _XXSUBINTERPRETERS is not None:
        return int(_XXSUBINTERPRETERS.get_current()) == 0
    is_main: Callable[[], bool] | None = getattr(_thread, "_is_main_interpreter", None)  # from Python 3.12 on
    return is_main is None or is_main()


class WorkerThread:
    """One background thread of a worker, which goes on until the worker is closed.

    A thread that is closed while its exchange hangs may be taken on again, so that no second one waits beside it. The
    thread that ends and the caller that takes it on again both try to get a token, and the first one decides.

    Attributes:
        is_awake: Whether it will look for alerts without being woken.
    """

    def __init__(self) -> None:
        """Begin as one that has to be woken."""
        self.is_awake = False
        self._is_closed = False
        self._token = [None]  # list.pop and list.append cannot be interrupted halfway

    def close(self) -> None:
        """Let it end after what it does now."""
        self._is_closed = True

    def goes_on(self) -> bool:
        """Tell whether it was not closed."""
        return not self._is_closed

    def take_on_again(self) -> bool:
        """Let it go on although it was closed; return whether it has not ended yet."""
        if not self._take_token():
            return False
        self._is_closed = False
        self._token.append(None)
        return True

    def ends(self) -> bool:
        """Tell whether it may end now; if so, it cannot be taken on again."""
        return self._take_token()

    def _take_token(self) -> bool:
        try:
            self._token.pop()
        except IndexError:
            return False
        return True
