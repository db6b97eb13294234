"""Django's runserver with autoreload: two processes that configure logging, one of which is replaced on each change."""

from __future__ import annotations

import contextlib
import re
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.documents import ROOT, blocks
from tests.running import BOUND, StartProgram, get
from tests.support import RunningReceiver, free_port, said

pytest.importorskip("django", reason="needs Django: pip install 'django>=5.2'")

SITE = """
    import logging, os, sys
    from django.core.management import execute_from_command_line
    from django.http import HttpResponse
    from django.urls import path

    DEBUG = True
    LOGGING = {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {
            "desktop": {
                "class": "gntp_logging.GNTPHandler", "level": "ERROR", "port": int(os.environ["GNTP_PORT"]),
                "app_name": "shop",
            },
        },
        "loggers": {"django.request": {"handlers": ["desktop"]}},
    }
    SECRET_KEY = "for this test only"
    ALLOWED_HOSTS = ["127.0.0.1"]
    ROOT_URLCONF = "site_of_one_file"

    def fail(request):
        raise ValueError(f"round {1}")

    def gone(request):
        logging.getLogger("shop").warning("Somebody looks for what is gone")
        raise KeyError(request.path)

    urlpatterns = [path("gone", gone)]
    urlpatterns += [path("pid", lambda request: HttpResponse(f"{os.getpid()} round {1}")), path("fail", fail)]

    if __name__ == "__main__":
        os.environ["DJANGO_SETTINGS_MODULE"] = "site_of_one_file"
        execute_from_command_line()
"""


def test_alerts_come_once_before_and_after_a_reload(
    start: StartProgram, write: Callable[[str, str], Path], receiver: RunningReceiver
) -> None:
    """The child that is replaced delivers its last error; the one that replaces it works like the first."""
    write("site_of_one_file.py", SITE)
    port = free_port()
    program = start("site_of_one_file.py", "runserver", f"127.0.0.1:{port}")
    first = _pid_in_round(port, 1)
    get(port, "/fail")
    for _ in range(5):  # a change is not noticed before the reloader has looked at the files once
        write("site_of_one_file.py", SITE.replace("{1}", "{2}"))
        second = _pid_in_round(port, 2, patience=4)
        if second:
            break
    assert second not in ("", first), program.output
    get(port, "/fail")
    receiver.wait_for(2)
    texts = [said(toast).split("\n")[0] for toast in receiver.toasts]
    assert texts == ["ValueError: round 1", "ValueError: round 2"], program.output
    assert "gntp_logging:" not in program.output


def test_the_pages_configuration_brings_each_error_once(
    start: StartProgram, write: Callable[[str, str], Path], receiver: RunningReceiver
) -> None:
    """Though Django's server logs failed requests too, with their queries. The terminal has each once as well."""
    (page,) = (block.text for block in blocks(ROOT / "docs" / "frameworks" / "django.md") if block.language == "python")
    for there, here in (
        ('"host": "desk.example",', '"port": int(os.environ["GNTP_PORT"]),'),
        ('"password_env": "GNTP_PASSWORD",', ""),
        ('"encryption": "AES",', ""),
        ('"enabled": "GNTP_PASSWORD" in os.environ,', ""),
    ):
        assert there in page
        page = page.replace(there, here)
    site = re.sub(r" {4}LOGGING = \{.*?\n {4}\}\n", lambda _: textwrap.indent(page, "    "), SITE, flags=re.DOTALL)
    write("site_of_one_file.py", site)
    port = free_port()
    program = start("site_of_one_file.py", "runserver", "--noreload", f"127.0.0.1:{port}")
    assert _pid_in_round(port, 1)
    get(port, "/fail?email=ada@shop.example")
    get(port, "/gone?email=ada@shop.example")
    assert all("ERROR · django.request · " in toast.text for toast in receiver.wait_for(2))
    assert "ada" not in "".join(toast.text for toast in receiver.toasts)
    program.wait_for('"GET /gone?email=ada@shop.example HTTP/1.1" 500')  # the terminal has its log still
    for words in ("ValueError: round 1\n", "KeyError: '/gone'\n", "Somebody looks for what is gone\n"):
        assert program.output.count(words) == 1, program.output


def _pid_in_round(port: int, number: int, patience: float = BOUND) -> str:
    """Return the process id of the server once it runs the code of a round; an empty one when it does not in time."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):  # it does not listen yet, or just now reloads
            pid, _, came = get(port, "/pid").partition(" round ")
            if came == str(number):
                return pid
        threading.Event().wait(0.05)
    return ""
