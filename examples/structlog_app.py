"""structlog in front: events appear on the desktop, with what is bound to them.

Run it beside `gntp-logging listen`:

    python examples/structlog_app.py

If the server has a password, put it into the environment variable GNTP_PASSWORD: alerts are then encrypted.
"""

import logging
import os

import structlog

import gntp_logging

password = os.environ.get("GNTP_PASSWORD")

desktop = gntp_logging.GNTPHandler(
    level="ERROR",
    app_name="shop",
    host=os.environ.get("GNTP_HOST", "localhost"),
    port=int(os.environ.get("GNTP_PORT", "23053")),
    password=password,
    encryption="AES" if password else None,
)
terminal = logging.StreamHandler()
terminal.setFormatter(
    structlog.stdlib.ProcessorFormatter(
        processor=structlog.dev.ConsoleRenderer(colors=False),
        foreign_pre_chain=[structlog.stdlib.add_log_level, structlog.stdlib.ExtraAdder()],
    )
)
logging.basicConfig(level="INFO", handlers=[terminal, desktop])

structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.filter_by_level,
        structlog.stdlib.render_to_log_kwargs,  # leaves exceptions to the handlers
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
)

logger = structlog.get_logger("shop.orders")
structlog.contextvars.bind_contextvars(request_id="a-1")

logger.error("order was not paid", order=4711)
try:
    {"apples": 3}["total"]
except KeyError:
    logger.exception("cannot add up the basket", order=4712)
