"""A Celery application. An exception that a task does not handle appears on the desktop, with the task's name and id.

Run it beside `gntp-logging listen`, with a broker of yours:

    cd examples && CELERY_BROKER_URL=redis://localhost celery -A celery_app worker

If the server has a password, put it into the environment variable GNTP_PASSWORD: alerts are then encrypted.
"""

import logging
import os

# Celery has no type hints of its own.
from celery import Celery  # type: ignore[import-untyped]
from celery.signals import after_setup_logger, after_setup_task_logger  # type: ignore[import-untyped]

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

app = Celery("shop")


# Celery sets up logging when a worker starts: the root logger, and the one of get_task_logger, which stands apart.
@after_setup_logger.connect  # type: ignore[untyped-decorator]
@after_setup_task_logger.connect  # type: ignore[untyped-decorator]
def show_on_the_desktop(logger: logging.Logger, **_: object) -> None:
    """Add the desktop to a logger that Celery has set up."""
    logger.addHandler(desktop)


@app.task  # type: ignore[untyped-decorator]
def pay(order: int) -> str:
    """Fail, as tasks do."""
    basket = {"apples": 3}
    return f"Order {order} costs {basket['total']} euros"
