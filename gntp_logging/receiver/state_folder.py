"""The folder for what this program keeps between two runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Final

_NAME: Final = "gntp-logging"


def state_folder() -> str:
    """Return the user's folder for this program's state; it may not exist yet.

    platformdirs names it, if it is installed: the extras ``web`` and ``desktop`` bring it.
    """
    try:
        import platformdirs
    except ModuleNotFoundError:
        return usual_folder(sys.platform, os.environ, os.path.expanduser("~"))
    return platformdirs.user_state_dir(_NAME, appauthor=False)


def usual_folder(platform: str, environ: Mapping[str, str], home: str) -> str:
    """Return the same folder as platformdirs does, for systems of each kind.

    Args:
        platform: ``sys.platform``.
        environ: Environment variables.
        home: The user's home folder.
    """
    wanted = environ.get("XDG_STATE_HOME", "")
    if platform == "win32":
        parent = environ.get("LOCALAPPDATA") or os.path.join(home, "AppData", "Local")
    elif os.path.isabs(wanted):  # another one is to be ignored
        parent = wanted
    elif platform == "darwin":
        parent = os.path.join(home, "Library", "Application Support")
    else:
        parent = os.path.join(home, ".local", "state")
    return os.path.join(parent, _NAME)
