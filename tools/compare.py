"""Compares gntp_logging with seven others: each cell of the table is measured while you watch.

``python tools/compare.py`` prints the table of ``docs/comparison.md``; it takes a minute or two and needs the extra
``comparison``. To check a cell, run ``python tools/compare.py --only "hangs" --peer Sentry``, which prints the program
that was run, what it wrote, and what reached the server.

Each probe is a short program in a process of its own that sets a peer up as its documentation says, and logs to a real
server on the loopback interface: GNTP, HTTP, SMTP, or lines of text. Apprise, gntp and gntplib have no handler of
their own; they get ``TEN_LINES``. Cells are words or classes of numbers, so that they are the same in each run.

Needs an operating system that forks.
"""

from __future__ import annotations

import argparse
import difflib
import importlib.metadata
import importlib.util
import os
import platform
import re
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement

sys.path.insert(0, str(Path(__file__).parents[1]))  # the other modules of tools

from tools.compare_peers import PEERS, Peer
from tools.compare_trial import BREADCRUMBS, Trial, away, serving, settle, yes

PATIENCE: Final = 13.0
"""Seconds after which a call blocks: the longest timeout that a peer has by default is gntplib's, of ten."""
SOON: Final = 10.0
"""Seconds for a program whose server may speak another protocol: gntp loops for ever over an answer without an end."""
AWAY: Final = 2.0
"""Seconds for which a server is away once an error was logged: each peer has tried by then."""
RETURN: Final = 20.0
"""Seconds in which an error must arrive once the server is back: python-logstash-async tries every ten seconds."""
BEGIN, END = "<!-- the table begins -->", "<!-- the table ends -->"


# -- Probes --------------------------------------------------------------------------------------

ERROR: Final = "setup(PORT); log.error('order unpaid')"


def by_dict_config(trial: Trial) -> str:
    """A dictConfig that names the handler's class delivers an error; else one is delivered without any handler."""
    configured = f"import logging.config; handler = {trial.peer.dict_config}\n" + textwrap.dedent("""
        config = {"version": 1, "handlers": {"it": handler}, "root": {"handlers": ["it"]}}
        logging.config.dictConfig({**config, "disable_existing_loggers": False})
        log.error("order unpaid")
    """)
    if trial.peer.dict_config and trial.delivered(configured).holds("unpaid"):
        return "yes"
    alone = trial.delivered("setup(PORT); log.root.handlers or log.error('order unpaid')")
    return "needs none" if alone.holds("unpaid") else "no"


def speaks_gntp(trial: Trial) -> str:
    """A GNTP server with a password accepts an error, at best encrypted."""
    with serving("gntp", passwords=["secret"]) as sink:
        trial.run(f"setup(PORT, {trial.peer.gntp}); log.error('order unpaid')", sink.port, patience=SOON)
    trial.notes += ["ciphers:", *sink.ciphers]
    if not sink.holds("unpaid"):
        return "no"
    return "encrypted" if all(sink.ciphers) else "with a key"


def speaks_tls(trial: Trial) -> str:
    """With the peer's option for it, the first byte that a server gets begins a TLS handshake."""
    with serving("first byte") as sink:
        trial.run(f"setup(PORT, {trial.peer.tls}); log.error('unpaid'); time.sleep(3)", sink.port, patience=SOON)
    trial.notes += ["first byte:", *sink.texts]
    return yes(sink.texts[:1] == ["TLS"])


_WITH_CLOCK: Final = """
setup(PORT)
print(time.monotonic(), flush=True)
log.error("order unpaid")
print(time.monotonic(), flush=True)
"""


def _seconds(taken: float) -> str:
    return "at once" if taken < 1 else f"after {int(taken)} s"


def call_while_hanging(trial: Trial) -> str:
    """How long the first error takes while the server accepts connections and never answers."""
    with serving("silence") as sink:
        ended = trial.run(_WITH_CLOCK, sink.port, patience=PATIENCE)
    times = [float(line) for line in ended.stdout.split()]
    return _seconds(times[1] - times[0]) if len(times) == 2 else "blocks"


