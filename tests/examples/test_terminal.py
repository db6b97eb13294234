"""Every example leaves a program its own log: with the desktop off, warnings and errors are on stderr."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from tests.examples.conftest import (
    CELERY_WORKER,
    EXAMPLES,
    RequestOnce,
    RunExample,
    copy_of_logging_toml,
    write_celery_application,
)
from tests.running import StartProgram, get, starting
from tests.support import free_port, wait_until

LOGS: Final = """\
import logging
logging.getLogger("shop.stock").warning("stock is low")
logging.getLogger("shop.stock").error("no stock")
"""
"""What a program logs that was built on an example."""
IN_A_FUNCTION: Final = textwrap.indent(LOGS, "    ")


class Bench(NamedTuple):
    """What runs examples.

    Attributes:
        folder: Where programs are written, and found as modules.
        port: The one on which no GNTP server listens.
        run: Runs a program to its end.
        request_once: Serves a WSGI application for one request.
        start: Starts a program; its output is what it writes to stderr.
    """

    folder: Path
    port: int
    run: RunExample
    request_once: RequestOnce
    start: StartProgram

    def script(self, name: str, *arguments: str) -> str:
        """Run an example, then log."""
        run = f"import runpy, sys\ndel sys.argv[0]\nrunpy.run_path({str(EXAMPLES / name)!r}, run_name='__main__')\n"
        (self.folder / "shop.py").write_text(run + LOGS, "utf-8")
        finished = self.run(str(self.folder / "shop.py"), name, *arguments)
        assert finished.returncode == 0, finished.stderr
        return finished.stderr

    def toml(self) -> str:
        """Run the example with its configuration, whose port no variable says."""
        return self.script("logging_toml.py", str(copy_of_logging_toml(self.folder, self.port)))

    def wsgi(self, application: str, path: str) -> str:
        """Serve an application of an example for one request, after it has logged."""
        (self.folder / "shop.py").write_text(f"{application}\n{LOGS}", "utf-8")
        status, errors = self.request_once("shop:app", path)
        assert status == 500
        return errors

    def server(self, application: str, listens: str, *arguments: str) -> str:
        """Serve an application for one request, and wait for the traceback of what it raises."""
        (self.folder / "shop.py").write_text(application, "utf-8")
        server = self.start("-m", *arguments)
        get(server.number_after(f"{listens} http://127.0.0.1:"), "/checkout")
        server.wait_for("KeyError: 'total'")
        return server.output

    def celery(self) -> str:
        """Let a worker do one task, before which it logs."""
        signal = f"from celery.signals import task_prerun\n@task_prerun.connect\ndef log(**_):\n{IN_A_FUNCTION}"
        write_celery_application(self.folder, signal)
        self.start("shop.py")
        wait_until(lambda: any((self.folder / "queue").iterdir()))
        worker = self.start(*CELERY_WORKER)
        worker.wait_for("KeyError: 'total'")
        return worker.output


FLASK: Final = "from flask_app import app"
DJANGO: Final = "from django.core.wsgi import get_wsgi_application\napp = get_wsgi_application()"
FASTAPI: Final = f"from fastapi_app import app\n{LOGS}"
WSGI: Final = f"def app(environ, start_response):\n{IN_A_FUNCTION}    raise KeyError('total')\n"
ASGI: Final = f"async def app(scope, receive, send):\n{IN_A_FUNCTION}    raise KeyError('total')\n"


class Run(NamedTuple):
    """How an example is run.

    Attributes:
        stderr: Runs it, and returns what was written there.
        words: What the example itself logs.
        needs: Packages that are not there for the tests alone.
    """

    stderr: Callable[[Bench], str]
    words: tuple[str, ...] = ("KeyError: 'total'",)
    needs: tuple[str, ...] = ()


TOML: Final = Run(Bench.toml, ("Only 4 % of the backup disk is free",))
RUNS: Final = {
    "celery_app.py": Run(Bench.celery, needs=("celery",)),
    "django_settings.py": Run(lambda bench: bench.wsgi(DJANGO, "/checkout/"), needs=("django",)),
    "fastapi_app.py": Run(
        lambda bench: bench.server(FASTAPI, "Uvicorn running on", "uvicorn", "shop:app", "--port", "0"),
        needs=("fastapi", "uvicorn"),
    ),
    "flask_app.py": Run(lambda bench: bench.wsgi(FLASK, "/checkout"), needs=("flask",)),
    "gunicorn.conf.py": Run(
        lambda bench: bench.server(
            WSGI, "Listening at:", "gunicorn", "--config", str(EXAMPLES / "gunicorn.conf.py"), "--bind", "127.0.0.1:0",
            "shop:app",
        ),
        needs=("gunicorn",),
    ),
    "logging.toml": TOML,
    "logging_toml.py": TOML,
    "loguru_app.py": Run(
        lambda bench: bench.script("loguru_app.py"), ("Order 4711 was not paid", "KeyError: 'total'"), ("loguru",)
    ),
    "quickstart.py": Run(
        lambda bench: bench.script("quickstart.py"), ("Backup took 95 minutes", "KeyError: 'backup'")
    ),
    "structlog_app.py": Run(
        lambda bench: bench.script("structlog_app.py"), ("order was not paid", "KeyError: 'total'"), ("structlog",)
    ),
    "uvicorn_log.json": Run(
        lambda bench: bench.server(
            ASGI, "Uvicorn running on", "uvicorn", "--log-config", str(EXAMPLES / "uvicorn_log.json"), "--lifespan",
            "off", "--port", "0", "shop:app",
        ),
        needs=("uvicorn",),
    ),
}  # fmt: skip


@pytest.fixture(params=[False, True], ids=["nobody listens", "switched off"])
def bench(
    request: pytest.FixtureRequest,
    environment: dict[str, str],
    run_example: RunExample,
    request_once: RequestOnce,
    tmp_path: Path,
) -> Iterator[Bench]:
    """Runs examples with the desktop off, in one of two ways."""
    port = free_port()
    environment |= {"GNTP_PORT": str(port), "DJANGO_SETTINGS_MODULE": "django_settings"}
    environment["PYTHONPATH"] = os.pathsep.join([str(tmp_path), *filter(None, [environment.get("PYTHONPATH")])])
    if request.param:
        environment["GNTP_LOGGING_DISABLED"] = "1"
    with starting(tmp_path, environment, EXAMPLES, stdout=False) as start:
        yield Bench(tmp_path, port, run_example, request_once, start)


@pytest.mark.parametrize("example", sorted(path.name for path in EXAMPLES.iterdir() if path.is_file()))
def test_warnings_and_errors_are_printed_once(bench: Bench, example: str) -> None:
    """The example's own, and those of a program that was built on it."""
    run = RUNS[example]  # a new example says here how it is run
    for package in run.needs:
        pytest.importorskip(package, reason=f"needs {package}: pip install {package}")

    stderr = run.stderr(bench)

    for words in ("stock is low", "no stock"):
        assert stderr.count(words) == 1, stderr
    for words in run.words:
        assert words in stderr, stderr
