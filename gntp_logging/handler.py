"""GNTPHandler: a log record becomes an alert and is queued, on the thread that logs, without I/O."""

from __future__ import annotations

import logging
import os
import re
import sys
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from .alerts.alert import Alert, AlertFactory
from .alerts.application import Application, program
from .alerts.serving import follow_django
from .delivery.gntp_transport import GNTPTransport
from .delivery.stats import Stats
from .delivery.transport import Transport
from .delivery.worker import DeliverySettings, Worker
from .gntp import ciphers, keys
from .gntp.connections import GNTPClient
from .gntp.constants import DEFAULT_PORT
from .options import checks, fleet
from .options import handler_options as options
from .options.destination import Destination
from .options.errors import OptionError

if TYPE_CHECKING:
    from .delivery.spool import Spool

DISABLING_VARIABLE: Final = "GNTP_LOGGING_DISABLED"
"""Environment variable that switches every handler off, for test runs. Every value but 0 and an empty one does so."""

_OWN_NAMESPACE: Final = "gntp_logging"

_REMEMBERED: Final = 64
"""A thread remembers this many records, at least, before it forgets those that no longer exist."""


class _HandedOver(threading.local):
    """The records that one thread has handed to one handler, while they live."""

    def __init__(self) -> None:
        self.records: _Remembered = _Remembered()


class _Remembered:
    """The records of one thread, by identity, because different records may be equal.

    To remember the last record alone is not enough: between two loggers of one record, another handler may log.
    """

    __slots__ = ("_known", "_room")

    def __init__(self) -> None:
        self._known: dict[int, weakref.ref[logging.LogRecord]] = {}
        self._room = _REMEMBERED

    def is_new(self, record: logging.LogRecord) -> bool:
        """Tell whether a record comes for the first time, and remember it."""
        known = self._known
        id_ = id(record)
        before = known.get(id_)
        if before is not None and before() is record:
            return False
        try:
            known[id_] = weakref.ref(record)  # without a callback, which would cost as much as all the rest
        except TypeError:  # a record of an application's own class, without __weakref__
            pass
        if len(known) > self._room:
            self._forget_dead()
        return True

    def _forget_dead(self) -> None:
        known = self._known
        for id_ in list(known):
            if known[id_]() is None:
                del known[id_]
        self._room = _REMEMBERED + 2 * len(known)


