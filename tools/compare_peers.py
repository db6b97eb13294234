"""The peers of ``tools/compare.py``: what each is, and the program texts that use it as its documentation says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True)
class Peer:
    """A logging library and how it is used. All but the first four are program texts; empty if there is no such thing.

    Attributes:
        name: The table's column.
        distribution: What pip installs; empty for the standard library.
        package: What is imported, and searched for names.
        protocol: The server that it needs: gntp, http, smtp or lines.
        setup: Defines ``setup(port, **options)``, after which ``logging`` delivers to a server on that port.
        dict_config: A handler for dictConfig.
        gntp: Options of ``setup`` for GNTP requests that are as secret as the peer can make them.
        tls: Options of ``setup`` for TLS.
        second: Options of ``setup`` for one of two destinations.
        told: Statements that set up, with a function of the program that is called for each loss.
        unhandled: A statement after which uncaught exceptions are logged.
        receiver: Shows on stdout what arrives, after logging "order unpaid".
        testing: Prints True if the test helper has seen "order unpaid".
        services: An expression: how many services the peer knows by its own account.
        nonsense: Questions that make no sense for it, and why.
    """

    name: str
    distribution: str
    package: str
    protocol: str
    setup: str
    dict_config: str = ""
    gntp: str = ""
    tls: str = ""
    second: str = ""
    told: str = "setup(PORT)"
    unhandled: str = ""
    receiver: str = ""
    testing: str = ""
    services: str = ""
    nonsense: dict[str, str] = field(default_factory=dict)


PRELUDE: Final = """
import logging, os, sys, threading, time
PORT, OTHER = int(os.environ["PORT"]), int(os.environ.get("OTHER", "0"))
log = logging.getLogger("shop")
"""

TEN_LINES: Final = """
class Handler(logging.Handler):
    def __init__(self, send):
        super().__init__("ERROR")
        self.send = send
        # Its own complaints would come back to it; a filter, unlike emit, holds no lock, and Apprise has threads.
        self.addFilter(lambda record: record.name.partition(".")[0] not in ("apprise", "gntp", "gntplib"))
    def emit(self, record):
        try:
            self.send(record.levelname, self.format(record))
        except Exception:
            self.handleError(record)
"""
"""The obvious handler around a library that has none: it leaves failures to logging, as logging's own handlers do."""

OURS: Final = """
import gntp_logging
def setup(port, **options):
    handler = gntp_logging.GNTPHandler(app_name="shop", host="127.0.0.1", port=port, level="ERROR", **options)
    log.root.addHandler(handler)
"""
OUR_LISTENER: Final = """
import subprocess
listen = [sys.executable, "-m", "gntp_logging", "listen", "--port", str(PORT), "--display", "json"]
with subprocess.Popen(listen, stdout=subprocess.PIPE, text=True) as listener:
    listener.stdout.readline()  # it listens
    setup(PORT)
    log.error("order unpaid")
    print(next(line for line in listener.stdout if "order unpaid" in line))
    listener.terminate()
"""
OUR_TESTING: Final = """
import gntp_logging.testing
with gntp_logging.testing.receiver() as arrived:
    setup(PORT)
    log.error("order unpaid")
    print(bool(arrived.wait_for("order unpaid")))
"""
LOGGING: Final = """
import logging.handlers
def setup(port, **options):
    handler = logging.handlers.HTTPHandler(f"127.0.0.1:{port}", "/log", method="POST", **options)
    handler.setLevel("ERROR")
    log.root.addHandler(handler)
"""
LOGGING_TESTING: Final = """
import unittest
with unittest.TestCase().assertLogs("shop", "ERROR") as seen:
    log.error("order unpaid")
print("order unpaid" in seen.output[0])
"""
SENTRY: Final = """
import sentry_sdk, sentry_sdk.transport
def setup(port, scheme="http", **options):
    sentry_sdk.init(f"{scheme}://key@127.0.0.1:{port}/1", **options)
"""
SENTRY_TOLD: Final = """
class Transport(sentry_sdk.transport.HttpTransport):
    def on_dropped_event(self, reason):
        print("told")
setup(PORT, transport=Transport)
"""
APPRISE: Final = """
import apprise
def setup(port, scheme="growl", password=""):
    desk = apprise.Apprise()
    desk.add(f"{scheme}://{password and password + '@'}127.0.0.1:{port}")
    def send(title, text):
        if not desk.notify(title=title, body=text):
            raise OSError("not delivered")
    log.root.addHandler(Handler(send))
"""
LOGBOOK: Final = """
import logbook, logbook.compat
def setup(port, **options):
    mail = logbook.MailHandler(
        "shop@example.com", ["ops@example.com"], server_addr=("127.0.0.1", port), level="ERROR", **options
    )
    mail.push_application()
    logbook.compat.redirect_logging()
"""
LOGBOOK_TOLD: Final = """
logbook.MailHandler.handle_error = lambda *_: print("told")
setup(PORT)
"""
LOGBOOK_RECEIVER: Final = """
import logbook.queues
subscriber = logbook.queues.MultiProcessingSubscriber()
logbook.compat.redirect_logging()
with logbook.queues.MultiProcessingHandler(subscriber.queue).applicationbound():
    log.error("order unpaid")
with logbook.StreamHandler(sys.stdout).applicationbound():
    subscriber.dispatch_once()
"""
LOGBOOK_TESTING: Final = """
logbook.compat.redirect_logging()
with logbook.TestHandler() as seen:
    log.error("order unpaid")
    print(seen.has_error("order unpaid"))
"""
LOGSTASH: Final = """
import logstash_async.handler
def setup(port, **options):
    handler = logstash_async.handler.AsynchronousLogstashHandler("127.0.0.1", port, "logstash.db", **options)
    handler.setLevel("ERROR")
    log.root.addHandler(handler)
"""
GNTP: Final = """
import gntp.notifier
def setup(port, **options):
    growl = gntp.notifier.GrowlNotifier("shop", ["Error"], hostname="127.0.0.1", port=port, **options)
    registered = []
    def send(title, text):
        if not registered:
            check(growl.register())
            registered.append(True)
        check(growl.notify("Error", title, text))
    def check(result):
        if result is not True:
            raise OSError(result)
    log.root.addHandler(Handler(send))
"""
GNTPLIB: Final = """
import gntplib, gntplib.ciphers, gntplib.keys
def setup(port, **options):
    publisher = gntplib.Publisher("shop", [gntplib.Event("Error")], host="127.0.0.1", port=port, **options)
    registered = []
    def send(title, text):
        if not registered:
            publisher.register()
            registered.append(True)
        publisher.publish("Error", title, text)
    log.root.addHandler(Handler(send))
"""

