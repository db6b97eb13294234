"""The documented path of Alert, which ``on_error`` gets."""

from .alerts.alert import Alert

__all__ = ["Alert"]
