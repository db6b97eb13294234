"""serving: alerts name the request that is served where they are logged, and no other; no error costs a request."""

from __future__ import annotations

import json
import logging
import sys
import types
from typing import Any

import pytest

from gntp_logging.alerts import serving
from gntp_logging.alerts.context import Context
from gntp_logging.alerts.serving import Request
from tests.support import run_program

SITE = """
    import asyncio, json, logging, sys, threading
    import django
    from django.conf import settings
    from django.http import HttpResponse, StreamingHttpResponse
    from django.urls import path

    settings.configure(
        SECRET_KEY="x", ALLOWED_HOSTS=["*"], ROOT_URLCONF="__main__",
        LOGGING={
            "version": 1,
            "handlers": {"desktop": {"class": "gntp_logging.GNTPHandler", "enabled": False}},
            "root": {"handlers": ["desktop"]},
        },
    )
    django.setup()
    (handler,) = logging.getLogger().handlers

    def said():
        record = logging.LogRecord("shop", logging.ERROR, "", 1, "x", None, None)
        context = handler.preview(record).context
        return " ".join(value for name, value in context if name in ("method", "path"))

    together = threading.Barrier(2, timeout=10)

    def plain(request, number):
        together.wait()
        return HttpResponse(said())

    async def asynchronous(request, number):
        await asyncio.get_running_loop().run_in_executor(None, together.wait)
        return HttpResponse(said())

    def starting(request):
        told = []
        thread = threading.Thread(target=lambda: told.append(said()))
        thread.start()
        thread.join()
        return HttpResponse(f"{said()}|{told[0]}")

    def streaming(request):
        return StreamingHttpResponse(said() for _ in range(1))

    urlpatterns = [
        path("plain/<number>/", plain),
        path("asynchronous/<number>/", asynchronous),
        path("starting/", starting),
        path("streaming/", streaming),
    ]
"""
BY_WSGI = """
    import io
    from django.core.wsgi import get_wsgi_application
    application = get_wsgi_application()

    def ask(path):
        environ = {
            "REQUEST_METHOD": "POST", "SCRIPT_NAME": "", "PATH_INFO": path, "QUERY_STRING": "token=secret",
            "SERVER_NAME": "shop", "SERVER_PORT": "80", "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(),
        }
        body = application(environ, lambda *_: None)
        answer = b"".join(body).decode()
        body.close()
        answers.append((answer, said()))

    def ask_together(*paths):
        threads = [threading.Thread(target=ask, args=[path]) for path in paths]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
"""
BY_ASGI = """
    from django.core.asgi import get_asgi_application
    application = get_asgi_application()

    async def serve(path):
        scope = {
            "type": "http", "method": "POST", "path": path, "query_string": b"token=secret", "headers": [],
            "http_version": "1.1", "server": ("shop", 80), "scheme": "http", "root_path": "",
        }
        sent, asked = [], []
        ended = asyncio.Event()

        async def receive():
            if asked:
                await ended.wait()
            asked.append(True)
            return {"type": "http.request", "body": b""}

        async def send(message):
            sent.append(message.get("body", b""))

        await application(scope, receive, send)
        answers.append((b"".join(sent).decode(), said()))

    def ask_together(*paths):
        async def serve_all():
            await asyncio.gather(*map(serve, paths))
        asyncio.run(serve_all())

    ask = ask_together
"""


@pytest.mark.program
@pytest.mark.parametrize("server", [BY_WSGI, BY_ASGI], ids=["wsgi", "asgi"])
def test_a_record_inside_of_a_django_view_names_its_request(server: str) -> None:
    """In views of both kinds, several at once; neither in threads that a view starts nor after the request."""
    pytest.importorskip("django")
    ending = """
    answers = []
    ask_together("/plain/1/", "/plain/2/")
    ask_together("/asynchronous/1/", "/asynchronous/2/")
    ask("/starting/")
    ask("/streaming/")
    print(json.dumps([answers, said()]))
    """
    finished = run_program(SITE + server + ending)
    assert finished.returncode == 0, finished.stderr
    answers, afterwards = json.loads(finished.stdout.splitlines()[-1])
    assert dict(answers) == {
        "POST /asynchronous/1/": "",
        "POST /asynchronous/2/": "",
        "POST /plain/1/": "",
        "POST /plain/2/": "",
        "POST /starting/|": "",
        "POST /streaming/": "",
    }
    assert afterwards == ""


@pytest.mark.program
def test_no_handler_imports_django() -> None:
    """One that is made before Django's settings exist follows nothing."""
    finished = run_program("""
        import sys
        import gntp_logging
        gntp_logging.GNTPHandler(enabled=False)
        print([name for name in sys.modules if name.split(".")[0] in ("django", "asgiref")])
    """)
    assert (finished.stdout, finished.stderr) == ("[]\n", "")


# -- By itself -----------------------------------------------------------------------------------


@pytest.fixture
def django(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of Django's but its signals' module, and no asgiref."""
    monkeypatch.setitem(sys.modules, "django.core.signals", types.ModuleType("django.core.signals"))
    monkeypatch.delitem(sys.modules, "asgiref.sync", raising=False)


def found() -> dict[str, str]:
    """Return what an alert would tell here and now, but for the machine."""
    return dict(Context({"machine": None}).of(logging.makeLogRecord({})))


def test_the_path_is_the_one_that_was_asked_for(django: None) -> None:
    """With what the application is mounted at, in UTF-8, and without the query."""
    environ = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "/shop", "PATH_INFO": "/t\xc3\xa9/", "QUERY_STRING": "a=b"}
    serving._started(environ=environ, signal=None, sender=None)
    assert found() == {"method": "GET", "path": "/shop/té/"}
    serving._finished(signal=None, sender=None)
    assert found() == {}


@pytest.mark.parametrize(
    "named",
    [
        {},
        {"environ": None},
        {"environ": {}},
        {"environ": {"REQUEST_METHOD": 5}},
        {"environ": {"REQUEST_METHOD": "GET", "PATH_INFO": b"/"}},
        {"environ": object()},
        {"scope": {}},
        {"scope": object()},
    ],
)
def test_an_odd_request_is_none(django: None, named: dict[str, Any]) -> None:
    """It raises nothing into Django, and the request before is not told for it."""
    serving.served.set(Request("GET", "/before"))
    serving._started(**named)
    assert found() == {}


def test_an_asgiref_with_other_insides_costs_nothing(django: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a request nor a record."""
    monkeypatch.setitem(sys.modules, "asgiref.sync", types.ModuleType("asgiref.sync"))
    serving._started(environ={"REQUEST_METHOD": "GET", "PATH_INFO": "/"})
    serving._finished()
    assert found() == {}


def test_signals_with_other_insides_cost_nothing(django: None) -> None:
    """A module of that name may be anything."""
    serving.follow_django()
    assert found() == {}
