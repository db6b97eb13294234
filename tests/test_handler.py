"""GNTPHandler: the contract with logging, and alerts as a desktop gets them."""

from __future__ import annotations

import inspect
import logging
import logging.config
import platform
import re
import socket
import sys
import threading
import weakref
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gntp_logging import GNTPHandler, OptionError
from gntp_logging.alerts.alert import Alert
from gntp_logging.alerts.clean import clean
from gntp_logging.gntp.headers import safe_value
from gntp_logging.gntp.models import Resource
from gntp_logging.handler import _HandedOver
from tests.support import (
    PATIENCE,
    RunningReceiver,
    ScriptedServer,
    answer_error,
    answer_ok,
    gntp_transport,
    run_program,
    running_receiver,
    said,
    without_last_line,
)


def attach(logger: logging.Logger, port: int, **options: Any) -> GNTPHandler:
    """Give a logger a handler."""
    handler = GNTPHandler(**{"host": "127.0.0.1", "port": port, "app_name": "shop", **options})
    logger.addHandler(handler)
    return handler


def test_dict_config_puts_an_error_on_the_desktop_encrypted() -> None:
    """A few lines of dictConfig are all a program needs."""
    with running_receiver(["secret"]) as receiver:
        logging.config.dictConfig(
            {
                "version": 1,
                "disable_existing_loggers": False,
                "handlers": {
                    "gntp": {
                        "class": "gntp_logging.GNTPHandler",
                        "level": "ERROR",
                        "app_name": "shop",
                        "port": receiver.port,
                        "password": "secret",
                        "encryption": "AES",
                    }
                },
                "loggers": {"shop.orders": {"handlers": ["gntp"], "propagate": False}},
            }
        )
        logger = logging.getLogger("shop.orders")
        try:
            logger.warning("not shown")
            logger.error("order %d failed", 7)
            (toast,) = receiver.wait_for(1)
        finally:
            (handler,) = logger.handlers
            logger.removeHandler(handler)
            handler.close()
    assert (toast.title, toast.text) == ("order 7 failed", f"ERROR · shop.orders · {platform.node()}")
    assert (toast.application, toast.name, toast.priority, toast.sticky) == ("shop", "Error", 1, False)
    assert (toast.encryption, toast.hash_) == ("AES", "SHA256")


@pytest.mark.parametrize(
    ("options", "encryption", "hashing"),
    [
        ({}, "", ""),
        ({"password": "secret"}, "", "SHA256"),
        ({"password": "secret", "key_hashing": "MD5"}, "", "MD5"),
        ({"password": "secret", "key_hashing": "SHA1"}, "", "SHA1"),
        ({"password": "secret", "key_hashing": "SHA512", "encryption": "AES"}, "AES", "SHA512"),
        ({"password": "secret", "encryption": "3DES"}, "3DES", "SHA256"),
        ({"password": "secret", "key_hashing": "MD5", "encryption": "DES"}, "DES", "MD5"),
    ],
)
def test_every_way_to_trust_arrives(
    logger: logging.Logger, options: dict[str, str], encryption: str, hashing: str
) -> None:
    """Plain, keyed and encrypted alerts arrive as configured."""
    with running_receiver([options["password"]] if options else []) as receiver:
        handler = attach(logger, receiver.port, **options)
        logger.error("it broke")
        assert handler.flush(10)
        (toast,) = receiver.toasts
    assert (said(toast), toast.encryption, toast.hash_) == ("it broke", encryption, hashing)


def test_the_first_emit_registers_and_the_second_does_not(logger: logging.Logger) -> None:
    """One REGISTER, then a NOTIFY for each record."""
    requests: list[bytes] = []

    def serve(sock: socket.socket, number: int) -> None:
        requests.append(sock.recv(65536, socket.MSG_PEEK))
        answer_ok(sock, number)

    with ScriptedServer(serve) as server:
        handler = attach(logger, server.port)
        logger.error("one")
        logger.error("two")
        assert handler.flush(10)
        assert handler.stats().shown == 2
    assert [request.split()[1] for request in requests] == [b"REGISTER", b"NOTIFY", b"NOTIFY"]


def test_the_constructor_does_no_network_and_starts_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even a name is looked up before the first record."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the constructor touched the network")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    before = threading.active_count()
    handler = GNTPHandler(host="growl.example", password="secret", encryption="AES")
    assert threading.active_count() == before
    assert handler.stats().state == "idle"
    handler.close()


