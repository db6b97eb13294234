"""loguru in front: its messages appear on the desktop, with what is bound to them.

Run it beside `gntp-logging listen`:

    python examples/loguru_app.py

If the server has a password, put it into the environment variable GNTP_PASSWORD: alerts are then encrypted.
"""

import os

from loguru import logger

import gntp_logging

password = os.environ.get("GNTP_PASSWORD")

logger.add(
    gntp_logging.GNTPHandler(
        app_name="shop",
        host=os.environ.get("GNTP_HOST", "localhost"),
        port=int(os.environ.get("GNTP_PORT", "23053")),
        password=password,
        encryption="AES" if password else None,
    ),
    level="ERROR",
    format="{message}",  # the alert says the rest in its own way
)


@logger.catch
def add_up(basket: dict[str, int]) -> int:
    """Fail, as functions do."""
    return basket["total"]


logger.bind(order=4711).error("Order {} was not paid", 4711)
add_up({"apples": 3})