def end_while_hanging(trial: Trial) -> str:
    """How long it takes from an error, the last statement of a program, to the end of the program."""
    with serving("silence") as sink:
        ended = trial.run(_WITH_CLOCK, sink.port, patience=PATIENCE)
    return _seconds(ended.at - float(ended.stdout.split()[0])) if ended.in_time else "never"


def end_while_away(trial: Trial) -> str:
    """How long it takes from an error, the last statement of a program, to its end while no server listens."""
    with away() as port:
        ended = trial.run(_WITH_CLOCK, port)
    return _seconds(ended.at - float(ended.stdout.split()[0])) if ended.in_time else "never"


def comes_back(trial: Trial) -> str:
    """An error is logged while no server listens; then the server starts, and the program makes no other call."""
    with away() as port:
        process = trial.start(f"{ERROR}; print('logged', flush=True); sys.stdin.read()", port)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(AWAY)
    with serving(trial.peer.protocol, port=port) as sink:
        until = time.monotonic() + RETURN
        while not sink.texts and time.monotonic() < until:
            time.sleep(0.1)
        arrived = sink.holds("unpaid")
        trial.notes += ["arrived while the program runs:", *sink.texts]
        trial.finish(process, PATIENCE)
    return yes(arrived)


def survives_restart(trial: Trial) -> str:
    """A program logs an error while no server listens, and ends. The server starts, and then the program again."""
    with away() as port:
        trial.run("setup(PORT); log.error('order unpaid')", port)
    with serving(trial.peer.protocol, port=port) as sink:
        trial.run("setup(PORT); log.error('stock is low')", port)
        settle(sink)
    trial.notes += ["arrived:", *sink.texts]
    assert sink.holds("stock is low")
    return yes(sink.holds("unpaid"))


def last_error(trial: Trial) -> str:
    """The server takes 0.2 s for a message; the error is the last statement."""
    return yes(trial.delivered(ERROR, pause=0.2).holds("unpaid"))


_FORKING: Final = """
setup(PORT)
log.error("says alpha")
log.error("says beta")
log.error("says gamma")
time.sleep(0.4)  # python-logstash-async has opened its database; the last is still in others' queues
if os.fork():
    os.wait()
else:
    log.error("says delta")
"""


def survives_fork(trial: Trial) -> str:
    """Three errors, a fork while they may still wait, a fourth error in the child; the server takes 0.3 s for each."""
    sink = trial.delivered(_FORKING, pause=0.3, patience=RETURN)
    told = [text.partition(BREADCRUMBS)[0] for text in sink.texts]
    counts = [sum(f"says {word}" in text for text in told) for word in ("alpha", "beta", "gamma", "delta")]
    trial.notes.append(f"counts: {counts}")
    if min(counts) == 0:
        return "some are lost"
    return "yes" if max(counts) == 1 else "some come twice"


_THOUSAND: Final = """
setup(PORT)
for _ in range(1000):
    log.error("warehouse is away")
"""


def thousand_errors(trial: Trial) -> str:
    """A thousand times the same error in a row; the server takes 10 ms for each, as across a network."""
    sink = trial.delivered(_THOUSAND, pause=0.01)
    trial.notes += [f"messages: {len(sink.texts)}", *sink.texts[-1:]]
    if len(sink.texts) == 1000:
        return "1,000"
    if len(sink.texts) < 20:
        return "a few, counted" if sink.holds("1,000") or sink.holds("1000") else "a few"
    return "some are lost"


def two_servers(trial: Trial) -> str:
    """The program sets up two servers; an error must reach both, once."""
    protocol, second = trial.peer.protocol, trial.peer.second
    with serving(protocol) as one, serving(protocol) as two:
        trial.run(f"setup(PORT); setup(OTHER, {second}); log.error('order unpaid')", one.port, other=two.port)
        settle(one)
        settle(two)
    trial.notes += ["first:", *one.texts, "second:", *two.texts]
    return yes(len(one.texts) == len(two.texts) == 1)


