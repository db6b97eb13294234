"""A FastAPI application on uvicorn. An exception that a path operation does not handle appears on the desktop.

Run it beside `gntp-logging listen`, and open http://127.0.0.1:8000/checkout:

    cd examples && uvicorn fastapi_app:app

If the server has a password, put it into the environment variable GNTP_PASSWORD: alerts are then encrypted.
"""

import os
from logging.config import dictConfig

from fastapi import FastAPI

import gntp_logging

password = os.environ.get("GNTP_PASSWORD")

dictConfig(
    {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {
            "terminal": {"class": "logging.StreamHandler"},
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
        "root": {"handlers": ["terminal", "desktop"]},
        # uvicorn logs unhandled exceptions here, prints them itself, and hands them to no logger above "uvicorn".
        "loggers": {"uvicorn.error": {"handlers": ["desktop"]}},
    }
)

app = FastAPI()
app.add_middleware(gntp_logging.RequestContextMiddleware)  # alerts then name the request


@app.get("/checkout")
def checkout() -> str:
    """Fail, as path operations do."""
    basket = {"apples": 3}
    return f"You pay {basket['total']} euros"
