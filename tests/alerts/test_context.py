"""context: what is told of the machine, the request, the task; never at the price of a query, or of the alert."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import platform
import sys
import types
from collections.abc import Callable
from typing import Any

import pytest

from gntp_logging.alerts.context import MAX_ITEMS, MAX_LINE, MAX_VALUE, Context, cut_values, last_line
from gntp_logging.alerts.text import MAX_RAW_LINE


def record(**attributes: Any) -> logging.LogRecord:
    """Make a record with attributes that a framework has given it."""
    made = logging.LogRecord("shop", logging.ERROR, __file__, 1, "it broke", None, None)
    made.__dict__.update(attributes)
    return made


def found(context: Context, made: logging.LogRecord | None = None) -> dict[str, str]:
    """Return what a context finds beside the machine."""
    pairs = dict(context.of(made or record()))
    assert pairs.pop("machine") == platform.node()
    return pairs


def test_the_machine_is_always_known() -> None:
    """Which one of many it is."""
    assert last_line((), Context().of(record())) == platform.node()


def test_constants_variables_and_a_function_are_told() -> None:
    """What the user has named, each in its way."""
    release: contextvars.ContextVar[str] = contextvars.ContextVar("release")
    context = Context({"environment": "production", "shard": 7, "release": release, "none": None})
    assert found(context) == {"environment": "production", "shard": "7"}
    release.set("1.4")
    assert found(context) == {"environment": "production", "shard": "7", "release": "1.4"}
    assert found(Context(function=lambda made: {"level": made.levelname})) == {"level": "ERROR"}


def test_none_leaves_out_what_would_be_found() -> None:
    """Somebody may not want the machine's name on the desktop."""
    assert Context({"machine": None}).of(record()) == ()
    request = types.SimpleNamespace(method="GET", path="/")
    assert dict(Context({"machine": None, "path": None}).of(record(request=request))) == {"method": "GET"}


def test_a_function_that_fails_is_told_and_costs_nothing() -> None:
    """Its author sees it on the desktop."""

    def fail(_record: logging.LogRecord) -> dict[str, str]:
        raise KeyError("tenant")

    assert found(Context(function=fail)) == {"context": "KeyError while it was made"}
    assert found(Context(function=lambda _record: 5)) == {}


class Unprintable:
    """A value whose str raises."""

    def __str__(self) -> str:
        raise RuntimeError("no")


def test_a_value_that_cannot_be_printed_costs_itself_only() -> None:
    """The others are told."""
    assert found(Context(function=lambda _: {"a": Unprintable(), "b": 1, Unprintable(): 2})) == {"b": "1"}


def test_values_are_bounded_strings_on_one_line() -> None:
    """Whatever size and form they have, and however many there are."""
    values = {f"name {number}": "x\n" * 10_000 for number in range(1000)}
    pairs = Context(function=lambda _: values).of(record())
    assert len(pairs) == MAX_ITEMS
    assert all(len(value) <= MAX_RAW_LINE and "\n" not in value for _, value in pairs)
    assert all(len(value) <= MAX_VALUE for _, value in cut_values(pairs))
    assert len(last_line((), pairs)) <= MAX_LINE


def test_what_extra_adds_is_told_as_far_as_it_is_plain() -> None:
    """Not what would run somebody's code to be shown, and not the alert's overrides."""
    extra = {"order": 7, "paid": False, "basket": object(), "items": [1], "_private": 1, "gntp": {"key": "x"}}
    assert found(Context(), record(**extra)) == {"order": "7", "paid": "False", "items": "[1]"}
    assert found(Context({"order": None}), record(**extra)) == {"paid": "False", "items": "[1]"}


def test_a_status_is_told_once() -> None:
    """With the request that it belongs to, else alone."""
    request = types.SimpleNamespace(method="POST", path="/pay/")
    assert "status_code" not in found(Context(), record(request=request, status_code=500))
    assert found(Context(), record(status_code=500)) == {"status_code": "500"}


def test_what_frameworks_repeat_is_nothing_to_tell() -> None:
    """Level and logger, as structlog adds them; a task's arguments and traceback, which Celery gives."""
    assert found(Context(), record(logger="shop", level="error")) == {}
    assert found(Context(), record(logger="other", level=7)) == {"logger": "other", "level": "7"}
    made = record(data={"args": "(1,)", "traceback": "..."})
    assert found(Context(), made) == {"data": "{'args': '(1,)', 'traceback': '...'}"}
    made.name = "celery.app.trace"
    assert found(Context(), made) == {}


def test_what_formatters_and_servers_add_is_nothing_to_tell() -> None:
    """The message is told already, and uvicorn's is for terminals."""
    assert found(Context(), record(message="x", asctime="now", color_message="x", taskName="Task-1")) == {}