def test_emit_does_no_io_on_the_calling_thread(
    logger: logging.Logger, receiver: RunningReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All sockets are made on one other thread."""
    makers: set[int] = set()
    real = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> None:
        makers.add(threading.get_ident())
        real(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)
    handler = attach(logger, receiver.port)
    for number in range(5):
        logger.error("record %d", number)
    assert handler.flush(10)
    assert len(makers) == 1
    assert threading.get_ident() not in makers


@pytest.mark.program
def test_nothing_is_imported_on_the_workers_thread() -> None:
    """A fork during an import would leave the child with half a module for ever: the constructor imports it all."""
    program = """
        import logging, sys
        import gntp_logging
        handler = gntp_logging.GNTPHandler(
            host=sys.argv[1], port=int(sys.argv[2]), password="secret", encryption="AES", icon=b"picture"
        )
        before = set(sys.modules)
        handler.handle(logging.LogRecord("x", logging.ERROR, "", 1, "it broke", None, None))
        assert handler.flush(10)
        print(sorted(set(sys.modules) - before))
    """
    with running_receiver(["secret"]) as receiver:
        for host in ("127.0.0.1", "localhost"):
            result = run_program(program, host, receiver.port)
            assert (result.stdout, result.stderr) == ("[]\n", "")
        assert len(receiver.toasts) == 2


def test_each_level_has_its_event_and_priority(logger: logging.Logger, receiver: RunningReceiver) -> None:
    """Levels map by threshold: 25 is Info, 5 is Debug."""
    handler = attach(logger, receiver.port)
    logger.setLevel(1)
    for level in (5, 10, 20, 25, 30, 40, 50):
        logger.log(level, "level %d", level)
    assert handler.flush(10)
    assert [(toast.name, toast.priority, toast.sticky) for toast in receiver.toasts] == [
        ("Debug", -2, False),
        ("Debug", -2, False),
        ("Info", -1, False),
        ("Info", -1, False),
        ("Warning", 0, False),
        ("Error", 1, False),
        ("Critical", 2, True),
    ]


def test_levels_can_be_overridden(logger: logging.Logger, receiver: RunningReceiver, tmp_path: Path) -> None:
    """Event, priority, stickiness and picture of a level are the user's to choose."""
    (tmp_path / "fire.png").write_bytes(b"fire")
    table = {"ERROR": {"event": "Fire", "priority": 2, "sticky": True, "icon": str(tmp_path / "fire.png")}}
    handler = attach(logger, receiver.port, levels=table, icon=b"shop")
    logger.error("hot")
    logger.warning("warm")
    assert handler.flush(10)
    fire, warning = receiver.toasts
    assert (fire.name, fire.priority, fire.sticky, fire.icon) == ("Fire", 2, True, Resource(data=b"fire"))
    assert (warning.name, warning.icon) == ("Warning", Resource(data=b"shop"))


def test_one_record_can_look_different(logger: logging.Logger, receiver: RunningReceiver, tmp_path: Path) -> None:
    """extra={"gntp": ...} changes one alert, and an event that only it names is registered."""
    (tmp_path / "ship.png").write_bytes(b"ship")
    handler = attach(logger, receiver.port, url="https://127.0.0.1/errors")
    logger.error("before")
    wishes = {"title": "Shipped", "event": "Deploy", "priority": -2, "sticky": True, "icon": str(tmp_path / "ship.png")}
    logger.info("release 7", extra={"gntp": {**wishes, "url": "https://127.0.0.1/7", "key": "deploys"}})
    logger.error("after")
    assert handler.flush(10)
    before, deploy, after = receiver.toasts
    assert (deploy.title, said(deploy), deploy.name) == ("Shipped", "Shipped\nrelease 7", "Deploy")
    assert (deploy.priority, deploy.sticky, deploy.icon) == (-2, True, Resource(data=b"ship"))
    assert deploy.callback_url == "https://127.0.0.1/7"
    assert before.callback_url == after.callback_url == "https://127.0.0.1/errors"
    assert (after.name, after.coalescing_id) == ("Error", after.id_) != ("Error", before.id_)


@pytest.mark.slow
def test_a_burst_of_one_error_is_one_toast_with_an_exact_count(
    logger: logging.Logger, receiver: RunningReceiver
) -> None:
    """100,000 identical errors: five notifications at most, all about one toast, and a small queue is enough."""
    logger.handlers[:] = []  # pytest's keep every record
    handler = attach(logger, receiver.port, queue_size=1000)
    for number in range(100_000):
        logger.error("no connection to shard %d", number)
    assert handler.flush(30)
    toasts = receiver.toasts
    assert len(toasts) <= 5
    assert len({toast.coalescing_id for toast in toasts}) == 1
    assert toasts[-1].title.startswith("100,000 × no connection to shard ")
    assert re.search(r"^first .*, last ", toasts[-1].text, re.MULTILINE)
    stats = handler.stats()
    assert (stats.accepted, stats.shown, stats.folded, stats.dropped) == (100_000, 1, 99_999, {})


def test_a_burst_of_different_errors_is_a_few_toasts_and_a_digest(
    logger: logging.Logger, receiver: RunningReceiver
) -> None:
    """Thousands: twenty are shown, the rest is counted exactly; CRITICAL is always shown."""
    logger.handlers[:] = []
    handler = attach(logger, receiver.port, queue_size=1000)
    for number in range(5000):
        logger.error("%s", f"order {'x' * (number % 50)} failed in step {'y' * (number // 50)}")
        if number == 4000:
            logger.critical("disk full")
    assert handler.flush(30)
    stats = handler.stats()
    assert stats.accepted == stats.shown + stats.folded + stats.digested + sum(stats.dropped.values()) == 5001
    assert stats.notifications <= 25
    assert "disk full" in [said(toast) for toast in receiver.toasts]


def test_the_same_exception_logged_twice_is_one_toast(logger: logging.Logger, receiver: RunningReceiver) -> None:
    """Inner code logs it, and the framework again."""
    handler = attach(logger, receiver.port)
    try:
        int("x")
    except ValueError:
        logger.exception("cannot read the order")
        logging.LoggerAdapter(logger, {}).exception("unhandled exception in view")
    assert handler.flush(10)
    assert handler.stats().folded == 1


def test_the_users_fingerprint_folds_what_differs(logger: logging.Logger, receiver: RunningReceiver) -> None:
    """Alerts of one customer, say, whatever they are."""
    handler = attach(logger, receiver.port, fingerprint=lambda record: record.__dict__["customer"])
    for number in range(10):
        logger.log((30, 40)[number % 2], "mistake %s", "x" * number, extra={"customer": "ann"})
    logger.error("another", extra={"customer": "bob"})
    logger.error("without a customer")
    assert handler.flush(10)
    stats = handler.stats()
    assert (stats.accepted, stats.shown, stats.folded) == (12, 3, 9)
    assert "10 × mistake" in " ".join(toast.title for toast in receiver.toasts)
    assert "(fingerprint: KeyError)" in receiver.toasts[-1].text + receiver.toasts[-2].text


def test_the_context_arrives_as_a_line_and_as_headers(logger: logging.Logger, receiver: RunningReceiver) -> None:
    """One line for a person, everything for programs; redacted by name, like the rest."""
    context = {"environment": "production", "api_key": "hunter2"}
    handler = attach(logger, receiver.port, context=context, password=None)
    logger.error("it broke", extra={"order": 4711})
    assert handler.flush(10)
    (toast,) = receiver.toasts
    assert toast.text == f"ERROR · {logger.name} · {platform.node()} · production · api_key *** · order 4711"
    data = {name: value for name, value in toast.headers.items() if name.startswith("Data-")}
    assert {name: value for name, value in data.items() if name not in FOR_PROGRAMS} == {
        "Data-Machine": platform.node(),
        "Data-Environment": "production",
        "Data-Api-Key": "***",
        "Data-Order": "4711",
    }


def test_title_and_url_are_filled_in_on_their_way(logger: logging.Logger, receiver: RunningReceiver) -> None:
    """The title on one line, the URL's values redacted and quoted."""
    handler = attach(
        logger,
        receiver.port,
        title="{levelname} in {environment}: {message}",
        url="https://tracker/?token=mine&logger={name}&trace={trace_id}&q={message}",
        context={"environment": "production"},
    )
    logger.error("order\npassword=hunter2", extra={"trace_id": "a b"})
    assert handler.flush(10)
    (toast,) = receiver.toasts
    assert toast.title == "ERROR in production: order password=***"
    logger_name = quote(logger.name, safe="")
    assert toast.callback_url == (
        f"https://tracker/?token=mine&logger={logger_name}&trace=a%20b&q=order%0Apassword%3D%2A%2A%2A"
    )


def test_folding_and_cap_can_be_switched_off(logger: logging.Logger, receiver: RunningReceiver) -> None:
    """Each record is a notification then; this package's receiver shows one toast of them."""
    handler = attach(logger, receiver.port, repeat_window=0, rate=0)
    for _ in range(30):
        logger.error("it broke")
    assert handler.flush(10)
    assert (handler.stats().notifications, handler.stats().folded) == (30, 0)
    assert len({toast.id_ for toast in receiver.toasts}) == 30


def test_secrets_reach_neither_desktop_nor_callback(logger: logging.Logger, receiver: RunningReceiver) -> None:
    """Title, text and on_error see what is left of them."""
    seen: list[str] = []
    handler = attach(logger, receiver.port, redact=[r"card (\d+)"])
    with ScriptedServer(answer_error(500)) as refusing:
        other = attach(logger, refusing.port, on_error=lambda alert, _: seen.append(repr(alert)))
        logger.error("login with password=hunter2 and card 4111 failed", extra={"gntp": {"title": "token=hunter2"}})
        assert handler.flush(10)
        assert other.flush(10)
        other.close()
    (toast,) = receiver.toasts
    assert said(toast) == "token=***\nlogin with password=*** and card *** failed"
    assert len(seen) == 1
    assert "password=***" in seen[0]
    assert "hunter2" not in seen[0]


def test_what_on_error_gets_is_masked_and_cut(logger: logging.Logger) -> None:
    """Nothing leaves that was not looked through, and the cut comes after that; the context is cut as well."""
    seen: list[Alert] = []
    with ScriptedServer(answer_error(500)) as refusing:
        handler = attach(logger, refusing.port, max_text=100, on_error=lambda alert, _: seen.append(alert))
        secret = f"{{'password': '{'hunter2' * 20}'}}"
        logger.error("%s", f"{'x' * 90}{secret}{'y' * 900}", extra={"blob": "z" * 190 + secret})
        assert handler.flush(10)
    (alert,) = seen
    assert "hunter2" not in repr(alert)
    assert len(alert.text) <= 100
    assert len(dict(alert.context)["blob"]) <= 200
    assert alert.draft is None


def test_redaction_can_be_switched_off(logger: logging.Logger, receiver: RunningReceiver) -> None:
    """For those who look for something else themselves."""
    handler = attach(logger, receiver.port, redact=False)
    logger.error("password=hunter2")
    assert handler.flush(10)
    assert said(receiver.toasts[0]) == "password=hunter2"


def test_where_redaction_fails_nothing_of_the_alert_is_shown(
    logger: logging.Logger, receiver: RunningReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fixed text names logger and level, to the desktop and to on_error; it counts as shown."""

    def fail(text: str, *_: object) -> str:
        raise RecursionError(text)

    def log_elsewhere() -> None:  # what is withheld is known by its place
        logger.error("password=hunter2 again")

    monkeypatch.setattr("gntp_logging.alerts.redact.redact", fail)
    seen: list[Alert] = []
    handler = attach(
        logger, receiver.port, context={"user": "hunter2"}, url="https://t/?q={message}", title="{message}"
    )
    logger.error("password=hunter2", extra={"gntp": {"icon": "/hunter2.png"}})
    log_elsewhere()
    assert handler.flush(10)
    for toast in receiver.toasts:
        assert toast.title.endswith("An alert is withheld")
        assert toast.text.startswith("Looking for secrets in it has failed\nERROR · ")
        assert "hunter2" not in repr(toast)
    stats = handler.stats()
    assert (stats.shown, stats.dropped) == (2, {})
    assert stats.last_error == "secrets could not be looked for in an alert: RecursionError"
    with ScriptedServer(answer_error(500)) as refusing:
        other = attach(logger, refusing.port, on_error=lambda alert, _: seen.append(alert))
        logger.error("password=hunter2")
        assert other.flush(10)
        other.close()
    assert seen
    assert "hunter2" not in repr(seen[0])


def test_nested_groups_of_a_users_pattern_leave_nothing_of_the_secret(
    logger: logging.Logger, receiver: RunningReceiver
) -> None:
    """In text, title, context and the URL's values."""
    handler = attach(
        logger, receiver.port, redact=[r"pin ((\d)\d+)"], context={"note": "pin 1234567"}, url="https://t/?q={message}"
    )
    logger.error("the pin 1234567 was wrong", extra={"gntp": {"title": "pin 1234567"}})
    assert handler.flush(10)
    (toast,) = receiver.toasts
    assert toast.title == "pin ***"
    assert toast.text.startswith("the pin *** was wrong\n")
    assert "67" not in toast.text + toast.title + toast.callback_url + str(toast.headers["Data-Note"])


def test_a_picture_that_cannot_be_read_costs_only_itself(logger: logging.Logger, receiver: RunningReceiver) -> None:
    """A record's missing icon is told in the alert."""
    handler = attach(logger, receiver.port)
    logger.error("it broke", extra={"gntp": {"icon": "/nonexistent.png"}})
    assert handler.flush(10)
    (toast,) = receiver.toasts
    assert said(toast).startswith("it broke\n(icon: cannot read '/nonexistent.png'")


HOSTILE = {
    "CRLF": "a\r\nNotification-Priority: -2\r\n\r\nGNTP/1.0 NOTIFY NONE\r\n\r\n",
    "bare CR": "a\rb",
    "NUL": "a\0b",
    "escape sequence": "\x1b]0;owned\x07\x1b[2Ja",
    "lone surrogate": "a\ud800b\udfffc",
    "pointer": "x-growl-resource://deadbeef",
    "pointer in capitals": " X-Growl-Resource://deadbeef",
    "bidirectional override": "a\u202eb",
    "a megabyte": "x" * 1_048_576,
}


@pytest.mark.parametrize("text", [text for text in HOSTILE.values() if len(text) < 1000])
@pytest.mark.parametrize("encryption", [None, "AES"])
def test_a_hostile_message_arrives_safe(logger: logging.Logger, text: str, encryption: str | None) -> None:
    """Whatever stands in a message, one alert arrives, with the headers it should have."""
    with running_receiver(["secret"]) as receiver:
        handler = attach(logger, receiver.port, password="secret", encryption=encryption)
        logger.error(text)
        assert handler.flush(10)
        (toast,) = receiver.toasts
    assert said(toast) == safe_value(clean(text)).strip()
    assert toast.priority == 1
    assert set(toast.headers) <= EXPECTED_HEADERS


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_logger_name_arrives_safe(receiver: RunningReceiver, text: str) -> None:
    """A logger's name goes into the last line, as safe as a message."""
    handler = GNTPHandler(port=receiver.port, app_name="shop")
    handler.handle(logging.LogRecord(text, logging.ERROR, __file__, 1, "it broke", None, None))
    assert handler.flush(10)
    handler.close()
    (toast,) = receiver.toasts
    assert said(toast) == "it broke"
    assert set(toast.headers) <= EXPECTED_HEADERS


FOR_PROGRAMS = {"Data-Timestamp", "Data-Count", "Data-Level", "Data-Logger", "Data-Incident", "Data-Process"}

EXPECTED_HEADERS = {
    *FOR_PROGRAMS,
    "Application-Name",
    "Notification-Name",
    "Notification-ID",
    "Notification-Coalescing-ID",
    "Notification-Title",
    "Notification-Text",
    "Notification-Sticky",
    "Notification-Priority",
    "Origin-Machine-Name",
    "Origin-Software-Name",
    "Origin-Software-Version",
    "Origin-Platform-Name",
    "Origin-Platform-Version",
    "Connection",
    "Data-Machine",
    "X-Padding",
}


def test_a_megabyte_of_text_arrives_cut(logger: logging.Logger, receiver: RunningReceiver) -> None:
    """The desktop gets a readable size, and is told how much is missing."""
    handler = attach(logger, receiver.port)
    logger.error("x" * 1_048_576)
    assert handler.flush(10)
    (toast,) = receiver.toasts
    assert len(toast.text.rpartition("\n")[0]) <= 1000
    assert "characters)" in toast.text


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(codec=None), min_size=1, max_size=400))
def test_any_message_arrives(receiver: RunningReceiver, text: str) -> None:
    """Every string, lone surrogates included, is shown as one alert; a few characters may look like a secret."""
    handler = GNTPHandler(port=receiver.port, app_name="shop", redact=False)
    already = len(receiver.toasts)
    handler.handle(logging.LogRecord("x", logging.ERROR, __file__, 1, text, None, None))
    assert handler.flush(10)
    handler.close()
    (toast,) = receiver.toasts[already:]
    read = clean(text)
    expected = safe_value(read if read.strip() else "(empty message)")
    shown = (said(toast), without_last_line(f"\n{toast.text}"))  # where the title is cut the text has it whole
    assert _letters(expected) in map(_letters, shown)


