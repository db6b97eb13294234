"""Public names that are imported on first use, for packages whose import must cost next to nothing."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping


def lazy_names(package: str, homes: Mapping[str, str]) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Make a package's ``__getattr__`` and ``__dir__``.

    Args:
        package: The package's ``__name__``.
        homes: The module of each public name, below the package: ``module`` if the name is the same there,
            ``module:name`` if it is another one, ``module:`` for the module itself.

    Returns:
        The two functions, to be assigned in the package.
    """

    def load(name: str) -> object:
        """Import the module of a name, and return what the name stands for."""
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module_name, colon, attribute = homes[name].partition(":")
        module = importlib.import_module(f"{package}.{module_name}")
        value: object = module if colon and not attribute else getattr(module, attribute or name)
        setattr(sys.modules[package], name, value)  # the next access finds it without this function
        return value

    def names() -> list[str]:
        """Return what ``dir()`` shows, names that were not imported yet included."""
        return sorted({*vars(sys.modules[package]), *homes})

    return load, names