_THREE: Final = """
setup(PORT)
for number in range(3):
    log.error("order unpaid")
    time.sleep(0.2)
"""


def said_on_stderr(trial: Trial) -> str:
    """Three errors while no server listens: how many lines stderr shows about that, beside the errors themselves."""
    with away() as port:
        ended = trial.run(_THREE, port)
    lines = [line for line in ended.stderr.splitlines() if line.strip() and line.strip() != "order unpaid"]
    if not lines:
        return "nothing"
    tracebacks = sum(line.startswith("Traceback") for line in lines)
    chained = sum(line.startswith(("During handling", "The above exception")) for line in lines)
    return "once" if (tracebacks - chained if tracebacks else len(lines)) < 3 else "for each error"


def program_is_told(trial: Trial) -> str:
    """No server listens; a function of the program must be called: the peer's own hook, or logging's handleError."""
    hook = "logging.Handler.handleError = lambda *_: print('told')\n"
    with away() as port:
        return yes("told" in trial.run(f"{hook}{trial.peer.told}\nlog.error('order unpaid')", port).stdout)


def masks_secrets(trial: Trial) -> str:
    """An error's text has ``password=hunter2``: what arrives must not."""
    sink = trial.delivered("setup(PORT); log.error('login failed, password=hunter2')")
    assert sink.holds("login failed")
    return yes(not sink.holds("hunter2"))


_LOCALS: Final = """
setup(PORT)
def pay():
    basket, password = "ap" + "ples", "hunt" + "er2"
    raise ValueError("order unpaid")
try:
    pay()
except ValueError:
    log.exception("payment failed")
"""


def shows_locals(trial: Trial) -> str:
    """The values of a function's variables come with its exception; one that is called password is masked."""
    sink = trial.delivered(_LOCALS)
    assert sink.holds("payment failed")
    return "no" if not sink.holds("apples") else "yes" if sink.holds("hunter2") else "yes, masked"


def shows_before(trial: Trial) -> str:
    """A warning that was logged before the error comes with the error."""
    sink = trial.delivered("setup(PORT); log.warning('basket loaded'); log.error('order unpaid')")
    return yes(any("basket loaded" in text and "order unpaid" in text for text in sink.texts))


def shows_extra(trial: Trial) -> str:
    """What ``extra`` adds to the record arrives."""
    return yes(trial.delivered("setup(PORT); log.error('unpaid', extra={'order': 'n4711'})").holds("n4711"))


def lines_arrive(trial: Trial) -> str:
    """All of a message of six lines arrives, in one message."""
    sink = trial.delivered(r"setup(PORT); log.error('row a\nrow b\nrow c\nrow d\nrow e\nrow f')")
    return yes(any(all(f"row {letter}" in text for letter in "abcdef") for text in sink.texts))


_UNCAUGHT: Final = """
def fail():
    raise RuntimeError("failed in a thread")
thread = threading.Thread(target=fail)
thread.start()
thread.join()
raise RuntimeError("failed in main")
"""


def reports_uncaught(trial: Trial) -> str:
    """Uncaught exceptions, one in a thread and one that ends the program."""
    for answer, statement in (("yes", ""), ("one call", trial.peer.unhandled)):
        if answer == "yes" or statement:
            sink = trial.delivered(f"setup(PORT)\n{statement}\n{_UNCAUGHT}")
            if sink.holds("failed in a thread") and sink.holds("failed in main"):
                return answer
    return "no"


def has_receiver(trial: Trial) -> str:
    """The package has something that takes what it sends, and shows it; else no call in its source starts a server."""
    if trial.peer.receiver:
        with away() as port:
            pass  # it is the receiver's now
        return yes("order unpaid" in trial.run(trial.peer.receiver, port).stdout)
    calls = re.findall(r"(?:\.listen|start_server|create_server|serve_forever)\(", trial.source())
    assert not calls, f"{trial.peer.name} may have a receiver by now: {calls}"
    return "no"