def _letters(text: str) -> list[str]:
    """Return what a title keeps as it is: its blanks become one, and some control characters count as blanks."""
    return [letter for letter in re.sub(r"\\x[0-9a-f]{2}", "", text) if letter.isalnum()]


def test_message_arguments_that_fail_do_not_cost_the_alert(receiver: RunningReceiver) -> None:
    """Arguments that do not fit, or whose __str__ raises, leave the raw template."""

    class Unprintable:
        def __str__(self) -> str:
            raise RuntimeError("no")

    handler = GNTPHandler(port=receiver.port)  # not on a logger: pytest's own handler would raise
    for template, argument in (("order %d", "seven"), ("customer %s", Unprintable())):
        handler.handle(logging.LogRecord("x", logging.ERROR, __file__, 1, template, (argument,), None))
    assert handler.flush(10)
    handler.close()
    assert [said(toast) for toast in receiver.toasts] == ["order %d", "customer %s"]


def test_a_formatter_of_the_user_is_honoured_but_not_basic_configs(
    logger: logging.Logger, receiver: RunningReceiver
) -> None:
    """The format that basicConfig forces on every handler counts as none."""
    handler = attach(logger, receiver.port)
    handler.setFormatter(logging.Formatter("[%(levelname)s] %(message)s"))
    logger.error("one")
    handler.setFormatter(logging.Formatter(logging.BASIC_FORMAT))
    logger.error("two")
    assert handler.flush(10)
    one, two = receiver.toasts
    assert (one.title, said(one), said(two)) == ("one", "one\n[ERROR] one", "two")
    assert one.headers["Data-Machine"] == platform.node()


