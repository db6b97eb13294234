"""Writes docs/alerts.md, a gallery: records, each as code and as the toast that it makes.

``python tools/draw_alerts.py`` prints the page. Each record goes the whole way, through a handler and a receiver; only
times of day are replaced by those of the page. A test compares the page with what this prints.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from gntp_logging import GNTPHandler, testing
from gntp_logging.receiver.registry import Toast

_HEAD: Final = """\
# A gallery of alerts

![The receiver's page with six alerts, among them a digest of 14 alerts, an error that came 5,000
times, a masked password, and a ValueError with its frames](gallery.png)

Records, each as code and as the toast that it makes: its title, and below it the text. `logger` is
the logger `shop.orders`, its handler is
`GNTPHandler(app_name="shop", context={"machine": "web-3"})` unless a comment gives it more, and the
program is `/srv/shop/orders.py`. `python tools/draw_alerts.py` prints this page, and a test
compares it with what the package does.
"""

_PAY: Final = """\
def pay(amount):
    if amount < 0:
        raise ValueError(f"amount must not be negative: {amount}")


def checkout(amount):
    pay(amount)


try:
    checkout(-3)
"""


class JSONFormatter(logging.Formatter):
    """A formatter for a collector of logs."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one JSON object."""
        return json.dumps({"levelname": record.levelname, "message": record.getMessage(), "service": "till"})


@dataclass(frozen=True)
class Example:
    """One record.

    Attributes:
        heading: What it shows.
        code: What makes it; several records where one is not enough.
        options: Of the handler.
        formatter: Of the handler, as code.
        remark: A sentence below the toast.
    """

    heading: str
    code: str
    options: Mapping[str, Any] = field(default_factory=dict)
    formatter: str = ""
    remark: str = ""


EXAMPLES: Final[Sequence[tuple[str, Sequence[Example]]]] = (
    (
        "What happened",
        (
            Example("A message", 'logger.error("Payment provider answered %d", 503)'),
            Example("A message of several lines", 'logger.error("Cannot pay\\n  order 4711\\n  order 4712")'),
            Example(
                "An exception",
                f'{_PAY}except ValueError:\n    logger.exception("Order %d was not paid", 4711)',
            ),
            Example("An exception as the message", f"{_PAY}except ValueError as error:\n    logger.error(error)"),
            Example(
                "An exception that the message repeats",
                f"{_PAY}except ValueError as error:\n    logger.exception(str(error))",
            ),
            Example(
                "A cause",
                'def total(basket):\n    try:\n        return basket["total"]\n    except KeyError as error:\n'
                '        raise LookupError("the basket has no total") from error\n\n\n'
                'try:\n    total({})\nexcept LookupError:\n    logger.exception("Cannot check out")',
            ),
            Example(
                "A long chain",
                'def read(depth):\n    if not depth:\n        raise OSError("the disk is gone")\n    try:\n'
                '        read(depth - 1)\n    except Exception as error:\n'
                '        raise RuntimeError(f"level {depth} failed") from error\n\n\n'
                'try:\n    read(4)\nexcept RuntimeError:\n    logger.exception("Cannot read the stock")',
                remark="An alert shows the first and the last link of a chain.",
            ),
            Example(
                "While another was handled",
                'try:\n    try:\n        {}["total"]\n    except KeyError:\n        int("three")\nexcept ValueError:\n'
                '    logger.exception("Cannot count")',
            ),
            Example(
                "A group of exceptions",
                'def fail(error):\n    raise error\n\n\nerrors = []\nfor one in ConnectionError("db-1 refused"), '
                'TimeoutError("db-2 is silent"):\n    try:\n        fail(one)\n    except OSError as error:\n'
                '        errors.append(error)\ntry:\n    raise ExceptionGroup("no database", errors)\n'
                'except ExceptionGroup:\n    logger.exception("Job failed")',
                remark="The frames are those of the first that it holds.",
            ),
            Example(
                "A note",
                'try:\n    error = ValueError("no total")\n    error.add_note("while order 4711 was paid")\n'
                '    raise error\nexcept ValueError:\n    logger.exception("Cannot pay")',
            ),
            Example(
                "A syntax error",
                'try:\n    compile("total = (1,", "plugin.py", "exec")\nexcept SyntaxError:\n'
                '    logger.exception("The plugin is broken")',
            ),
        ),
    ),
    (
        "As much as a toast shows",
        (
            Example(
                "Frames of libraries",
                'import json\n\n\ndef prices(text):\n    return json.loads(text)\n\n\ntry:\n    prices("{")\n'
                'except ValueError:\n    logger.exception("Cannot read the prices")',
            ),
            Example(
                "A recursion",
                'def walk(depth):\n    if not depth:\n        raise RecursionError("too deep")\n'
                '    walk(depth - 1)\n\n\n'
                'try:\n    walk(300)\nexcept RecursionError:\n    logger.exception("Cannot read the categories")',
            ),
            Example(
                "A title that has to be cut",
                'logger.error("Cannot deliver " + ", ".join(f"order {number}" for number in range(4700, 4715)))',
                remark="The text then begins with the whole line.",
            ),
            Example(
                "An exception of many lines",
                'rows = "\\n".join(f"row {number} is locked" for number in range(40))\ntry:\n'
                '    raise TimeoutError(f"cannot update\\n{rows}")\nexcept TimeoutError:\n'
                '    logger.exception("Cannot restock")',
            ),
            Example(
                "A text that has to be cut",
                'logger.error("Cannot deliver\\n" + "\\n".join(f"order {number}" for number in range(500)))',
                {"max_text": 100},
                remark="`max_text` does not count the last line.",
            ),
        ),
    ),
    (
        "Where",
        (
            Example(
                "Values that a record adds",
                'logger.error("Not paid", extra={"order": 4711, "items": ["tea", "pie"], "user": None})',
            ),
            Example(
                "A request",
                'logger.error("Not paid", extra={"request": types.SimpleNamespace(method="POST", path="/pay")})',
                remark="As Django's own records have it; other frameworks' requests are found by themselves.",
            ),
            Example("Context of the program", 'logger.error("Not paid")', {"context": {"environment": "production"}}),
        ),
    ),
    (
        "Other forms",
        (
            Example("A dictionary", 'logger.error({"event": "payment failed", "order": 4711, "user": "ann"})'),
            Example(
                "JSON, as structlog's JSONRenderer writes it",
                'logger.error(\'{"event": "payment failed", "order": 4711, "level": "error"}\')',
            ),
            Example(
                "JSON, as a formatter writes it behind a QueueHandler",
                'logger.error(\'{"message": "payment failed", "levelname": "ERROR", "service": "till"}\')',
                remark="An object with a `message` is read if it repeats what the record has, or holds an exception.",
            ),
            Example(
                "A formatter",
                f'{_PAY}except ValueError:\n    logger.exception("Order %d was not paid", 4711)',
                formatter='logging.Formatter("%(levelname)s in %(module)s: %(message)s")',
                remark="It shapes the message, and nothing else.",
            ),
            Example(
                "A formatter that writes JSON",
                'logger.error("Not paid")',
                formatter="JSONFormatter()",
                remark="What it adds to the record is shown as values; here it is `service`.",
            ),
            Example("Colours", 'logger.error("\\x1b[31mNot paid\\x1b[0m")'),
            Example("A secret", 'logger.error("Cannot log in: user=ann password=hunter2")'),
            Example(
                "A title of one record",
                'logger.error("release 7 is out", extra={"gntp": {"title": "Deployed"}})',
            ),
            Example("A title of the handler", 'logger.error("Not paid")', {"title": "{levelname} in {module}"}),
            Example("A title that fails", 'logger.error("Not paid")', {"title": "{levelno:s}"}),
        ),
    ),
    (
        "Several, and late ones",
        (
            Example("Repeats", 'for number in range(5000):\n    logger.error(f"Order {number} was not paid")'),
            Example(
                "Repeats of different texts",
                'logger.error("Order %d was not paid", 4711)\nlogger.error("Order %d was not paid", 4712)',
            ),
            Example(
                "A digest",
                'for name in ["order", "stock", "user"] * 4:\n'
                '    logger.error(name, exc_info=ConnectionError(f"cannot read the {name}"))\n'
                'for word in ["disk full", "no route", "no lock"]:\n    logger.error(word)',
                {"burst": 1, "rate": 1, "repeat_window": 0},
                remark="The first record has a toast of its own.",
            ),
            Example(
                "An alert that was logged three minutes ago",
                'record = logger.makeRecord("shop.orders", logging.ERROR, "orders.py", 1, "Not paid", (), None)\n'
                'record.created = time.time() - 180\nlogger.handle(record)',
            ),
        ),
    ),
)  # fmt: skip