def has_test_helper(trial: Trial) -> str:
    """The package has something with which a test can look at what was logged; else no name in it says so."""
    if trial.peer.testing:
        with away() as port:
            return yes("True" in trial.run(trial.peer.testing, port).stdout)
    names = re.findall(r"^(?:class|def) [Tt]est\w+", trial.source(), re.MULTILINE)
    assert not names, f"{trial.peer.name} may have a helper for tests by now: {names}"
    return "no"


def is_typed(trial: Trial) -> str:
    """The package holds ``py.typed``."""
    spec = importlib.util.find_spec(trial.peer.package)
    assert spec is not None
    assert spec.origin is not None
    return yes(Path(spec.origin).with_name("py.typed").exists())


WELL_KNOWN: Final = {
    "mail": "smtplib",
    "Slack": "slack.com",
    "Telegram": "api.telegram.org",
    "Pushover": "api.pushover.net",
}


def reaches(trial: Trial) -> str:
    """Which of four services the package's source names, by host or Python's module; and its own registry's count."""
    source = trial.source()
    names = ", ".join(name for name, needle in WELL_KNOWN.items() if needle in source)
    if trial.peer.services:
        with away() as port:
            count = int(trial.run(f"print({trial.peer.services})", port).stdout)
        return f"{names}; {count // 100 * 100}+ in all" if count >= 100 else f"{names}; {count} in all"
    return names or "none"


def requirements(trial: Trial) -> str:
    """How many other distributions pip installs with it, of all depths, without extras."""
    found: set[str] = set()
    waiting = [trial.peer.distribution] if trial.peer.distribution else []
    while waiting:
        for line in importlib.metadata.requires(waiting.pop()) or ():
            requirement = Requirement(line)
            name = re.sub(r"[-_.]+", "-", requirement.name).lower()
            if name not in found and (requirement.marker is None or requirement.marker.evaluate({"extra": ""})):
                found.add(name)
                waiting.append(name)
    trial.notes += sorted(found)
    return "none" if not found else "1 to 4" if len(found) < 5 else "5 or more"


# -- The table -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """A question, and what answers it for one peer."""

    question: str
    probe: Callable[[Trial], str]
    key: str = ""


ROWS: Final = (
    Row("A dictConfig with the handler's class is enough", by_dict_config),
    Row("Speaks GNTP to a server with a password", speaks_gntp),
    Row("Speaks TLS", speaks_tls),
    Row("Server hangs: the call returns", call_while_hanging),
    Row("Server hangs: the program ends", end_while_hanging),
    Row("Server is away: the error arrives when it is back", comes_back),
    Row("... even when the program has ended meanwhile", survives_restart),
    Row("Server is away: the program ends", end_while_away),
    Row("Server is away: lines on stderr", said_on_stderr),
    Row("Server is away: your own code is called", program_is_told),
    Row("A script's last error arrives", last_error),
    Row("A fork: all arrive, none twice", survives_fork),
    Row("1,000 times the same error: messages", thousand_errors),
    Row("Two servers in one program", two_servers),
    Row("Uncaught exceptions, of threads too", reports_uncaught),
    Row("A password in the text is masked", masks_secrets),
    Row("Shows the variables of functions", shows_locals),
    Row("Shows what was logged before", shows_before),
    Row("Shows what extra adds", shows_extra),
    Row("A text of six lines arrives whole", lines_arrive),
    Row("Also reaches", reaches),
    Row("Brings a receiver", has_receiver),
    Row("Brings a helper for tests", has_test_helper),
    Row("Has type annotations", is_typed, "types"),
    Row("Other distributions that pip installs", requirements),
)