def test_a_filter_runs_outside_the_handlers_lock(logger: logging.Logger, receiver: RunningReceiver) -> None:
    """Application code in a filter may take as long as it likes without stopping other threads."""
    handler = attach(logger, receiver.port)
    free: list[bool] = []

    def look(_record: logging.LogRecord) -> bool:
        lock: Any = handler.lock
        thread = threading.Thread(target=lambda: free.append(lock.acquire(blocking=False) and not lock.release()))
        thread.start()
        thread.join()
        return True

    handler.addFilter(look)
    logger.error("it broke")
    assert handler.flush(10)
    assert free == [True]


def test_a_filter_can_refuse_or_replace_a_record(receiver: RunningReceiver) -> None:
    """False drops the record; from Python 3.12 on, a record takes its place."""

    class Replacing(GNTPHandler):
        def filter(self, record: logging.LogRecord) -> Any:
            if record.msg == "secret":
                return False
            return logging.LogRecord("x", logging.ERROR, "", 1, "replaced", None, None)

    handler = Replacing(port=receiver.port)
    for text in ("secret", "plain"):
        handler.handle(logging.LogRecord("x", logging.ERROR, "", 1, text, None, None))
    assert handler.flush(10)
    handler.close()
    assert [said(toast) for toast in receiver.toasts] == ["replaced"]