def main() -> None:
    """Print the page."""
    sys.stdout.write(page())


def page() -> str:
    """Return the page."""
    return _HEAD + "".join(
        f"\n## {title}\n" + "".join(shown(example) for example in examples) for title, examples in EXAMPLES
    )


def shown(example: Example) -> str:
    """Return an example's part of the page."""
    code = "\n".join((*_comments(example), example.code))
    remark = f"\n{example.remark}\n" if example.remark else ""
    return f"\n### {example.heading}\n\n```python\n{code}\n```\n\n```\n{_said(toast(example))}\n```\n{remark}"


def _comments(example: Example) -> Iterator[str]:
    """Yield what is special about the handler."""
    if example.options:
        yield f"# GNTPHandler({', '.join(f'{name}={value!r}' for name, value in example.options.items())})"
    if example.formatter:
        yield f"# handler.setFormatter({example.formatter})"


def toast(example: Example) -> Toast:
    """Log an example's records, and return the last toast."""
    context = {"machine": "web-3", **example.options.get("context", {})}
    handler = GNTPHandler(app_name="shop", **{**example.options, "context": context})
    names: dict[str, object] = {"logging": logging, "time": time, "types": types, "JSONFormatter": JSONFormatter}
    if example.formatter:
        handler.setFormatter(eval(example.formatter, names))
    logger = logging.Logger("shop.orders")  # noqa: LOG001 - a program's own logger stays as it is
    logger.addHandler(handler)
    with testing.receiver() as receiver:
        exec(compile(example.code, "/srv/shop/orders.py", "exec"), {**names, "logger": logger})
        last = receiver.notifications[-1]
    handler.close()
    return last


_CLOCK: Final = r"(?:\d\d \w{3} (?:\d{4} )?)?\d\d:\d\d:\d\d"


def _said(toast: Toast) -> str:
    """Return title and text, at the page's time of day."""
    text = re.sub(rf"^first {_CLOCK}, last {_CLOCK}$", "first 04:25:10, last 04:25:22", toast.text, flags=re.MULTILINE)
    return f"{toast.title}\n{re.sub(rf'logged {_CLOCK}', 'logged 04:25:10', text)}"


if __name__ == "__main__":
    main()
