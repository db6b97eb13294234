"""application: which frames are the application's, wherever it is installed and however it was started."""

from __future__ import annotations

import json
import subprocess
import sys
import types
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gntp_logging.alerts.application import Application, Program, is_application, program

SITE = "/venv/lib/python3.11/site-packages/"
LAUNCHER = "/venv/bin/shopcli"


def own(paths: list[str], logger: str = "", application: Application | None = None) -> list[str]:
    """Return the paths of frames that are the application's; ``f`` is their function, ``<module>`` a launcher's."""
    frames = [(path, 1, "<module>" if "/bin/" in path else "f") for path in paths]
    return [path for path, _, _ in (application or Application()).place(frames, logger).own]


@pytest.mark.parametrize(
    ("path", "is_own"),
    [
        ("/home/ann/shop/orders.py", True),
        ("C:\\shop\\orders.py", True),
        ("<string>", True),
        (json.__file__, False),
        ("/opt/another/lib/python3.9/json/decoder.py", False),
        ("C:\\Python312\\Lib\\json\\decoder.py", False),
        ("/srv/lib/python/shop.py", True),
        ("<stdin>", True),
        ("<plugin>", True),
        ("<frozen importlib._bootstrap>", False),
        ("<sqlalchemy generated warned() wrapper for sqlalchemy.engine.create.create_engine>", False),
        ("<attrs generated init shop.orders.Order>", False),
        ("<decorator-gen-12>", False),
        ("<__array_function__ internals>", False),
        ("/x/lib/python3.11/site-packages/django/core/handlers/base.py", False),
        ("/usr/lib/python3/dist-packages/apt/cache.py", False),
        ("C:\\Python\\Lib\\site-packages\\flask\\app.py", False),
        (str(Path(__file__)), True),
    ],
)
def test_the_applications_files_are_known(path: str, is_own: bool) -> None:
    """Not the standard library, not what was installed, not what is frozen or generated."""
    assert is_application(path) is is_own


def test_a_method_that_a_dataclass_has_made_is_no_application() -> None:
    """It stands between the application's own frames, or those of one that is installed."""
    made = ("<string>", 5, "__init__")
    main, check = (SITE + "shop/cli.py", 7, "main"), (SITE + "shop/orders.py", 9, "__post_init__")
    assert Application().place([main, made, check], "shop").own == [main, check]
    typed = ("<string>", 1, "<module>")
    assert Application().place([typed, made], "").own == [typed]


def test_this_package_is_no_application() -> None:
    """Wherever it is installed: its middleware stands in every traceback of an ASGI application."""
    from gntp_logging import asgi

    assert not is_application(asgi.__file__)
    assert is_application(__file__)


def test_the_applications_frames_are_those_outside_what_was_installed() -> None:
    """Where there are any, neither the logger nor the entry point counts."""
    application = Application((), Program(LAUNCHER, "django", is_launched=True))
    paths = ["/srv/shop/orders.py", SITE + "sqlalchemy/pool/base.py", json.__file__]
    assert own(paths, "sqlalchemy.pool", application) == ["/srv/shop/orders.py"]


@pytest.mark.parametrize(
    ("logger", "package", "expected"),
    [
        ("shop.orders", "", ["shop/cli.py", "shop/orders.py"]),
        ("web", "", ["web/app.py"]),
        ("", "shop", ["shop/cli.py", "shop/orders.py"]),
        ("gunicorn.error", "shop", ["shop/cli.py", "shop/orders.py"]),
        ("elsewhere", "elsewhere", ["web/app.py"]),
        ("", "", ["web/app.py"]),
    ],
)
def test_an_installed_application_is_found(logger: str, package: str, expected: list[str]) -> None:
    """By its logger, by its entry point, else it is the outermost package that runs no programs of others."""
    below = ["gunicorn/app.py", "web/app.py", "shop/cli.py", "shop/orders.py", "requests/api.py"]
    paths = [LAUNCHER, *(SITE + path for path in below), json.__file__]
    found = own(paths, logger, Application((), Program(LAUNCHER, package, is_launched=True)))
    assert found == [SITE + path for path in expected]


@pytest.mark.parametrize("runner", ["gunicorn", "uvicorn", "hypercorn", "celery", "_pytest", "flask", "django"])
def test_what_runs_programs_of_others_is_never_the_application(runner: str) -> None:
    """Neither by the logger, nor by standing outermost; alone it leaves none."""
    assert own([f"{SITE}{runner}/app.py"], f"{runner}.error") == []
    assert own([f"{SITE}{runner}/app.py", SITE + "shop.py"], f"{runner}.error") == [SITE + "shop.py"]