@pytest.mark.parametrize("name", ["gntp_logging", "gntp_logging.delivery.worker"])
def test_records_of_the_own_namespace_are_ignored(receiver: RunningReceiver, name: str) -> None:
    """What the package itself would log never becomes an alert; a similar name does."""
    handler = GNTPHandler(port=receiver.port)
    for logger_name in (name, "gntp_logging_user"):
        handler.handle(logging.LogRecord(logger_name, logging.ERROR, "", 1, logger_name, None, None))
    assert handler.flush(10)
    handler.close()
    assert [said(toast) for toast in receiver.toasts] == ["gntp_logging_user"]


class Chatty(logging.Handler):
    """Logs itself, between the handlers of a record."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.msg != "in between":
            logging.getLogger(record.name).error("in between")


def test_a_record_that_several_loggers_hand_over_counts_once(receiver: RunningReceiver, logger: logging.Logger) -> None:
    """Also when something else is logged between its loggers; another handler shows it too."""
    handler = attach(logger, receiver.port)
    other = GNTPHandler(host="127.0.0.1", port=receiver.port)
    child = logger.getChild("child")
    child.handlers = [handler, Chatty(), other]
    child.error("it broke")
    child.error("it broke")
    assert handler.flush(10)
    assert other.flush(10)
    assert (handler.stats().accepted, other.stats().accepted) == (4, 4)
    child.handlers = []
    other.close()


def test_records_that_are_only_equal_count_each(receiver: RunningReceiver) -> None:
    """What counts once is one object; a preview of it counts nothing, and another thread's hand-over is another one."""

    class Equal(logging.LogRecord):
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = None  # type: ignore[assignment]

    handler = GNTPHandler(host="127.0.0.1", port=receiver.port)
    records = [Equal("x", logging.ERROR, __file__, 1, "it broke", None, None) for _ in range(2)]
    for record in records * 3:
        handler.preview(record)
        assert handler.handle(record)
    assert handler.stats().accepted == 2
    thread = threading.Thread(target=handler.handle, args=records[:1])
    thread.start()
    thread.join()
    assert handler.stats().accepted == 3
    handler.close()


