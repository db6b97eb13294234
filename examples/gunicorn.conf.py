"""gunicorn's configuration: what gunicorn and the application log as errors appears on the desktop.

Run it beside `gntp-logging listen`, with any WSGI application:

    cd examples && gunicorn --config gunicorn.conf.py flask_app:app

The server is named by the environment: GNTP_HOST, GNTP_PORT, GNTP_PASSWORD_FILE and so on.
"""

workers = 2

# These tables replace those of gunicorn's own configuration; "generic" is a formatter of that one.
logconfig_dict = {
    "handlers": {
        "terminal": {"class": "logging.StreamHandler", "formatter": "generic"},
        "desktop": {"()": "gntp_logging.config.from_env", "level": "ERROR", "app_name": "shop"},
    },
    "root": {"level": "INFO", "handlers": ["terminal", "desktop"]},
    "loggers": {
        "gunicorn.error": {"level": "INFO", "handlers": ["terminal", "desktop"], "propagate": False},
    },
}