def test_what_loguru_binds_is_told() -> None:
    """It hands over its bound values as one attribute."""
    assert found(Context(), record(extra={"order": 7, "basket": object()})) == {"order": "7"}


def test_structlogs_context_variables_are_told() -> None:
    """Of records too that did not come through structlog."""
    contextvars_ = pytest.importorskip("structlog.contextvars")
    context = Context()
    with contextvars_.bound_contextvars(request_id="a-1", user=object()):
        assert found(context) == {"request_id": "a-1"}
    assert found(context) == {}


# -- Django --------------------------------------------------------------------------------------


def test_djangos_request_is_told_without_its_query() -> None:
    """Method, path, status; a query may hold anything."""
    request = types.SimpleNamespace(method="POST", path="/pay/", GET={"token": "secret"})
    made = record(request=request, status_code=500)
    assert found(Context(), made) == {"method": "POST", "path": "/pay/", "status": "500"}
    assert last_line((), Context().of(made)) == f"{platform.node()} · POST /pay/ · status 500"


def test_a_socket_as_the_request_is_no_request() -> None:
    """What django.server gives."""
    assert found(Context(), record(request=object())) == {}
    assert found(Context(), record(request=None)) == {}


def test_a_user_who_has_been_loaded_is_told_by_id() -> None:
    """The lazy object around the user is not touched."""
    functional = pytest.importorskip("django.utils.functional")
    loads = []

    def load() -> Any:
        loads.append(1)
        return types.SimpleNamespace(pk=7, email="a@example.com")

    user = functional.SimpleLazyObject(load)
    made = record(request=types.SimpleNamespace(method="GET", path="/", user=user))
    assert "user" not in found(Context(), made)
    assert loads == []
    assert user.email == "a@example.com"
    assert found(Context(), made)["user"] == "7"


def test_a_request_that_raises_costs_nothing() -> None:
    """Its attributes are somebody's code."""

    class Hostile:
        method = "GET"

        @property
        def path(self) -> str:
            raise RuntimeError("no")

    assert found(Context(), record(request=Hostile())) == {"method": "GET"}


# -- Others --------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", ["flask", "quart"])
def test_the_request_of_flask_and_quart_is_told_while_it_is_served(name: str) -> None:
    """And only then."""
    module = pytest.importorskip(name)
    app = module.Flask("shop") if name == "flask" else module.Quart("shop")
    context = Context()
    assert found(context) == {}

    def inside() -> dict[str, str]:
        module.g._login_user = types.SimpleNamespace(id=7)
        return found(context)

    if name == "flask":
        with app.test_request_context("/checkout?token=secret", method="POST"):
            told = inside()
    else:

        async def serve() -> dict[str, str]:
            async with app.test_request_context("/checkout?token=secret", method="POST"):
                return inside()

        told = asyncio.run(serve())
    assert told == {"method": "POST", "path": "/checkout", "user": "7"}
    assert found(context) == {}


def test_a_celery_task_is_told_by_name_and_id() -> None:
    """While it runs; in a program that has only imported Celery there is none."""
    celery = pytest.importorskip("celery")
    context = Context()
    app = celery.Celery("shop", broker="memory://", set_as_current=False)
    assert found(context) == {}

    @app.task(name="shop.pay")  # type: ignore[untyped-decorator]  # Celery has no types
    def pay() -> dict[str, str]:
        return found(context)

    told = pay.apply(task_id="a-1").get(disable_sync_subtasks=False)
    assert told == {"task": "shop.pay", "task_id": "a-1"}


def test_a_framework_with_other_insides_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A module of that name may be anything, of any age."""
    monkeypatch.setitem(sys.modules, "quart", types.ModuleType("quart"))
    monkeypatch.setitem(sys.modules, "celery._state", types.ModuleType("celery._state"))
    assert found(Context(), record(request=types.SimpleNamespace(method="GET", path="/"))) == {
        "method": "GET", "path": "/",
    }  # fmt: skip


def test_context_variables_are_those_of_the_thread_that_logs(make_thread: Callable[..., None]) -> None:
    """Not of the worker's."""
    tenant: contextvars.ContextVar[str] = contextvars.ContextVar("tenant")
    context = Context({"tenant": tenant})
    told: list[dict[str, str]] = []

    def log() -> None:
        tenant.set("inner")
        told.append(found(context))

    tenant.set("outer")
    make_thread(log)
    told.append(found(context))
    assert told == [{"tenant": "inner"}, {"tenant": "outer"}]


@pytest.fixture
def make_thread() -> Callable[..., None]:
    """Runs a function to its end in a thread of its own."""
    import threading

    def run(function: Callable[[], None]) -> None:
        thread = threading.Thread(target=function)
        thread.start()
        thread.join()

    return run