class GNTPHandler(logging.Handler):
    """Shows log records on a desktop, through a server of the Growl Notification Transport Protocol.

    The constructor checks its options and does nothing else: no thread, no name look-up, no socket. The first record
    starts a background thread, which registers the application with the server and delivers. If the server cannot be
    reached the program runs on; one line on stderr says so.

    Attributes:
        app_name: The application's name on the desktop.
        enabled: Whether records become alerts at all.
        destination: The server that alerts go to, and how they are secured; its repr leaves the password out.
        broker: The broker that alerts are published to, without its password; None where they go to the server.
        spool: Absolute path of the file that keeps what could not be delivered; None when there is none.
    """

    def __init__(
        self,
        *,
        app_name: str | None = None,
        host: str = "localhost",
        port: int = DEFAULT_PORT,
        timeout: float = 5.0,
        password: str | None = None,
        password_env: str | None = None,
        password_file: str | os.PathLike[str] | None = None,
        key_hashing: str | keys.Algorithm = "SHA256",
        encryption: str | ciphers.Algorithm | None = None,
        tls: bool | str | os.PathLike[str] = False,
        level: int | str = logging.NOTSET,
        levels: Mapping[str | int, Mapping[str, object]] | None = None,
        icon: str | os.PathLike[str] | bytes | None = None,
        title: str | Callable[[logging.LogRecord], object] | None = None,
        url: str | None = None,
        context: Mapping[str, object] | Callable[[logging.LogRecord], Mapping[str, object]] | str | None = None,
        app_packages: Sequence[str] = (),
        redact: bool | Sequence[str | re.Pattern[str]] = True,
        redact_keep: Sequence[str] = (),
        max_text: int = 1000,
        repeat_window: float = 60.0,
        burst: int = 20,
        rate: float = 12.0,
        fingerprint: Callable[[logging.LogRecord], object] | str | None = None,
        queue_size: int = 10_000,
        max_age: float = 300.0,
        shutdown_timeout: float = 2.0,
        spool: str | os.PathLike[str] | None = None,
        spool_max_age: float = 3600.0,
        broker: str | None = None,
        fleet_key_file: str | os.PathLike[str] | None = None,
        on_error: Callable[[Alert, str], object] | str | None = None,
        enabled: bool = True,
    ) -> None:
        """Check the options.

        Args:
            app_name: The application's name on the desktop; None means the program's name.
            host: Host name or address of the GNTP server.
            port: TCP port of the server.
            timeout: Seconds that one exchange with the server may take.
            password: The server's password; give this, ``password_env`` or ``password_file``, or none.
            password_env: Environment variable that holds the password.
            password_file: File whose first line is the password.
            key_hashing: Hash of the password: MD5, SHA1, SHA256 or SHA512.
            encryption: AES, 3DES or DES; None sends in clear. Each needs a password; AES and 3DES also need SHA256 or
                SHA512.
            tls: True connects by TLS alone, and trusts the issuers that the system trusts. The path of a file does the
                same, but trusts only the issuers whose certificates are in the file.
            level: Level from which records are shown.
            levels: Changes to how levels look, such as ``{"ERROR": {"event": ..., "priority": ..., "sticky": ...,
                "icon": ...}}``. The looks of a level hold for all numbers from its own to the next level's.
            icon: The application's picture, shown instead of the levels' own: a path, its bytes, or a URL that the
                server fetches.
            title: A format such as ``"{levelname} {name}"`` over the record's attributes, ``message``, ``app_name`` and
                the context; or a function that returns the title of a record. None shows what happened: the exception's
                line, or the message's first line.
            url: The URL that opens when an alert is clicked. It may have the same ``{}``-fields as ``title``; their
                values are quoted.
            context: What an alert names beside the machine, the request and the task: a mapping such as
                ``{"environment": "production"}``, whose values may be context variables; or a function that returns a
                mapping for a record, or its dotted path. The function is called on the thread that logs.
            app_packages: Packages whose frames are the application's, such as ``["shop"]``. Without any, they are found
                out: code that is not installed, else the package of the logger or of the program's command.
            redact: Whether secrets are masked: passwords, tokens, cookies, keys. A list of patterns masks these secrets
                and what the patterns match.
            redact_keep: Names and words that are shown although they look like secrets. Only the whole name or word
                counts.
            max_text: Characters of an alert's text without its last line; 0 for no limit.
            repeat_window: Seconds in which repeats of an alert only raise the count on its toast; 0 shows every repeat.
            burst: How many different alerts are shown at once; the others go into one digest. CRITICAL is always shown.
            rate: How many different alerts are shown each minute after a burst; 0 for no limit.
            fingerprint: A function, or its dotted path, that returns the text which a record and its repeats share,
                or None for the default fingerprint. It is called on the thread that logs.
            queue_size: How many alerts may wait. When more come, the oldest of the lowest priority go into a digest.
            max_age: Seconds after which an alert that could not be delivered goes into a digest; 0 for no limit.
            shutdown_timeout: Seconds that ``flush``, ``close`` and the program's end may wait for delivery.
            spool: A file that keeps what could not be delivered, for the next run of the program, or for another
                process with the same file; None keeps nothing. Secrets are masked in it.
            spool_max_age: Seconds after which an alert from the spool goes into a digest.
            broker: A Redis such as ``redis://HOST:6379/0`` that alerts are published to, for relays to count and show;
                then ``host``, passwords, ``repeat_window``, ``burst`` and ``rate`` are the relays' business.
            fleet_key_file: A file with the keys of the fleet, one a line; the first signs what is published.
            on_error: A function, or its dotted path, that is called with each dropped alert and the reason; of an
                alert that a server refuses, the reason is what the server says. It runs on the worker's thread; at the
                end of the program, on the thread that closes the handler.
            enabled: False makes a handler that does nothing, and that needs no password.

        Raises:
            OptionError: If an option's value is not allowed.
        """
        level_number = checks.level_number("level", level)
        self.app_name: str = options.program_name() if app_name is None else checks.text("app_name", app_name)
        switched_off = os.environ.get(DISABLING_VARIABLE, "") not in ("", "0")
        self.enabled: bool = checks.boolean("enabled", enabled) and not switched_off
        app_icon = options.icon("icon", icon)
        level_map = options.levels(levels, pictures=app_icon is None)
        self._alerts = AlertFactory(
            self.app_name,
            level_map,
            max_characters := checks.integer("max_text", max_text, 0),
            url=options.url(url),
            title=options.title(title),
            fingerprint=checks.function("fingerprint", fingerprint),
            context=options.context(context),
            application=Application(options.packages(app_packages), program()),
        )
        server: dict[str, object] = {
            "host": host,
            "port": port,
            "timeout": timeout,
            "password": password,
            "password_env": password_env,
            "password_file": password_file,
            "key_hashing": key_hashing,
            "encryption": encryption,
            "tls": tls,
        }
        if broker is not None:
            fleet.excludes(server, GNTPHandler.__init__.__kwdefaults__ or {})
        self.destination: Destination = Destination.from_options(**server, is_used=self.enabled)
        self._app_icon = app_icon
        self._events = level_map.events()
        self._settings = DeliverySettings(
            queue_size=checks.integer("queue_size", queue_size, 1, 10_000_000),
            max_age=checks.seconds("max_age", max_age, positive=False),
            shutdown_timeout=checks.seconds("shutdown_timeout", shutdown_timeout, positive=False),
            repeat_window=checks.seconds("repeat_window", repeat_window, positive=False),
            burst=checks.integer("burst", burst, 1),
            rate=checks.number("rate", rate),
        )
        is_folding = broker is not None or self._settings.repeat_window > 0
        self._counts_repeats = is_folding and not self._alerts.needs_each_record
        self._redactor = options.redactor(redact, redact_keep, max_characters)
        self._on_error = checks.function("on_error", on_error)
        self.spool: str | None = options.spool(spool)
        spool_age = checks.seconds("spool_max_age", spool_max_age, positive=False)
        # Making the client imports what delivering needs. The worker's thread must import nothing: a fork in the middle
        # of an import would leave the child with half a module.
        transport = self._transport(broker, fleet_key_file)
        self.broker: str | None = None if broker is None else transport.label
        self._worker = self._own_worker = self._make_worker(transport, self._spool_maker(spool_age))
        self._end_of_redirected: weakref.finalize[..., GNTPHandler] | None = None
        self._handed_over = _HandedOver()
        # Last: logging flushes and closes each handler that it knows, also one whose constructor fails after this.
        super().__init__(level_number)
        # A handler that is collected without close leaves no thread. At exit the worker's own hook is enough.
        weakref.finalize(self, self._worker.retire).atexit = False
        _handlers.add(self)
        follow_django()
        if _redirection is not None:
            self._redirect(_redirection)

    def handle(self, record: logging.LogRecord) -> bool:
        """Filter a record and emit it, outside the handler's lock: filters and arguments are application code.

        A record that comes again on the same thread, from another logger to which the handler is attached, is emitted
        once.

        Returns:
            Whether the record passed the filters.
        """
        passed: Any = self.filter(record)  # a bool; from 3.12 on it may be a record to go on with
        if not passed:
            return False
        try:
            if self._handed_over.records.is_new(record):
                self.emit(passed if passed is not True and isinstance(passed, logging.LogRecord) else record)
        except RecursionError:
            unread = self._worker.unread
            unread += (None,)  # one step without a call: the stack may have no room for a call
        return True

    def emit(self, record: logging.LogRecord) -> None:
        """Queue a record as an alert. Never blocks, never raises, does no I/O.

        Args:
            record: The record; it is not changed.
        """
        if not self.enabled and _redirection is None:
            return
        try:
            worker = self._worker
            place = self._alerts.place_of(record) if self._counts_repeats else None
            if place is not None and worker.count(place, record.created, getattr(record, "process", None)):
                return
            if _is_own(record.name) or worker.is_current_thread():
                return
            worker.submit(self._alerts.from_record(record, self._own_formatter()), place)
        except RecursionError:
            unread = self._worker.unread
            unread += (None,)  # as in handle
        except Exception:  # noqa: BLE001 - logging's contract: a handler reports its errors by handleError
            self.handleError(record)

    def preview(self, record: logging.LogRecord) -> Alert:
        """Return the alert that a record would become, as it would be sent; nothing is sent or counted.

        Its secrets are masked and its text is cut; ``body()`` is the text with the last line. Its ``fingerprint`` is a
        string: two records fold exactly when they have the same one. Its ``failures`` name those of the options title,
        url, fingerprint and context that fail on the record; the alert is made without them.

        Args:
            record: The record; it is not changed.
        """
        alert = self._alerts.from_record(record, self._own_formatter())
        try:
            return self._redactor.finished(alert)
        except Exception:  # noqa: BLE001 - what cannot be looked through is hidden
            return alert.withheld()

    def flush(self, timeout: float | None = None) -> bool:  # type: ignore[override]  # logging's returns nothing
        """Wait until everything that was logged before is delivered or counted.

        While the server cannot be reached, one attempt is made now.

        Args:
            timeout: Seconds to wait at most; None means ``shutdown_timeout``.

        Returns:
            Whether everything was delivered or counted in time.
        """
        return self._worker.flush(timeout)

    def close(self) -> None:
        """Deliver what waits within ``shutdown_timeout``, count the rest as dropped, and stop the thread.

        Right after ``flush()``, only the time that ``flush`` has left over is used. A closed handler opens again when
        it gets a record.
        """
        self._worker.close()
        super().close()

    def stats(self) -> Stats:
        """Return what became of the records so far, in this process."""
        return self._worker.stats()

    def spooled(self) -> Mapping[tuple[str, str], int]:
        """Return how many records the spool keeps, by server (host and port) and application.

        Raises:
            OSError: If the file cannot be used.
        """
        if self.spool is None or not os.path.exists(self.spool):
            return {}
        try:
            from .delivery.spool import waiting_in
        except ImportError as error:
            raise OSError(f"this Python has no SQLite ({error})") from error
        return {(addressee.server, addressee.application): records for addressee, records in waiting_in(self.spool)}

    def _spool_maker(self, max_age: float) -> Callable[..., Spool] | None:
        """Return what makes a spool for a worker; None where none is wanted, or there is no SQLite."""
        if self.spool is None or not self.enabled:
            return None
        try:
            from .delivery.spool import Spool, SpoolSettings  # imports sqlite3, which is slow, and which few need
        except ImportError as error:
            _report(f"alerts are not kept in {self.spool}: this Python has no SQLite ({error})")
            return None
        return partial(
            Spool, SpoolSettings.of(self.spool, max_age, self.broker or str(self.destination), self.app_name)
        )

    def _transport(self, broker: object, fleet_key_file: object) -> Transport:
        """Return what sends to the handler's own place: a broker, or a GNTP server."""
        keys = fleet.keys(fleet_key_file)
        if broker is None:
            if keys:
                raise OptionError("fleet_key_file", "a file for the option broker", reason="there is no broker")
            return self._gntp_transport(self.destination.client())
        url = fleet.broker(broker)
        try:
            from .fleet.publisher import Publisher  # imports redis, which takes 100 ms
        except ImportError as error:
            reason = f"a broker needs redis-py: pip install 'gntp-logging[redis]' ({error})"
            raise OptionError("broker", "a broker where redis-py is installed", broker, reason) from error
        return Publisher(url, self.destination.timeout, self.app_name, keys)

    def _gntp_transport(self, client: GNTPClient) -> GNTPTransport:
        return GNTPTransport(client, self.app_name, self._app_icon, self._events)

    def _make_worker(self, transport: Transport, make_spool: Callable[..., Spool] | None = None) -> Worker:
        """Make a worker that delivers to one place."""
        return Worker(
            transport,
            self._settings,
            redactor=self._redactor,
            report=_report,
            on_error=self._on_error,
            make_spool=make_spool,
        )

    def _redirect(self, address: tuple[str, int] | None) -> None:
        """Send what comes now to another server; None means the handler's own again."""
        # A second worker, so that tests patch nothing: the own worker keeps its queue for its own server.
        before, self._worker = self._worker, self._own_worker
        if self._end_of_redirected is not None:
            self._end_of_redirected.detach()
            before.close()
        if address is not None:
            self._worker = self._make_worker(self._gntp_transport(GNTPClient(*address)))
            self._end_of_redirected = weakref.finalize(self, self._worker.retire)
            self._end_of_redirected.atexit = False

    def _own_formatter(self) -> logging.Formatter | None:
        """Return the user's formatter; None for the one that basicConfig gives to every handler."""
        formatter = self.formatter
        if formatter is None or getattr(formatter, "_fmt", None) == logging.BASIC_FORMAT:
            return None
        return formatter

    def __repr__(self) -> str:
        """Name the application and the server; the password stays secret."""
        return f"<GNTPHandler {self.app_name!r} to {self._worker.label} ({logging.getLevelName(self.level)})>"


