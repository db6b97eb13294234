"""Each page about a framework: its code as it stands, with the real framework, shows what the page shows."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gntp_logging.receiver.registry import Toast
from tests.documents import ROOT, Block, blocks
from tests.running import BOUND, StartProgram, get, request, starting
from tests.support import RunningReceiver

Write = Callable[[str, str], Path]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The folder of the application: alerts name it."""
    folder = tmp_path / "shop"
    folder.mkdir()
    return folder


@pytest.fixture
def start(project: Path) -> Iterator[StartProgram]:
    """Starts programs in the application's folder, and sees to it that they end."""
    with starting(project, os.environ, project) as start:
        yield start


@pytest.fixture
def write(project: Path) -> Write:
    """Writes a file of the application."""

    def to(name: str, text: str) -> Path:
        path = project / name
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    return to


def code_of(page: str, port: int, language: str = "python", number: int = 0) -> str:
    """Return the code of a page; its server is the test's, which is on this machine and has no password."""
    code = [block.text for block in _blocks(page) if block.language == language][number]
    changed, count = re.subn(
        r"""(["']?)\bhost\b\1(\s*[:=]\s*)(["'])desk\.example\3""",
        lambda host: f"{host[1]}port{host[1]}{host[2]}{port}",
        code,
    )
    assert count == 1, code
    return changed


def shown_by(page: str) -> str:
    """Return the alert that a page shows."""
    return next(block.text for block in _blocks(page) if block.language == "").rstrip("\n")


def _blocks(page: str) -> list[Block]:
    return blocks(ROOT / "docs" / "frameworks" / f"{page}.md")


def alike(toast: Toast | str) -> str:
    """Return an alert without what differs from run to run: lines, counts, ids, and the machine's name."""
    text = toast if isinstance(toast, str) else f"{toast.title}\n{toast.text}"
    text = text.replace(f" · {platform.node()}", " · MACHINE")
    text = re.sub(r" · (web-3|worker-1)(?= · |$)", " · MACHINE", text)
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4,12}){4}", "ID", text)
    return re.sub(r"(?<=:)\d+(?= in )|(?<=\(\+)\d+(?= in libraries)", "N", text)


def assert_shown(page: str, toast: Toast) -> None:
    """Compare an alert with the one that the page shows."""
    assert alike(toast) == alike(shown_by(page))


def test_flask(start: StartProgram, write: Write, receiver: RunningReceiver) -> None:
    """Its own server; the terminal has Flask's log as well."""
    pytest.importorskip("flask", reason="needs Flask: pip install 'flask>=3'")
    view = '\n\n@app.get("/checkout")\ndef checkout():\n    return {}["total"]\n'
    write("app.py", code_of("flask", receiver.port) + view)
    server = start("-m", "flask", "--app", "app", "run", "--port", "0")
    port = server.number_after("Running on http://127.0.0.1:")
    assert request(port, "/checkout?card=4711")[0] == 500
    assert request(port, "/nothing")[0] == 404
    (toast,) = receiver.wait_for(1)
    assert_shown("flask", toast)
    server.wait_for("ERROR app: Exception on /checkout [GET]")


def test_fastapi(start: StartProgram, write: Write, receiver: RunningReceiver) -> None:
    """On uvicorn, which prints its own log once."""
    pytest.importorskip("fastapi", reason="needs FastAPI: pip install fastapi")
    pytest.importorskip("uvicorn", reason="needs uvicorn: pip install uvicorn")
    view = '\n\n@app.get("/checkout")\nasync def checkout():\n    return {}["total"]\n'
    write("app.py", code_of("fastapi", receiver.port) + view)
    server = start("-m", "uvicorn", "app:app", "--port", "0")
    port = server.number_after("Uvicorn running on http://127.0.0.1:")
    assert request(port, "/checkout?card=4711")[0] == 500
    (toast,) = receiver.wait_for(1)
    assert_shown("fastapi", toast)
    server.wait_for("KeyError: 'total'")
    server.stop()
    assert server.output.count("Exception in ASGI application") == 1


