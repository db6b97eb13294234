"""The program ``gntp-logging``, and ``python -m gntp_logging``: Ctrl-C is quiet from its beginning to its end."""

import os
import signal
import sys

_INTERRUPTED = 130
"""What shells report for a program that Ctrl-C ended: 128 and the signal's number."""

_RELOADING = {"relay", "--tls-cert"}
"""Arguments with which SIGHUP has files read again. It must not end a program that has not come to that yet."""


def main() -> int:
    """Run the command that the process's arguments name, and return its exit code."""
    if hasattr(signal, "SIGHUP") and not _RELOADING.isdisjoint(word.partition("=")[0] for word in sys.argv):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:  # SIGINT was ignored at the start
        from .commands import cli

        return cli.main()
    # While modules are imported, and while Python itself ends, a KeyboardInterrupt would be printed as a traceback.
    signal.signal(signal.SIGINT, _leave)
    from .commands import cli

    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        return cli.main()
    except KeyboardInterrupt:
        return _INTERRUPTED
    finally:
        signal.signal(signal.SIGINT, _leave)


def _leave(*_: object) -> None:
    os._exit(_INTERRUPTED)


if __name__ == "__main__":
    sys.exit(main())
