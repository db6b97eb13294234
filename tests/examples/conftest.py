"""Fixtures that run the examples as a user would: as programs of their own, beside a receiver with a password."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

import pytest

from tests.running import BOUND, StartProgram, request, starting
from tests.support import RunningReceiver, running_receiver

EXAMPLES = Path(__file__).parents[2] / "examples"
PASSWORD = "correct horse"

RunExample = Callable[..., "subprocess.CompletedProcess[str]"]
"""Runs ``examples/<name>`` with arguments to its end."""

RequestOnce = Callable[[str, str], "tuple[int, str]"]
"""Serves a WSGI application for one request of a path; returns the HTTP status and what the program wrote to stderr."""


@pytest.fixture
def desktop() -> Iterator[RunningReceiver]:
    """The package's receiver, with a password."""
    with running_receiver([PASSWORD]) as running:
        yield running


@pytest.fixture
def environment(desktop: RunningReceiver) -> dict[str, str]:
    """The environment variables that point the examples at the receiver."""
    variables = dict(os.environ)
    variables.pop("GNTP_LOGGING_DISABLED", None)
    return variables | {"GNTP_HOST": "127.0.0.1", "GNTP_PORT": str(desktop.port), "GNTP_PASSWORD": PASSWORD}


@pytest.fixture
def run_example(environment: Mapping[str, str]) -> RunExample:
    """Runs an example to its end, with warnings as errors."""

    def run(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-W", "error", str(EXAMPLES / name), *arguments]
        return subprocess.run(
            command, env=environment, capture_output=True, encoding="utf-8", timeout=BOUND, check=False
        )

    return run


@pytest.fixture
def start(tmp_path: Path, environment: Mapping[str, str]) -> Iterator[StartProgram]:
    """Starts programs that find the examples as their modules, and sees to it that they end."""
    with starting(tmp_path, environment, EXAMPLES) as start:
        yield start


@pytest.fixture
def request_once(environment: Mapping[str, str]) -> RequestOnce:
    """Serves a WSGI application of an example with wsgiref, and makes one HTTP request to it."""

    def serve(application: str, path: str) -> tuple[int, str]:
        with _serving(application, environment) as process:
            assert process.stdout is not None
            port = process.stdout.readline()
            assert port.strip().isdecimal(), process.communicate(timeout=BOUND)
            status, _ = request(int(port), path)
            _, errors = process.communicate(timeout=BOUND)
        assert process.returncode == 0, errors
        return status, errors

    return serve


def copy_of_logging_toml(folder: Path, port: int) -> Path:
    """Copy the example's configuration into a folder, with another port."""
    configuration = (EXAMPLES / "logging.toml").read_text(encoding="utf-8")
    assert configuration.count("port = 23053") == 1
    copy = folder / "logging.toml"
    copy.write_text(configuration.replace("port = 23053", f"port = {port}"), encoding="utf-8")
    return copy


_CELERY_APPLICATION = """
import sys
from celery_app import app, pay

# A broker of files, in the current folder: the example leaves the choice to its user.
app.conf.update(
    broker_url="filesystem://",
    broker_transport_options={"data_folder_in": "queue", "data_folder_out": "queue", "control_folder": "control"},
    broker_connection_retry_on_startup=True,
)
if __name__ == "__main__":
    print("sent", pay.delay(4711).id)
"""
CELERY_WORKER = (
    "-m", "celery", "-A", "shop", "worker", "--concurrency", "1", "--without-gossip", "--without-mingle",
    "--without-heartbeat",
)  # fmt: skip
"""Arguments of a program that does the task which that application sends."""


def write_celery_application(folder: Path, beginning: str = "") -> None:
    """Write a program around the example that sends one task, and its broker's folders.

    Args:
        folder: Where they go.
        beginning: Code that it begins with.
    """
    (folder / "queue").mkdir()
    (folder / "control").mkdir()
    (folder / "shop.py").write_text(beginning + _CELERY_APPLICATION, encoding="utf-8")


@contextmanager
def _serving(application: str, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Start the server's program, and see to it that it ends."""
    path = os.pathsep.join([str(EXAMPLES), *filter(None, [environment.get("PYTHONPATH")])])
    with subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("serve_one_request.py")), application],
        env={**environment, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        watchdog = Timer(BOUND, process.kill)
        watchdog.start()
        try:
            yield process
        except BaseException:
            process.kill()
            raise
        finally:
            watchdog.cancel()
            watchdog.join()
