"""The alert that ``on_error`` gets, under its documented path."""

from .alerts.alert import Alert

__all__ = ["Alert"]