def test_no_record_is_kept_for_having_been_handed_over() -> None:
    """Of those that have ended only so many are remembered; those that live all are."""
    handed_over = _HandedOver().records
    living = [logging.LogRecord("x", logging.ERROR, __file__, 1, "it broke", None, None) for _ in range(100)]
    ended = weakref.ref(logging.LogRecord("x", logging.ERROR, __file__, 1, "it broke", None, None))
    assert ended() is None
    handed_over._known.update(dict.fromkeys(range(-1000, 0), ended))
    assert all(handed_over.is_new(record) for record in living)
    assert set(handed_over._known) == set(map(id, living))
    assert not any(handed_over.is_new(record) for record in living)


def test_the_record_is_not_changed(logger: logging.Logger, receiver: RunningReceiver) -> None:
    """Other handlers see the record as it was made."""
    handler = attach(logger, receiver.port)
    record = logging.LogRecord("x", logging.ERROR, __file__, 1, "order %d", (7,), None)
    before = dict(record.__dict__)
    handler.handle(record)
    assert record.__dict__ == before


def test_a_disabled_handler_does_nothing(
    receiver: RunningReceiver, monkeypatch: pytest.MonkeyPatch, logger: logging.Logger
) -> None:
    """enabled=False and GNTP_LOGGING_DISABLED=1 switch a handler off; 0 does not."""
    off = attach(logger, receiver.port, enabled=False)
    monkeypatch.setenv("GNTP_LOGGING_DISABLED", "1")
    off_by_environment = attach(logger, receiver.port)
    monkeypatch.setenv("GNTP_LOGGING_DISABLED", "0")
    on = attach(logger, receiver.port)
    logger.error("it broke")
    assert on.flush(10)
    assert [handler.stats().accepted for handler in (off, off_by_environment, on)] == [0, 0, 1]
    assert len(receiver.toasts) == 1