def measure(row: Row, peer: Peer) -> tuple[str, list[str]]:
    """Return a cell, and what was seen."""
    if row.key in peer.nonsense:
        return "—", [peer.nonsense[row.key]]
    with tempfile.TemporaryDirectory() as folder:
        trial = Trial(peer, Path(folder))
        try:
            return row.probe(trial), trial.notes
        except Exception as error:
            raise RuntimeError("\n".join([f"{row.question}, {peer.name}: {error!r}", *trial.notes])) from error


def table(rows: Sequence[Row], peers: Sequence[Peer], *, aloud: bool = False) -> list[str]:
    """Measure, several cells at a time, for most of them only wait; return lines of Markdown."""
    with ThreadPoolExecutor(4 * (os.cpu_count() or 1)) as pool:
        waiting = [[pool.submit(measure, row, peer) for peer in peers] for row in rows]
        cells = [[future.result() for future in line] for line in waiting]
    lines = [f"| | {' | '.join(peer.name for peer in peers)} |", "| --- |" + " --- |" * len(peers)]
    for row, found in zip(rows, cells, strict=True):
        lines.append(f"| {row.question} | {' | '.join(cell for cell, _ in found)} |")
        for peer, (cell, notes) in zip(peers, found, strict=True):
            if aloud:
                print("\n    ".join([f"{row.question}, {peer.name}: {cell}", row.probe.__doc__ or "", *notes]), "\n")
    return lines


def versions() -> str:
    """Return what is installed, in one line."""
    try:
        names = [f"{peer.name} {importlib.metadata.version(peer.distribution)}" for peer in PEERS if peer.distribution]
    except importlib.metadata.PackageNotFoundError as error:
        raise SystemExit(f"{error}: pip install -e '.[comparison]'") from error
    return f"Measured with Python {platform.python_version()} on {platform.system()}: {', '.join(names)}."


def check(page: Path, lines: list[str]) -> int:
    """Compare a page's table with what was measured; the versions that stand beside it may differ."""
    _, block, _ = _parts(page)
    written = [line for line in block.splitlines() if line.startswith("|")]
    difference = list(difflib.unified_diff(written, lines, str(page), "measured", n=0, lineterm=""))
    print("\n".join(difference) or f"{page} says what was measured")
    return 1 if difference else 0


def write(page: Path, lines: list[str], installed: str) -> None:
    """Write a page's table."""
    before, _, after = _parts(page)
    block = "\n".join(["", "", *lines, "", installed, "", ""])
    page.write_text(f"{before}{BEGIN}{block}{END}{after}", "utf-8")


def _parts(page: Path) -> tuple[str, str, str]:
    before, begins, rest = page.read_text("utf-8").partition(BEGIN)
    block, ends, after = rest.partition(END)
    if not begins or not ends:
        raise SystemExit(f"{page} lacks {BEGIN} or {END}")
    return before, block, after


def main() -> int:
    """Measure, and print, check or write the table."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument(
        "--only", metavar="WORDS", help="rows whose question has these words, with all that was seen"
    )
    arguments.add_argument("--peer", metavar="NAME", help="one column")
    arguments.add_argument("--check", type=Path, metavar="PAGE", help="end with 1 if this page's table says otherwise")
    arguments.add_argument("--write", type=Path, metavar="PAGE", help="write the table into this page")
    options = arguments.parse_args()
    rows = [row for row in ROWS if (options.only or "").lower() in row.question.lower()]
    peers = [peer for peer in PEERS if options.peer in (None, peer.name)]
    if not rows or not peers:
        arguments.error("no such row or column")
    if (options.check or options.write) and (len(rows), len(peers)) != (len(ROWS), len(PEERS)):
        arguments.error("a page holds the whole table: leave out --only and --peer")
    installed = versions()
    lines = table(rows, peers, aloud=bool(options.only or options.peer))
    if options.check:
        return check(options.check, lines)
    if options.write:
        write(options.write, lines, installed)
    print(*lines, installed, sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
