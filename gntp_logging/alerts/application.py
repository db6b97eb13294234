"""Which frames are the application's, even if it was installed like a library. Pure, except :func:`program`.

If the user names packages, their frames are the application's. Otherwise the first of these that has a frame in the
traceback decides:

1. files outside the standard library that were not installed;
2. the package of the record's logger;
3. the package of the program's entry point;
4. the outermost installed package.

Programs that run others, such as gunicorn, never count as 2, 3 or 4.
"""

from __future__ import annotations

import functools
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from .tracebacks import Frame

_STANDARD_LIBRARY: Final = (
    os.path.dirname(os.__file__) + os.sep,
    os.path.dirname(os.path.realpath(os.__file__)) + os.sep,
)
_ELSEWHERE: Final = re.compile(r"[/\\](?:lib[/\\]python3\.\d+|Python3\d+[/\\]lib)[/\\]", re.IGNORECASE)
"""The standard library of another Python, whose traceback a child or another machine has printed."""
_OWN: Final = os.path.dirname(os.path.dirname(__file__)) + os.sep
"""This package, which is no application wherever it is installed."""
_INSTALLED: Final = re.compile(r".*[/\\](?:site|dist)-packages[/\\]", re.DOTALL)

_GENERATED: Final = re.compile(r"<(?:frozen |\w+ generated |[\w-]+-gen-\d|__array_function__ internals)")
"""Code that Python, SQLAlchemy, attrs, decorator, makefun or NumPy have made. Other code without a file, such as
``<string>`` or ``<stdin>``, is the application's."""

_LAUNCHER: Final = re.compile(r"[/\\](?:bin|Scripts)[/\\](?:[^/\\.]+|[^/\\]+\.exe[/\\]__main__\.py)$")
"""What pip and others write so that a program has a command: a file without a suffix, or a program for Windows."""
_IMPORT: Final = re.compile(r"^from ([A-Za-z_]\w*)[\w.]* import ", re.MULTILINE)
_MODULE: Final = "<module>"

_RUNNERS: Final = frozenset(
    (
        "gunicorn", "uvicorn", "hypercorn", "waitress", "gevent", "eventlet", "uvloop", "celery", "kombu", "billiard",
        "pytest", "_pytest", "pluggy", "debugpy", "flask", "werkzeug", "click", "django", "asgiref", "starlette",
        "fastapi", "anyio", "gntp_logging",
    )
)  # fmt: skip
"""Packages that run other programs, and packages that stand in tracebacks between the two."""


class Program(NamedTuple):
    """How the process was started.

    Attributes:
        path: The file that runs as the main module; empty where there is none.
        package: The package of the program's entry point; empty if it is not known.
        is_launched: Whether the file is a launcher, and not the program itself.
    """

    path: str = ""
    package: str = ""
    is_launched: bool = False


@functools.lru_cache(maxsize=1)
def program() -> Program:
    """Find out once how the process was started; reads the main module's file if it may be a launcher."""
    main = sys.modules.get("__main__")
    path, spec = getattr(main, "__file__", None), getattr(main, "__spec__", None)
    if type(path) is not str:
        return Program()
    if spec is not None:  # python -m package
        return Program(path, _without_runners(spec.name.partition(".")[0]))
    if not _LAUNCHER.search(os.path.realpath(path)):  # pipx and uv link to it, from anywhere
        return Program(path)
    try:
        source = main.__loader__.get_source("__main__") or ""  # type: ignore[union-attr]
    except Exception:  # noqa: BLE001 - there are loaders of every kind
        return Program(path)
    found = _IMPORT.search(source)
    is_launched = found is not None and "sys.exit(" in source
    return Program(path, _without_runners(found[1]) if found and is_launched else "", is_launched)


class Place(NamedTuple):
    """Where an error happened.

    Attributes:
        frames: Path, line and function of each frame, the outermost first.
        own: Those of them that are the application's.
    """

    frames: Sequence[Frame]
    own: Sequence[Frame]


class Application:
    """Finds the application's frames by the option ``app_packages`` and by how the process was started."""

    def __init__(self, packages: Sequence[str] = (), program: Program | None = None) -> None:
        """Keep what does not change from record to record.

        Args:
            packages: Names of the application's packages, dotted where they are in others; empty to find them out.
            program: How the process was started; None where it does not matter.
        """
        self._program = program or Program()
        self._is_named = _matcher(packages) if packages else None

    def place(self, frames: Sequence[Frame], logger: str) -> Place:
        """Return a traceback's frames, and which of them are the application's.

        Args:
            frames: Path, line and function of each, the outermost first.
            logger: Name of the record's logger.
        """
        return Place(frames, self._own(frames, logger))

    def _own(self, frames: Sequence[Frame], logger: str) -> Sequence[Frame]:
        if self._is_named is not None:
            return [frame for frame in frames if self._is_named(frame[0])]
        own = [frame for frame in frames if is_application(frame[0]) and not _is_of_dataclass(frame)]
        if own and own[0][2] == _MODULE and self._is_launcher(own[0][0]):
            del own[0]
        if own or not frames:
            return own
        packages = [_package(path) for path, _, _ in frames]
        for package in self._candidates(logger, packages):
            if package and package in packages:
                return [frame for frame, found in zip(frames, packages, strict=True) if found == package]
        return []

    def _is_launcher(self, path: str) -> bool:
        return self._program.is_launched if path == self._program.path else _LAUNCHER.search(path) is not None

    def _candidates(self, logger: str, packages: Sequence[str]) -> Iterator[str]:
        yield _without_runners(logger.partition(".")[0])
        yield self._program.package
        yield next(filter(_without_runners, packages), "")


@functools.lru_cache(maxsize=4096)
def is_application(path: str) -> bool:
    """Tell whether a file is neither in the standard library nor installed, nor code that a library has generated."""
    if path.startswith((_OWN, *_STANDARD_LIBRARY)):
        return False
    return not (_INSTALLED.match(path) or _ELSEWHERE.search(path) or _GENERATED.match(path))


def _is_of_dataclass(frame: Frame) -> bool:
    """Tell whether a frame is of a method that dataclasses or namedtuple have made."""
    path, _, function = frame
    return path == "<string>" and function.startswith("__")


@functools.lru_cache(maxsize=4096)
def _package(path: str) -> str:
    """Return the package, or the module, that an installed file belongs to; empty for any other file."""
    found = _INSTALLED.match(path)
    if found is None or path.startswith(_OWN):
        return ""
    return re.split(r"[/\\]", path[found.end() :])[0].partition(".")[0]


def _without_runners(package: str) -> str:
    return "" if package in _RUNNERS else package


def _matcher(packages: Sequence[str]) -> Callable[[str], bool]:
    """Return a function that tells whether a file belongs to one of the packages."""
    names = "|".join(r"[/\\]".join(map(re.escape, package.split("."))) for package in packages)
    below = re.compile(rf"(?:^|[/\\])(?:{names})(?:[/\\]|\.\w+$)")

    @functools.lru_cache(maxsize=4096)
    def is_named(path: str) -> bool:
        installed = _INSTALLED.match(path)
        if installed:  # a folder above may have a package's name by chance
            return below.match(path, installed.end() - 1) is not None
        return is_application(path) and below.search(path) is not None

    return is_named
