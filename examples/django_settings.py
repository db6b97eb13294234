"""A Django site in one file. An exception that a view does not handle appears on the desktop.

Run it beside `gntp-logging listen`, and open http://127.0.0.1:8000/checkout/:

    python examples/django_settings.py runserver

For a site of your own, copy LOGGING into its settings. If the server has a password, put it into the environment
variable GNTP_PASSWORD: alerts are then encrypted.
"""

import os

# Django has no type hints of its own.
from django.core.management import execute_from_command_line  # type: ignore[import-untyped]
from django.http import HttpRequest, HttpResponse  # type: ignore[import-untyped]
from django.urls import path  # type: ignore[import-untyped]

DEBUG = False
password = os.environ.get("GNTP_PASSWORD")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"django": {"()": "gntp_logging.IgnoreFilter", "loggers": ["django", "django.*"]}},
    "handlers": {
        # With DEBUG on, Django prints its own records itself.
        "terminal": {"class": "logging.StreamHandler", "filters": ["django"] if DEBUG else []},
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
    "root": {"handlers": ["terminal"]},
    # Django logs exceptions of views here, at ERROR.
    "loggers": {"django.request": {"handlers": ["desktop"]}},
}

SECRET_KEY = "for this example only"
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
ROOT_URLCONF = "django_settings"


def checkout(_request: HttpRequest) -> HttpResponse:
    """Fail, as views do."""
    basket = {"apples": 3}
    return HttpResponse(f"You pay {basket['total']} euros")


urlpatterns = [path("checkout/", checkout)]

if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "django_settings"
    execute_from_command_line()
