"""The Django site shows the exception of a view."""

from __future__ import annotations

import platform

import pytest

from tests.examples.conftest import RequestOnce, RunExample
from tests.support import RunningReceiver, said


@pytest.fixture(autouse=True)
def _needs_django() -> None:
    pytest.importorskip("django", reason="needs Django: pip install 'django>=5.2'")


def test_shows_the_exception_of_a_view(
    desktop: RunningReceiver, environment: dict[str, str], request_once: RequestOnce
) -> None:
    """One real HTTP request to a view that fails is one alert with the exception and the view's name."""
    environment["DJANGO_SETTINGS_MODULE"] = "django_settings"

    status, errors = request_once("django.core.wsgi:get_wsgi_application()", "/checkout/?token=secret")

    assert (status, errors.count("Traceback")) == (500, 1)
    assert "gntp_logging:" not in errors
    (toast,) = desktop.wait_for(1)
    assert toast.application == "shop"
    assert toast.priority == 1
    assert (toast.encryption, toast.hash_) == ("AES", "SHA256")
    lines = said(toast).split("\n")
    assert lines[0] == "KeyError: 'total'"
    assert any("/checkout/" in line for line in lines)
    assert any("django_settings.py" in line and line.endswith("in checkout") for line in lines)
    assert toast.text.endswith(f"\nERROR · django.request · {platform.node()} · GET /checkout/ · status 500")
    assert "secret" not in str(toast)


def test_a_view_that_is_not_there_is_no_alert(
    desktop: RunningReceiver, environment: dict[str, str], request_once: RequestOnce
) -> None:
    """A 404 is a warning for Django, and stays off the desktop."""
    environment["DJANGO_SETTINGS_MODULE"] = "django_settings"

    status, errors = request_once("django.core.wsgi:get_wsgi_application()", "/nothing/")

    assert (status, errors) == (404, "Not Found: /nothing/\n")
    assert desktop.toasts == []


def test_is_a_program_with_djangos_commands(run_example: RunExample) -> None:
    """Run as a program it takes Django's commands, and Django's own check finds nothing to complain about."""
    finished = run_example("django_settings.py", "check")

    assert (finished.returncode, finished.stderr) == (0, "")
    assert "no issues" in finished.stdout