@pytest.mark.parametrize(
    ("path", "is_own"),
    [
        (SITE + "shop/orders.py", True),
        (SITE + "shop.py", True),
        (SITE + "acme/web/app.py", True),
        ("C:\\venv\\Lib\\site-packages\\acme\\web\\app.py", True),
        ("/srv/shop/orders.py", True),
        (SITE + "acme/mail/app.py", False),
        (SITE + "shopping/orders.py", False),
        (SITE + "other/shop/orders.py", False),
        ("/srv/shop/venv/lib/python3.11/site-packages/django/http.py", False),
        ("/srv/manage.py", False),
        (json.__file__, False),
    ],
)
def test_packages_that_are_named_decide(path: str, is_own: bool) -> None:
    """Installed or not, dotted or not; what is in folders of that name is not."""
    named = Application(["shop", "acme.web"])
    assert own([path], "django", named) == ([path] if is_own else [])


@pytest.mark.parametrize(
    ("path", "function", "is_own"),
    [
        (LAUNCHER, "<module>", False),
        ("C:\\venv\\Scripts\\shopcli.exe\\__main__.py", "<module>", False),
        ("/usr/local/bin/nightly", "main", True),
        ("/usr/local/bin/nightly.py", "<module>", True),
    ],
)
def test_a_launcher_is_no_application(path: str, function: str, is_own: bool) -> None:
    """A script of the user's in the same folder is one."""
    place = Application().place([(path, 1, function), (SITE + "shop/cli.py", 1, "main")], "")
    assert (place.own[0][0] == path) is is_own
    script = Application((), Program(LAUNCHER)).place([(LAUNCHER, 1, "<module>")], "")
    assert script.own


@given(
    st.lists(st.sampled_from([LAUNCHER, "/srv/a.py", SITE + "shop/a.py", SITE + "flask/a.py", json.__file__, "<x>"])),
    st.sampled_from(["", "shop", "flask", "root"]),
    st.sampled_from([(), ("shop",)]),
)
def test_the_applications_frames_are_some_of_all_in_their_order(
    paths: list[str], logger: str, named: tuple[str, ...]
) -> None:
    """Whatever a traceback goes through; and what was not installed is never left out for what was."""
    found = own(paths, logger, Application(named))
    rest = iter(paths)
    assert all(path in rest for path in found)
    assert named or "/srv/a.py" not in paths or "/srv/a.py" in found
    assert not any("flask" in path or path == json.__file__ for path in found)


# -- How the process was started -------------------------------------------------------------------

SCRIPT = """\
import re
import sys
from shop.cli import main
if __name__ == "__main__":
    sys.argv[0] = re.sub(r"(-script\\.pyw|\\.exe)?$", "", sys.argv[0])
    sys.exit(main())
"""
ASK = "from gntp_logging.alerts.application import program; print(tuple(program()))\n"


def started(*arguments: str, folder: Path) -> str:
    """Return what a Python that is started finds out."""
    command = [sys.executable, *arguments]
    environment = {"PYTHONPATH": f"{folder}:{Path(__file__).parents[2]}"}
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment, cwd=folder).stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a package, and a launcher of it."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").touch()
    (tmp_path / "shop" / "__main__.py").write_text(ASK, "utf-8")
    (tmp_path / "shop" / "cli.py").write_text(f"def main() -> None:\n    {ASK}", "utf-8")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "shopcli").write_text(SCRIPT, "utf-8")
    (tmp_path / "bin" / "own").write_text(ASK, "utf-8")
    (tmp_path / "shopcli").symlink_to(tmp_path / "bin" / "shopcli")
    return tmp_path


@pytest.mark.program
def test_the_entry_point_is_found(folder: Path) -> None:
    """Of a package, of a launcher, of a link to one, as pipx and uv make them; a script has none."""
    assert started("-m", "shop", folder=folder) == f"('{folder}/shop/__main__.py', 'shop', False)\n"
    assert started(f"{folder}/bin/shopcli", folder=folder) == f"('{folder}/bin/shopcli', 'shop', True)\n"
    assert started(f"{folder}/shopcli", folder=folder) == f"('{folder}/shopcli', 'shop', True)\n"
    assert started(f"{folder}/bin/own", folder=folder) == f"('{folder}/bin/own', '', False)\n"
    assert started("-c", ASK, folder=folder) == "('', '', False)\n"


def main_module(path: str, spec: str | None = None) -> types.SimpleNamespace:
    """Return a main module of which only path and name are known."""
    return types.SimpleNamespace(__file__=path, __spec__=spec and types.SimpleNamespace(name=spec), __loader__=None)


@pytest.mark.parametrize(
    ("main", "found"),
    [
        (None, Program()),
        (main_module("/venv/bin/x"), Program("/venv/bin/x")),
        (main_module("/x/celery/__main__.py", "celery.__main__"), Program("/x/celery/__main__.py")),
    ],
    ids=["none", "unreadable", "runner"],
)
def test_an_odd_main_module_does_no_harm(main: object, found: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """None at all, one whose source cannot be read, a runner's."""
    monkeypatch.setitem(sys.modules, "__main__", main)
    program.cache_clear()
    assert program() == found
    program.cache_clear()