def test_plain_wsgi(start: StartProgram, write: Write, receiver: RunningReceiver) -> None:
    """Served by the standard library."""
    serve = """

    if __name__ == "__main__":
        from wsgiref.simple_server import make_server
        server = make_server("127.0.0.1", 0, application)
        print("port", server.server_port)
        server.serve_forever()
    """
    write("app.py", code_of("plain", receiver.port) + textwrap.dedent(serve))
    server = start("app.py")
    assert get(server.number_after("port "), "/checkout?card=4711") == "0 euros"
    (toast,) = receiver.wait_for(1)
    assert_shown("plain", toast)
    server.wait_for("ERROR:shop:Cannot add up the basket")


def test_plain_asgi(start: StartProgram, write: Write, receiver: RunningReceiver) -> None:
    """Served by uvicorn; the alert is the one of WSGI."""
    pytest.importorskip("uvicorn", reason="needs uvicorn: pip install uvicorn")
    write("app.py", code_of("plain", receiver.port, number=1))
    server = start("-m", "uvicorn", "app:application", "--lifespan", "off", "--port", "0")
    assert get(server.number_after("Uvicorn running on http://127.0.0.1:"), "/checkout?card=4711") == "0 euros"
    (toast,) = receiver.wait_for(1)
    assert_shown("plain", toast)


def test_celery(start: StartProgram, write: Write, receiver: RunningReceiver, project: Path) -> None:
    """A worker of its own; the broker is a folder."""
    pytest.importorskip("celery", reason="needs Celery: pip install celery")
    for folder in ("queue", "control"):
        (project / folder).mkdir()
    more = """

    app.conf.update(
        broker_url="filesystem://", broker_connection_retry_on_startup=True,
        broker_transport_options={"data_folder_in": "queue", "data_folder_out": "queue", "control_folder": "control"},
    )

    @app.task
    def pay(order):
        return {}["total"]
    """
    write("tasks.py", code_of("celery", receiver.port) + textwrap.dedent(more))
    start("-c", "import tasks; tasks.pay.delay(4711); print('sent')").wait_for("sent")
    worker = start(
        "-m", "celery", "-A", "tasks", "worker", "--concurrency", "1", "--without-gossip", "--without-mingle",
        "--without-heartbeat",
    )  # fmt: skip
    (toast,) = receiver.wait_for(1, BOUND)
    assert_shown("celery", toast)
    worker.wait_for("raised unexpected: KeyError('total')")


APPLICATION = """
    import logging, time

    def application(environ, start_response):
        if environ["PATH_INFO"] == "/slow":
            time.sleep(60)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"%d euros" % {"apples": 3}[environ["PATH_INFO"][1:]]]
"""


def test_gunicorn(start: StartProgram, write: Write, receiver: RunningReceiver) -> None:
    """An exception is one alert, and so is a worker that takes too long; the terminal has both."""
    pytest.importorskip("gunicorn", reason="needs gunicorn: pip install gunicorn")
    write("app.py", APPLICATION)
    write("gunicorn.conf.py", code_of("gunicorn", receiver.port))
    server = start("-m", "gunicorn", "--bind", "127.0.0.1:0", "--timeout", "1", "app:application")
    port = server.number_after("Listening at: http://127.0.0.1:")
    assert get(port, "/apples") == "3 euros"
    assert request(port, "/pears")[0] == 500
    assert receiver.wait_for(1)[0].title == "KeyError: 'pears'"
    assert request(port, "/slow")[0] == 500
    assert_shown("gunicorn", receiver.wait_for(2)[1])
    assert get(port, "/apples") == "3 euros"  # by another worker
    server.stop()
    assert len(receiver.toasts) == 2
    for words in ("WORKER TIMEOUT", "SystemExit: 1", "KeyError: 'pears'"):
        assert server.output.count(words) == 1, server.output


