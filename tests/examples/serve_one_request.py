"""Serve one HTTP request on a free port with a WSGI application, then end. No test: tests run it as a program.

``python serve_one_request.py MODULE:NAME`` or, for a function that makes the application, ``MODULE:NAME()``. The port
is printed.
"""

from __future__ import annotations

import importlib
import sys
from wsgiref.simple_server import WSGIRequestHandler, make_server


class QuietHandler(WSGIRequestHandler):
    """Logs no requests, so that what is on stderr is the application's."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def main() -> None:
    """Serve."""
    module, _, name = sys.argv[1].partition(":")
    application = getattr(importlib.import_module(module), name.removesuffix("()"))
    if name.endswith("()"):
        application = application()
    with make_server("127.0.0.1", 0, application, handler_class=QuietHandler) as server:
        server.timeout = 30  # a test that fails before its request must not leave a process behind
        print(server.server_port, flush=True)
        server.handle_request()


if __name__ == "__main__":
    main()