@pytest.mark.parametrize("secret", [{"password_env": "SHOP_PASSWORD"}, {"password_file": "/nowhere/key"}])
def test_a_disabled_handler_needs_no_password(secret: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a site is developed and tested the secret is not there; all other options are checked."""
    monkeypatch.delenv("SHOP_PASSWORD", raising=False)
    assert not GNTPHandler(**secret, encryption="AES", enabled=False).enabled
    wrong: list[dict[str, Any]] = [
        {"encryption": "ROT13"},
        {"encryption": "AES", "key_hashing": "MD5"},
        {"password": "x"},
    ]
    for options in wrong:
        with pytest.raises(OptionError):
            GNTPHandler(**secret, **options, enabled=False)
    with pytest.raises(OptionError):
        GNTPHandler(**secret)
    monkeypatch.setenv("GNTP_LOGGING_DISABLED", "1")
    assert not GNTPHandler(**secret).enabled


def test_a_closed_handler_that_is_used_again_opens_again(logger: logging.Logger, receiver: RunningReceiver) -> None:
    """After a second dictConfig, old loggers may still hold the old handler."""
    handler = attach(logger, receiver.port)
    logger.error("one")
    handler.close()
    handler.close()
    logger.error("two")
    assert handler.flush(10)
    assert [said(toast) for toast in receiver.toasts] == ["one", "two"]


def test_a_handler_that_refuses_its_options_is_unknown_to_logging() -> None:
    """What a constructor refused cannot be flushed or closed by logging at the next dictConfig."""
    with pytest.raises(ValueError, match="port"):
        GNTPHandler(port=0)
    logging.config.dictConfig({"version": 1, "disable_existing_loggers": False, "incremental": False})


def test_the_password_is_never_shown() -> None:
    """Neither repr, stats nor the attributes' reprs hold it."""
    handler = GNTPHandler(password="hunter2", encryption="AES")
    worker = handler._worker
    shown = [
        repr(handler),
        repr(handler.stats()),
        repr(vars(handler)),
        repr(vars(worker)),
        repr(vars(worker._transport)),
    ]
    assert not [text for text in shown if "hunter2" in text]
    assert "hunter2" not in repr(vars(gntp_transport(handler)._client))
    handler.close()


def test_the_repr_names_application_and_server() -> None:
    """A handler is recognised in a debugger."""
    handler = GNTPHandler(app_name="shop", host="::1", port=7, level="ERROR")
    assert repr(handler) == "<GNTPHandler 'shop' to [::1]:7 (ERROR)>"
    handler.close()


# -- Repeats ---------------------------------------------------------------------------------------


def pay(logger: logging.Logger, number: int, **more: Any) -> None:
    """Log a repeat."""
    logger.error("order %d was not paid", number, **more)


def test_of_most_repeats_no_alert_is_made(
    logger: logging.Logger, receiver: RunningReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is formatted that nobody will see; and all count."""
    handler = attach(logger, receiver.port)
    pay(logger, 0)
    assert handler.flush(10)
    made: list[logging.LogRecord] = []
    real = handler._alerts.from_record

    def from_record(record: logging.LogRecord, formatter: logging.Formatter | None) -> Alert:
        made.append(record)
        return real(record, formatter)

    monkeypatch.setattr(handler._alerts, "from_record", from_record)
    monkeypatch.setattr("gntp_logging.delivery.known_calls.FRESH", PATIENCE)
    for number in range(100):
        pay(logger, number)
    assert made == []
    assert handler.stats().accepted == 101
    assert handler.flush(10)
    assert receiver.toasts[-1].title.startswith("101 × order ")


@pytest.mark.parametrize(
    "options",
    [
        {"title": "{levelname}"},
        {"url": "https://t/{name}"},
        {"fingerprint": lambda _: None},
        {"context": lambda _: {}},
        {"repeat_window": 0},
    ],
)
def test_where_each_record_is_needed_each_becomes_an_alert(
    logger: logging.Logger, receiver: RunningReceiver, options: dict[str, Any]
) -> None:
    """The user's functions see all, and without groups each has a toast."""
    handler = attach(logger, receiver.port, **options)
    pay(logger, 0)
    assert handler.flush(10)
    assert handler._worker._queue.known_calls.all() == []


def test_overrides_of_one_record_do_not_cling_to_the_next(logger: logging.Logger, receiver: RunningReceiver) -> None:
    """A repeat has the newest text of its like."""
    handler = attach(logger, receiver.port)
    pay(logger, 0)
    assert handler.flush(10)
    pay(logger, 1, extra={"gntp": {"title": "all hands"}})
    assert handler.flush(10)
    assert receiver.toasts[-1].title == "2 × all hands"
    pay(logger, 2)
    assert handler.flush(10)
    assert receiver.toasts[-1].title.startswith("3 × order ")


def test_on_error_and_toasts_know_how_many_they_stand_for(logger: logging.Logger) -> None:
    """As a number, in the field ``count``."""
    lost: list[tuple[int, str]] = []
    with ScriptedServer(answer_error(407)) as server:
        handler = attach(logger, server.port, on_error=lambda alert, reason: lost.append((alert.count, reason)))
        with handler._worker._turn:
            for number in range(7):
                pay(logger, number)
        assert handler.flush(10)
        handler.close()
        assert lost == [(7, handler.stats().last_error)]
        assert handler.stats().dropped == {"error 407": 7}


def test_at_the_edge_of_the_stack_every_record_counts(
    logger: logging.Logger, receiver: RunningReceiver, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever there is no room for: the alert, the look whether it is new, or to wake the thread."""
    lost: list[tuple[int, str]] = []
    handler = attach(logger, receiver.port, on_error=lambda alert, reason: lost.append((alert.count, reason)))
    records = [
        logger.makeRecord(logger.name, logging.ERROR, __file__, 1, "order %d was not paid", (number,), None, "pay")
        for number in range(150)
    ]
    handler.handle(records.pop())
    assert handler.flush(10)
    refused = 0

    def descend(depth: int) -> None:
        nonlocal refused
        if depth:
            descend(depth - 1)
            return
        try:
            handler.handle(records.pop())
        except RecursionError:  # not even its own frame, or that of the filters
            refused += 1

    room = sys.getrecursionlimit() - len(inspect.stack(0))
    depths = [room - left for left in range(40)]
    deepest = 0
    for depth in depths:
        try:
            descend(depth)
        except RecursionError:
            continue
        deepest += 1
    assert refused < 5 < deepest
    assert handler.stats().accepted == 1 + deepest - refused
    assert handler.flush(10)
    stats = handler.stats()
    assert stats.queued == 0
    assert sum(count for count, _ in lost) == sum(stats.dropped.values()) > 0
    assert {reason for _, reason in lost} == {"internal error"}
    assert capsys.readouterr().err == ""