_handlers: weakref.WeakSet[GNTPHandler] = weakref.WeakSet()
_redirection: tuple[str, int] | None = None


def redirect_all(address: tuple[str, int] | None) -> None:
    """Let every handler of this process send to one server, without a password, whether it is enabled or not.

    For tests: see :mod:`.testing`. Handlers that are made later send there as well.

    Args:
        address: Host and port of the server; None lets each handler send to its own server again.
    """
    global _redirection
    _redirection = address
    for handler in list(_handlers):
        handler._redirect(address)  # noqa: SLF001 - its own module


def all_handlers() -> list[GNTPHandler]:
    """Return the handlers of this process, attached to a logger or not."""
    return list(_handlers)


def _is_own(name: object) -> bool:
    """Tell whether a logger is this package's: its records about alerts would become alerts."""
    # The first two tests decide about most names.
    return (
        type(name) is str
        and name.startswith(_OWN_NAMESPACE)
        and name[len(_OWN_NAMESPACE) : len(_OWN_NAMESPACE) + 1] in ("", ".")
    )


def _report(line: str) -> None:
    """Print a line of diagnosis, where logging prints its own."""
    if not logging.raiseExceptions or sys.stderr is None:
        return
    sys.stderr.write(f"gntp_logging: {' '.join(line.split())}\n")
    sys.stderr.flush()
