"""Configuration from files and from the environment."""

from __future__ import annotations

import os

from .configuration.environment import ConfigurationError, from_env
from .configuration.logging_file import read
from .handler import GNTPHandler

__all__ = ["ConfigurationError", "from_env", "load"]


def load(path: str | os.PathLike[str]) -> list[GNTPHandler]:
    """Configure logging from a file.

    The file is TOML; with the suffix ``.json`` it is JSON, with ``.yaml`` or ``.yml`` YAML, which needs the package
    PyYAML. It holds one of three:

    * a whole configuration, in the schema of :func:`logging.config.dictConfig`, which replaces what was configured;
    * a table ``[gntp]`` with the options of one handler. The root logger gets this handler, and keeps those that it
      has; only a handler from an earlier call is replaced. A root logger without another handler also gets one that
      prints warnings and errors on stderr, as Python does without any handler. Levels of loggers stay as they are;
    * in a ``pyproject.toml``, a table ``[tool.gntp_logging]`` with either of these.

    The tables of this package's handlers are checked before anything is changed, key by key, and so are the names of
    handlers, filters and formatters that they and the loggers refer to. :mod:`logging.config` judges the rest. Of the
    environment, only ``GNTP_LOGGING_DISABLED`` and the variable that ``password_env`` names are read. Relative paths in
    the file start from the program's working directory.

    Returns:
        The handlers of this package that were made.

    Raises:
        ConfigurationError: If the file holds none of the three, or what this package or :mod:`logging.config` refuses.
        OSError: If the file cannot be read.
    """
    return read(path).apply()
