"""lazy and the package's own names: everything public is there, and loaded when it is asked for."""

from __future__ import annotations

import importlib
import types

import pytest

import gntp_logging
import gntp_logging.gntp
from tests.support import run_program


@pytest.mark.parametrize("package", [gntp_logging, gntp_logging.gntp], ids=lambda package: package.__name__)
def test_every_public_name_is_there(package: types.ModuleType) -> None:
    """Each once, and listed by dir(); the linter keeps them in order."""
    assert len(package.__all__) == len(set(package.__all__))
    for name in package.__all__:
        assert getattr(package, name) is not None
    assert set(package.__all__) <= set(dir(package))
    with pytest.raises(AttributeError, match=f"module '{package.__name__}' has no attribute 'nothing'"):
        package.nothing  # noqa: B018 - that is the test


def test_the_root_has_what_the_reference_imports_from_it() -> None:
    """The same objects as in the library, modules included."""
    from gntp_logging import Event, Publisher, RegisterRequest, Resource, Subscriber, ciphers, keys, publish, subscribe

    library = gntp_logging.gntp
    assert [Event, Publisher, RegisterRequest, Resource, Subscriber, publish, subscribe] == [
        library.Event,
        library.Publisher,
        library.RegisterRequest,
        library.Resource,
        library.Subscriber,
        library.publish,
        library.subscribe,
    ]
    assert keys is importlib.import_module("gntp_logging.gntp.keys")
    assert ciphers is importlib.import_module("gntp_logging.gntp.ciphers")


@pytest.mark.program
def test_importing_loads_no_module_of_the_package_but_the_shell() -> None:
    """A name costs what it needs when it is asked for."""
    program = """
        import sys
        import gntp_logging, gntp_logging.gntp
        print(sorted(name for name in sys.modules if name.startswith("gntp_logging")))
        gntp_logging.Event
        print("gntp_logging.gntp.models" in sys.modules, "gntp_logging.handler" in sys.modules)
    """
    result = run_program(program)
    assert result.stdout == "['gntp_logging', 'gntp_logging.gntp', 'gntp_logging.gntp.lazy']\nTrue False\n"
