"""Public names that are loaded when they are first asked for, for packages whose import must cost next to nothing."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping


def lazy_names(package: str, homes: Mapping[str, str]) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Make a package's ``__getattr__`` and ``__dir__``.

    Args:
        package: The package's ``__name__``.
        homes: Where each public name lives: ``module`` below the package for a name that is called so there,
            ``module:name`` for one that is called otherwise, and ``module:`` for the module itself.

    Returns:
        The two functions, to be assigned in the package.
    """

    def load(name: str) -> object:
        """Import the module that a name lives in, when the name is first asked for."""
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module_name, colon, attribute = homes[name].partition(":")
        module = importlib.import_module(f"{package}.{module_name}")
        value: object = module if colon and not attribute else getattr(module, attribute or name)
        setattr(sys.modules[package], name, value)  # the next access finds it without this function
        return value

    def names() -> list[str]:
        """Return what ``dir()`` shows: also what was not asked for yet."""
        return sorted({*vars(sys.modules[package]), *homes})

    return load, names
