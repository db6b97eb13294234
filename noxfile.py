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
    """Run what takes no time and starts no program, in two processes and with fewer examples: some forty seconds."""
    session.install("-e", ".[test]")
    chosen = "not slow and not peer and not program"
    how = ("-q", "-n", "2", "-p", "no:cacheprovider", "--hypothesis-profile", "quick")
    session.run("pytest", *how, "-m", chosen, *session.posargs)


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
def mutants(session: nox.Session) -> None:
    """Change the pure modules in one place at a time, for at most half an hour, and list what no test notices.

    ``nox -s mutants -- 'gntp_logging.delivery.flood*'`` takes one module; ``mutmut show NAME`` shows a change. What was
    found is kept in mutants/, and the next run goes on from there.
    """
    session.install("-e", ".[test]", "mutmut>=3.8,<4")
    session.run("timeout", "1800", "mutmut", "run", *session.posargs, external=True, success_codes=[0, 124])
    session.run("mutmut", "results")


@nox.session
def compare(session: nox.Session) -> None:
    """Measure docs/comparison.md's table again; alone on the machine, because it measures waiting."""
    session.install("-e", ".[comparison]")
    session.run("python", "tools/compare.py", "--check", "docs/comparison.md")
