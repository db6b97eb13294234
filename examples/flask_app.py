"""A Flask application. An exception that a view does not handle appears on the desktop.

Run it beside `gntp-logging listen`, and open http://127.0.0.1:5000/checkout:

    python examples/flask_app.py

If the server has a password, put it into the environment variable GNTP_PASSWORD: alerts are then encrypted.
"""

import os
from logging.config import dictConfig

from flask import Flask

password = os.environ.get("GNTP_PASSWORD")

# Before the application is made, as Flask's documentation advises. Flask's own log goes to the terminal as well.
dictConfig(
    {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
        "handlers": {
            "terminal": {"class": "logging.StreamHandler", "formatter": "line"},
            "desktop": {
                "class": "gntp_logging.GNTPHandler",
                "level": "ERROR",
                "app_name": "shop",
                "host": os.environ.get("GNTP_HOST", "localhost"),
                "port": int(os.environ.get("GNTP_PORT", "23053")),
                "password": password,
                "encryption": "AES" if password else None,
            },
        },
        "root": {"level": "INFO", "handlers": ["terminal", "desktop"]},
    }
)

app = Flask(__name__)


@app.get("/checkout")
def checkout() -> str:
    """Fail, as views do."""
    basket = {"apples": 3}
    return f"You pay {basket['total']} euros"


if __name__ == "__main__":
    app.run()