PEERS: Final = (
    Peer(
        "gntp_logging",
        "gntp-logging",
        "gntp_logging",
        "gntp",
        OURS,
        dict_config='{"class": "gntp_logging.GNTPHandler", "host": "127.0.0.1", "port": PORT}',
        gntp="password='secret', encryption='AES'",
        tls="tls=True",
        told="setup(PORT, on_error=lambda *_: print('told'))",
        unhandled="gntp_logging.log_unhandled()",
        receiver=OUR_LISTENER,
        testing=OUR_TESTING,
    ),
    Peer(
        "logging",
        "",
        "logging",
        "http",
        LOGGING,
        dict_config="""{
            "class": "logging.handlers.HTTPHandler", "host": f"127.0.0.1:{PORT}", "url": "/log", "method": "POST",
        }""",
        tls="secure=True",
        testing=LOGGING_TESTING,
        nonsense={"types": "type checkers bring their own stubs of the standard library"},
    ),
    Peer(
        "Sentry",
        "sentry-sdk",
        "sentry_sdk",
        "http",
        SENTRY,
        dict_config='{"class": "sentry_sdk.integrations.logging.EventHandler"}',
        tls="scheme='https'",
        told=SENTRY_TOLD,
    ),
    Peer(
        "Apprise",
        "apprise",
        "apprise",
        "gntp",
        TEN_LINES + APPRISE,
        gntp="password='secret'",
        tls="scheme='jsons'",
        services="len({plugin['service_name'] for plugin in apprise.Apprise().details()['schemas']})",
    ),
    Peer(
        "Logbook",
        "Logbook",
        "logbook",
        "smtp",
        LOGBOOK,
        dict_config='{"class": "logbook.compat.RedirectLoggingHandler"}',
        tls="secure=True, starttls=False",
        second="bubble=True",
        told=LOGBOOK_TOLD,
        receiver=LOGBOOK_RECEIVER,
        testing=LOGBOOK_TESTING,
    ),
    Peer(
        "logstash",
        "python-logstash-async",
        "logstash_async",
        "lines",
        LOGSTASH,
        dict_config="""{
            "class": "logstash_async.handler.AsynchronousLogstashHandler",
            "host": "127.0.0.1", "port": PORT, "database_path": "logstash.db",
        }""",
        tls="ssl_enable=True",
    ),
    Peer("gntp", "gntp", "gntp", "gntp", TEN_LINES + GNTP, gntp="password='secret'"),
    Peer(
        "gntplib",
        "gntplib",
        "gntplib",
        "gntp",
        TEN_LINES + GNTPLIB,
        gntp="password='secret', key_hashing=gntplib.keys.SHA256, encryption=gntplib.ciphers.AES",
    ),
)
