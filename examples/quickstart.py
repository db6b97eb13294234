"""Two alerts on the desktop: an error, and an exception with its traceback.

Run it beside `gntp-logging listen`, or another GNTP server:

    python examples/quickstart.py

If the server has a password, put it into the environment variable GNTP_PASSWORD: alerts are then encrypted.
"""

import logging
import logging.config
import os

password = os.environ.get("GNTP_PASSWORD")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {
        "terminal": {"class": "logging.StreamHandler"},
        "desktop": {
            "class": "gntp_logging.GNTPHandler",
            "level": "ERROR",
            "app_name": "quickstart",
            "host": os.environ.get("GNTP_HOST", "localhost"),
            "port": int(os.environ.get("GNTP_PORT", "23053")),
            "password": password,
            "encryption": "AES" if password else None,
        },
    },
    "root": {"level": "INFO", "handlers": ["terminal", "desktop"]},
}

logging.config.dictConfig(LOGGING)
logger = logging.getLogger("backup")


def free_space(disks: dict[str, int]) -> int:
    """Return the bytes that are free on the backup disk."""
    return disks["backup"]


logger.info("This is no error, so it stays off the desktop")
logger.error("Backup took %d minutes", 95)
try:
    free_space({"system": 10_000_000_000})
except KeyError:
    logger.exception("Cannot check the backup disk")