def test_uvicorn(start: StartProgram, write: Write, receiver: RunningReceiver) -> None:
    """What the application lets through, and what it logs itself, with the line that shows the request."""
    pytest.importorskip("uvicorn", reason="needs uvicorn: pip install uvicorn")
    application = """
        import logging
        import gntp_logging

        async def fail(scope, receive, send):
            logging.getLogger("shop").error("No price for %s", "pears")
            raise KeyError("total")

        application = gntp_logging.RequestContextMiddleware(fail)
    """
    write("app.py", application)
    written = json.loads(code_of("uvicorn", receiver.port, "json"))
    write("log.json", json.dumps(written))
    server = start(
        "-m", "uvicorn", "app:application", "--lifespan", "off", "--port", "0", "--log-config", "log.json"
    )  # fmt: skip
    assert request(server.number_after("Uvicorn running on http://127.0.0.1:"), "/checkout")[0] == 500
    own, let_through = receiver.wait_for(2)
    assert (own.title, let_through.title) == ("No price for pears", "KeyError: 'total'")
    assert {toast.text.rpartition(" · ")[2] for toast in (own, let_through)} == {"GET /checkout"}
    server.wait_for("KeyError: 'total'")
    for words in ("No price for pears", "Exception in ASGI application", "KeyError: 'total'"):
        assert server.output.count(words) == 1, server.output


def _run(write: Write, name: str, code: str) -> subprocess.CompletedProcess[str]:
    path = write(name, code)
    return subprocess.run(
        [sys.executable, name], cwd=path.parent, capture_output=True, encoding="utf-8", timeout=BOUND, check=False
    )


def test_structlog(write: Write, receiver: RunningReceiver) -> None:
    """The terminal has the event with what is bound."""
    pytest.importorskip("structlog", reason="needs structlog: pip install structlog")
    code = code_of("structlog", receiver.port)
    result = _run(write, "app.py", f'{code}\nlogger.error("order was not paid", order=4711)\n')
    assert result.returncode == 0, result.stderr
    (toast,) = receiver.wait_for(1)
    assert_shown("structlog", toast)
    assert re.search("order was not paid .*order=4711", result.stderr)


def test_loguru(write: Write, receiver: RunningReceiver) -> None:
    """The terminal has loguru's own line."""
    pytest.importorskip("loguru", reason="needs loguru: pip install loguru")
    pay = 'from loguru import logger\n\ndef pay():\n    logger.bind(order=4711).error("Order {} was not paid", 4711)\n'
    write("orders.py", pay)
    result = _run(write, "main.py", f"{code_of('loguru', receiver.port)}\nimport orders\norders.pay()\n")
    assert result.returncode == 0, result.stderr
    (toast,) = receiver.wait_for(1)
    assert_shown("loguru", toast)
    assert "Order 4711 was not paid" in result.stderr


def test_scripts(write: Write, receiver: RunningReceiver) -> None:
    """What ends a script is shown before it has ended, and printed as before."""
    save = "\n\ndef save():\n    open('/srv/db.dump')\n\n\nsave()\n"
    result = _run(write, "backup.py", code_of("scripts", receiver.port) + save)
    assert result.returncode == 1
    (toast,) = receiver.toasts
    assert_shown("scripts", toast)
    assert result.stderr.endswith("FileNotFoundError: [Errno 2] No such file or directory: '/srv/db.dump'\n")


def test_every_page_is_run_by_a_test() -> None:
    """By its name; Django's page has tests of its own."""
    pages = {page.stem for page in (ROOT / "docs" / "frameworks").glob("*.md")}
    here = Path(__file__).read_text("utf-8")
    assert {page for page in pages if f'code_of("{page}"' not in here and f"code_of('{page}'" not in here} == {"django"}
