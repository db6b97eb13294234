"""Sessions: ``nox`` runs the suite on every supported Python and the linters; ``nox -s docs`` builds the documents."""

import nox

nox.options.sessions = ["tests", "lint"]
nox.options.default_venv_backend = "venv"


@nox.session(python=["3.10", "3.11", "3.12", "3.13"])
def tests(session: nox.Session) -> None:
    """Run the suite on each supported Python."""
    session.install("-e", ".[test]")
    session.run("pytest", "-p", "no:cacheprovider", *session.posargs)


@nox.session
def quick(session: nox.Session) -> None:
    """Run what takes no time and starts no program: half a minute."""
    session.install("-e", ".[test]")
    session.run("pytest", "-q", "-p", "no:cacheprovider", "-m", "not slow and not peer and not program", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Run the linters and the type checker."""
    session.install("-e", ".[dev]")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documents in build/docs; a link that leads nowhere is an error."""
    session.install("-e", ".[docs]")
    session.run("sphinx-build", "-nWE", "--keep-going", "docs", "build/docs")


@nox.session
def compare(session: nox.Session) -> None:
    """Measure docs/comparison.md's table again; alone on the machine, because it measures waiting."""
    session.install("-e", ".[comparison]")
    session.run("python", "tools/compare.py", "--check", "docs/comparison.md")
