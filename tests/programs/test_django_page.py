"""Django's page: its settings as they stand, in a site that is served, checked and tested as sites are."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.documents import ROOT, blocks
from tests.programs.test_framework_pages import alike, code_of, shown_by
from tests.running import BOUND, request, starting
from tests.support import RunningReceiver, free_port, running_receiver

pytest.importorskip("django", reason="needs Django: pip install 'django>=5.2'")

PASSWORD = "sesame"
SETTINGS = """\
DEBUG = False
SECRET_KEY = "for this test only"
ALLOWED_HOSTS = ["127.0.0.1", "testserver"]
ROOT_URLCONF = "urls"
DATABASES = {}
"""
MANAGE = """
import os, sys
from django.core.management import execute_from_command_line

os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
execute_from_command_line(sys.argv)
"""
VIEWS = "def checkout(request):\n    return {}['total']\n"
URLS = 'from django.urls import path\n\nimport views\n\nurlpatterns = [path("checkout/", views.checkout)]\n'
TESTS = """
from django.test import Client, SimpleTestCase


class FailingViews(SimpleTestCase):
    def test_a_view_that_fails(self):
        client = Client(raise_request_exception=False)
        assert client.get("/checkout/").status_code == 500
"""


@pytest.fixture
def desk() -> Iterator[RunningReceiver]:
    """The receiver, with a password."""
    with running_receiver([PASSWORD]) as running:
        yield running


@pytest.fixture
def site(tmp_path: Path, desk: RunningReceiver) -> Path:
    """The folder of a site with the page's settings."""
    folder = tmp_path / "shop"
    folder.mkdir()
    files = {
        "settings.py": SETTINGS + code_of("django", desk.port),
        "manage.py": MANAGE, "views.py": VIEWS, "urls.py": URLS, "test_views.py": TESTS,
        "conftest.py": "import django, os\nos.environ['DJANGO_SETTINGS_MODULE'] = 'settings'\ndjango.setup()\n",
    }  # fmt: skip
    for name, text in files.items():
        (folder / name).write_text(text, "utf-8")
    return folder


def _environment(*, with_password: bool) -> dict[str, str]:
    dropped = {"GNTP_PASSWORD", "GNTP_LOGGING_DISABLED"}
    variables = {name: value for name, value in os.environ.items() if name not in dropped}
    return {**variables, "GNTP_PASSWORD": PASSWORD} if with_password else variables


def _run(site: Path, *arguments: str, with_password: bool = False) -> subprocess.CompletedProcess[str]:
    variables = _environment(with_password=with_password)
    return subprocess.run(
        [sys.executable, *arguments], cwd=site, env=variables, capture_output=True, encoding="utf-8", timeout=BOUND,
        check=False,
    )  # fmt: skip


def test_a_view_that_fails_looks_like_the_page_says(site: Path, desk: RunningReceiver, tmp_path: Path) -> None:
    """Served by Django's own server; encrypted, as the page has it. The terminal has it too."""
    port = free_port()
    with starting(tmp_path, _environment(with_password=True), site) as start:
        server = start(str(site / "manage.py"), "runserver", "--noreload", f"127.0.0.1:{port}")
        server.wait_for("Quit the server")
        assert request(port, "/checkout/?card=4711")[0] == 500
        (toast,) = desk.wait_for(1)
        server.wait_for("KeyError: 'total'")
    assert alike(toast) == alike(shown_by("django"))
    assert toast.encryption == "AES"


def test_developers_need_no_password(site: Path, desk: RunningReceiver) -> None:
    """Commands work where the variable is not set."""
    result = _run(site, "manage.py", "check")
    assert (result.returncode, result.stderr) == (0, "")
    assert desk.toasts == []


def test_the_sites_own_tests_alert_nobody(site: Path, desk: RunningReceiver) -> None:
    """A test of a 500 page, run by Django where the password is not set."""
    result = _run(site, "manage.py", "test")
    assert "Ran 1 test" in result.stderr, result.stderr
    assert result.returncode == 0, result.stderr
    assert desk.toasts == []


def test_pytest_alerts_nobody(site: Path, desk: RunningReceiver) -> None:
    """The same test, where the password is set."""
    result = _run(site, "-m", "pytest", "-q", "-p", "no:cacheprovider", with_password=True)
    assert "1 passed" in result.stdout, result.stdout
    assert desk.toasts == []


@pytest.mark.parametrize("mended", ["", "propagates", "has the handler"])
def test_failing_views_alert_nobody_without_propagation(mended: str, site: Path, desk: RunningReceiver) -> None:
    """As the page says of the table that it shows, and so does each of the two ways out."""
    (table,) = (block.text for block in blocks(ROOT / "docs/frameworks/django.md") if block.language == "text")
    if mended == "propagates":
        table = table.replace(', "propagate": False', "")
    elif mended:
        table = table.replace('["mail_admins"]', '["mail_admins", "desktop"]')
    settings = site / "settings.py"
    mail = '"mail_admins": {"class": "django.utils.log.AdminEmailHandler"},'
    above = f'{table.rstrip()},\n    "handlers": {{\n        {mail}'
    settings.write_text(re.sub(r'(?m)^    "handlers": \{$', above, settings.read_text("utf-8")), "utf-8")
    program = (
        "import django, os; os.environ['DJANGO_SETTINGS_MODULE'] = 'settings'; django.setup(); "
        "from django.test import Client; print(Client(raise_request_exception=False).get('/checkout/').status_code)"
    )
    result = _run(site, "-c", program, with_password=True)
    assert result.stdout == "500\n", result.stderr
    assert len(desk.toasts) == bool(mended)
