"""The files for those who work on the package: what a forge and other programs read of them is right and agrees."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from hatchling.metadata.core import ProjectMetadata
from hatchling.plugin.manager import PluginManager

import gntp_logging
from tests.documents import ROOT

_WORKFLOWS: Final = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
_ISSUE_FORM: Final = ROOT / ".github" / "ISSUE_TEMPLATE" / "no-alert.yml"


def _project() -> dict[str, Any]:
    project: dict[str, Any] = ProjectMetadata(str(ROOT), None).config
    return project


def _read(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


def _pythons() -> list[str]:
    """Return the versions of Python that the package says it runs on."""
    found = [
        re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", each)
        for each in _project()["project"]["classifiers"]
    ]
    return [match[1] for match in found if match]


@pytest.mark.program
@pytest.mark.slow
@pytest.mark.parametrize(
    ("schema", "path"),
    [
        *(("github-workflows", path) for path in _WORKFLOWS),
        ("github-issue-forms", _ISSUE_FORM),
        ("github-issue-config", _ISSUE_FORM.with_name("config.yml")),
        ("renovate", ROOT / "renovate.json"),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_a_file_for_a_forge_follows_its_schema(schema: str, path: Path) -> None:
    """It is untried otherwise: nobody runs it here."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", str(path)]
    result = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=120, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_actions_are_pinned_by_commit() -> None:
    """With their versions beside them, which renovate reads; a tag can be moved to other code."""
    used = [line for path in _WORKFLOWS for line in path.read_text("utf-8").splitlines() if "uses:" in line]
    assert len(used) >= 6
    for line in used:
        assert re.search(r"uses: [\w./-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+$", line), line


def test_the_same_versions_of_python_are_named_everywhere() -> None:
    """In the package's metadata, .ci/run, noxfile.py, the workflow and the documents; 3.14 is untried in each."""
    pythons = _pythons()
    assert pythons[0] == _project()["project"]["requires-python"].removeprefix(">=")
    assert f'VERSIONS="{" ".join(pythons)}"' in (ROOT / ".ci" / "run").read_text("utf-8")
    assert str(pythons).replace("'", '"') in (ROOT / "noxfile.py").read_text("utf-8")
    suite = _read(ROOT / ".github" / "workflows" / "tests.yml")["jobs"]["suite"]
    assert suite["strategy"]["matrix"]["python"] == pythons
    assert {name.partition("-")[0] for name in suite["strategy"]["matrix"]["system"]} == {"ubuntu", "macos", "windows"}
    assert [each["python"] for each in suite["strategy"]["matrix"]["include"]] == ["3.14"]
    page = (ROOT / "docs" / "versions.md").read_text("utf-8")
    assert f"| Python | {', '.join(pythons)} | tested |" in page
    assert "| Python | 3.14 | untried |" in page


def test_the_documents_name_the_oldest_version_of_each_library() -> None:
    """The one that the tests are installed with at the least."""
    page = (ROOT / "docs" / "versions.md").read_text("utf-8").lower()
    extra = "\n".join(_project()["project"]["optional-dependencies"]["test"])
    for name in (
        "django",
        "fastapi",
        "flask",
        "quart",
        "celery",
        "gunicorn",
        "uvicorn",
        "gevent",
        "structlog",
        "loguru",
    ):
        found = re.search(rf"^{name}>=([\d.]+)", extra, re.MULTILINE)
        assert found is not None, name
        assert f"| {name} | {found[1]} or newer | tested |" in page


def test_linters_have_one_version() -> None:
    """The hook before a commit is the one of ``nox -s lint``."""
    hooks = {each["repo"]: each for each in _read(ROOT / ".pre-commit-config.yaml")["repos"]}
    revision = hooks["https://github.com/astral-sh/ruff-pre-commit"]["rev"]
    assert f"ruff=={revision.removeprefix('v')}" in _project()["project"]["optional-dependencies"]["dev"]


def test_who_asks_for_help_is_asked_what_check_prints() -> None:
    """It answers half of all questions."""
    fields = {each.get("id"): each for each in _read(_ISSUE_FORM)["body"]}
    assert "gntp-logging check" in fields["check"]["attributes"]["label"]
    assert fields["check"]["validations"]["required"]


def test_the_address_of_the_repository_stands_in_one_file() -> None:
    """RELEASING.md tells how it is filled in, and the release workflow looks whether it was."""
    source = _project()["project"]["urls"]["Source"]
    assert all(address.startswith(source) for address in _project()["project"]["urls"].values())
    assert f"'s|{source}|" in (ROOT / "RELEASING.md").read_text("utf-8")
    files = [path for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")) if path.name != "RELEASING.md"]
    assert [path.name for path in files if source in path.read_text("utf-8")] == []


def test_the_source_distribution_holds_the_files_of_the_project() -> None:
    """Whoever packages it for a distribution finds what this folder has."""
    included = _project()["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    for name in ("SECURITY.md", "RELEASING.md", "CONTRIBUTING.md", ".github", ".editorconfig", "renovate.json"):
        assert name in included
    for name in included:
        assert (ROOT / name).exists() or name == "gntp_logging", name


def test_the_description_on_pypi_has_no_link_into_the_repository() -> None:
    """As the build makes it: PyPI shows the README alone, and would leave such links dead."""
    text = ProjectMetadata(str(ROOT), PluginManager()).core.readme
    source = _project()["project"]["urls"]["Source"]
    links = re.findall(r"\]\(([^)]*)\)", text)
    assert len(links) == len(re.findall(r"\]\(", (ROOT / "README.md").read_text("utf-8"))) >= 20
    for link in links:
        assert re.match(r"https://|#", link), link
    (picture,) = re.findall(r"!\[[^\]]*\]\(([^)]*)\)", text)
    assert picture == f"{source}/raw/v{gntp_logging.__version__}/docs/first-look.png"
    assert f"]({source}/blob/v{gntp_logging.__version__}/docs/tutorial.md)" in text
