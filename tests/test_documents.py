"""docs/conformance.md and docs/reliability.md: what they say is shown by a test is shown by one that exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.protections import PROTECTIONS, Protection, missing
from tests.support import run_program

ROOT = Path(__file__).parents[1]
DOCUMENTS = {
    name: re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / "docs" / name).read_text("utf-8"))
    for name in ("conformance.md", "reliability.md")
}


@pytest.mark.parametrize(("name", "least"), [("conformance.md", 100), ("reliability.md", 80)])
def test_the_tables_are_long(name: str, least: int) -> None:
    """An empty table would hold."""
    assert len(DOCUMENTS[name]) >= least


@pytest.mark.parametrize(
    ("file", "name"), sorted({reference for references in DOCUMENTS.values() for reference in references})
)
def test_a_test_that_is_named_exists(file: str, name: str) -> None:
    """Under that name, in that file."""
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


FRAMEWORKS = sorted((ROOT / "docs" / "frameworks").glob("*.md"))


def test_there_is_a_page_for_each_framework() -> None:
    """An empty folder would hold; so would one that nobody finds."""
    names = {page.stem for page in FRAMEWORKS}
    assert names == {"celery", "django", "fastapi", "flask", "gunicorn", "loguru", "scripts", "structlog", "uvicorn"}
    readme = (ROOT / "README.md").read_text("utf-8")
    assert set(re.findall(r"docs/frameworks/(\w+)\.md", readme)) == names


@pytest.mark.parametrize("page", FRAMEWORKS, ids=lambda page: page.stem)
def test_the_code_of_a_page_runs_as_it_stands(page: Path) -> None:
    """With the handler switched off; what it does when it is on, the page's example shows, which a test runs."""
    text = page.read_text("utf-8")
    for example in re.findall(r"\.\./\.\./(examples/[\w.]+)", text):
        assert (ROOT / example).is_file()
    ((language, code),) = re.findall(r"```(python|json)\n(.*?)```", text, re.DOTALL)
    code = code if language == "python" else f"import json\nLOGGING = json.loads(r'''{code}''')"
    pytest.importorskip(page.stem, reason=f"needs {page.stem}") if page.stem != "scripts" else None
    prelude = "import os; os.environ |= {'GNTP_LOGGING_DISABLED': '1', 'GNTP_PASSWORD': 'secret'}\n"
    prelude += "from gunicorn.glogging import CONFIG_DEFAULTS\n" if page.stem == "gunicorn" else ""
    code += "\nLOGGING = {**CONFIG_DEFAULTS, **logconfig_dict}" if page.stem == "gunicorn" else ""
    ending = "\nimport logging.config\nif 'LOGGING' in globals(): logging.config.dictConfig(LOGGING)\n"
    result = run_program(prelude + code + ending + "print('done')")
    assert (result.returncode, result.stdout) == (0, "done\n"), result.stderr


@pytest.mark.parametrize("protection", PROTECTIONS, ids=lambda protection: protection.name)
def test_a_protection_that_can_be_taken_out_is_there(protection: Protection) -> None:
    """The program that takes each out would otherwise take out nothing."""
    if not (ROOT / "gntp_logging").is_dir():
        pytest.skip("the installed package is tested, without its source beside it")
    assert missing(protection) == []
