"""The command ``gntp-logging relay``: counts what a fleet publishes, and shows it on desktops."""

from __future__ import annotations

import argparse
import contextlib
import queue
import signal
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from gntp_logging.gntp.network import host_and_port

from . import arguments as args
from .arguments import UsageError
from .listen import until_stopped
from .relay_file import examine, read
from .terminal import warn

if TYPE_CHECKING:
    from gntp_logging.fleet.relay import Relay

_DESCRIPTION: Final = """\
Count what the handlers of many hosts publish to a Redis, and show each incident once on each desktop.

  gntp-logging relay --config relay.toml             count and show, until told to stop; SIGHUP reads the file again
  gntp-logging relay --config relay.toml --check     try the broker, the keys and every desktop, and look at the routes
  gntp-logging relay --config relay.toml --status    print what waits, and which relay shows on which desktop
  gntp-logging relay --config relay.toml --aside     print the entries that could not be counted, with the reasons

Any number of relays may run with one broker and the same file. Needs redis-py: pip install 'gntp-logging[redis]'
"""

_EXAMPLE: Final = """\
relay.toml:

  broker = "redis://redis.example:6379/0"
  fleet_key_file = "fleet.keys"

  [desktops.anna]
  host = "anna.example"
  password_file = "anna.password"

  [[routes]]
  to = ["anna"]
  match = {logger = "shop.*", level = "ERROR"}

Exit codes: 0 told to stop, or all is well; 1 a check has failed, or the broker does not answer; 2 wrong usage.
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its arguments to ``gntp-logging``."""
    parser = commands.add_parser(
        "relay",
        help="show a fleet's incidents on desktops",
        description=_DESCRIPTION,
        epilog=_EXAMPLE,
    )
    parser.add_argument("--config", required=True, metavar="FILE", help="relay.toml: the broker, desktops and routes")
    parser.add_argument(
        "--metrics", metavar="HOST:PORT", type=args.listening,
        help="serve metrics for Prometheus, as 127.0.0.1:9464; needs pip install 'gntp-logging[metrics]'",
    )  # fmt: skip
    instead = parser.add_argument_group("instead of counting").add_mutually_exclusive_group()
    instead.add_argument("--check", action="store_true", help="see what works, and what to do where something does not")
    instead.add_argument("--status", action="store_true", help="print how the broker is doing")
    instead.add_argument("--aside", action="store_true", help="print what was set aside, the newest first")
    parser.add_argument("--json", action="store_true", help="with --status and --aside: JSON, one object a line")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    is_asked = arguments.check or arguments.status or arguments.aside
    if arguments.json and not (arguments.status or arguments.aside):
        raise UsageError("--json goes with --status or --aside")
    if arguments.metrics is not None and is_asked:
        raise UsageError("--metrics is for a relay that counts: leave --check, --status and --aside out")
    if not is_asked:
        return _serve(arguments)
    from . import relay_watch

    if arguments.check:
        return relay_watch.check(examine(arguments.config))
    if arguments.status:
        return relay_watch.status(read(arguments.config), as_json=arguments.json)
    return relay_watch.aside(read(arguments.config), as_json=arguments.json)


def _serve(arguments: argparse.Namespace) -> int:
    # A SIGHUP is kept from here on, and obeyed once the relay runs: the file may change while it is read first.
    with until_stopped() as told, _hangups() as hangups:
        settings = read(arguments.config)
        from gntp_logging.fleet.relay import Relay

        stop = threading.Event()
        relay = Relay(settings, _report)
        thread = threading.Thread(target=relay.run, args=(stop,))

        def reload() -> None:
            """Follow the file as it is now; if there is a mistake in it, go on as before."""
            try:
                relay.change(read(arguments.config))
            except UsageError as error:
                _report(f"goes on as before: {error}")
            else:
                _report(f"has read {arguments.config} again")

        with _obeying(hangups, reload), _metrics(arguments.metrics, relay):
            thread.start()
            try:
                told.wait()
            finally:
                stop.set()
                thread.join()
    return 0


def _report(line: str) -> None:
    with contextlib.suppress(OSError):  # its reader may be gone; the relay goes on all the same
        warn(f"gntp-logging relay: {line}")


@contextlib.contextmanager
def _hangups() -> Iterator[queue.SimpleQueue[bool]]:
    """Yield a queue that gets True for each SIGHUP, on a system that has it."""
    hangups: queue.SimpleQueue[bool] = queue.SimpleQueue()  # which a signal handler may put into at any moment
    number = getattr(signal, "SIGHUP", None)
    if number is None or threading.current_thread() is not threading.main_thread():
        yield hangups
        return
    before = signal.signal(number, lambda *_: hangups.put(True))
    try:
        yield hangups
    finally:
        signal.signal(number, before)


@contextlib.contextmanager
def _obeying(hangups: queue.SimpleQueue[bool], act: Callable[[], None]) -> Iterator[None]:
    """Act on each SIGHUP while the context lasts, on a thread of its own."""

    def obey() -> None:
        while hangups.get():
            act()

    thread = threading.Thread(target=obey)
    thread.start()
    try:
        yield
    finally:
        hangups.put(False)
        thread.join()


@contextlib.contextmanager
def _metrics(address: tuple[str, int] | None, relay: Relay) -> Iterator[None]:
    """Serve metrics while the context lasts, if there is an address.

    Raises:
        UsageError: If the library is missing.
        OSError: If the address cannot be listened on.
    """
    if address is None:
        yield
        return
    try:
        from gntp_logging.fleet.metrics import serving
    except ImportError as error:
        needs = "--metrics needs prometheus_client: pip install 'gntp-logging[metrics]'"
        raise UsageError(f"{needs} ({error})") from error
    with contextlib.ExitStack() as served:
        try:
            label = served.enter_context(serving(relay, address))
        except OSError as error:
            raise OSError(f"--metrics: cannot listen on {host_and_port(*address)}: {error.strerror}") from error
        _report(f"serves metrics on http://{label}/metrics")
        yield
