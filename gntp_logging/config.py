"""Configuration from files and from the environment."""

from __future__ import annotations

import os

from .configuration.environment import ConfigurationError, from_env
from .configuration.logging_file import read
from .handler import GNTPHandler

__all__ = ["ConfigurationError", "from_env", "load"]


def load(path: str | os.PathLike[str]) -> list[GNTPHandler]:
    """Configure logging as a file says.

    The file is TOML; one whose name ends in ``.json``, ``.yaml`` or ``.yml`` is read as that, YAML with the package
    PyYAML. It is one of three:

    * a whole configuration, in the schema of :func:`logging.config.dictConfig`, which replaces what was configured;
    * any file with a table ``[gntp]``: the options of one handler, which the root logger gets beside those that it has.
      A handler that an earlier call has added so is replaced. Where the root logger has no other handler, it gets one
      that prints warnings and errors on stderr as well, as a program without handlers does by itself. Levels of loggers
      stay as they are;
    * a ``pyproject.toml`` with a table ``[tool.gntp_logging]``, which holds either.

    The tables of this package's handlers are checked before anything is changed, key by key, and so are the names by
    which they and the loggers speak of handlers, filters and formatters. :mod:`logging.config` judges the rest.
    The environment is not read, but for the variable that ``password_env`` names, and for ``GNTP_LOGGING_DISABLED``.
    Relative paths in the file start from the program's working directory.

    Args:
        path: The file.

    Returns:
        The handlers of this package that it has made.

    Raises:
        ConfigurationError: If the file holds none of them, or what this package or :mod:`logging.config` does not take.
        OSError: If it cannot be read.
    """
    return read(path).apply()
