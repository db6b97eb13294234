"""What one handler is made of: its factory, and what file, environment and arguments say of its options, merged."""

from __future__ import annotations

import inspect
import logging.config
import typing
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from gntp_logging.handler import GNTPHandler
from gntp_logging.options.destination import OPTIONS, Destination

from .environment import DEFAULTS, ConfigurationError, Overrides, from_env, override, relabel_errors

Factory = Callable[..., GNTPHandler]
"""What makes a handler of this package: the class, a subclass, or a function."""

_T = TypeVar("_T")


@dataclass(frozen=True)
class HandlerSettings:
    """One handler that is not made yet.

    Attributes:
        options: What its factory gets.
        overrides: Options of environment and arguments, also those that the factory does not take.
        factory: What makes it.
        place: What errors begin with: the file and the table.
    """

    options: Mapping[str, object] = field(repr=False)  # there may be a password among them
    overrides: Overrides
    factory: Factory = GNTPHandler
    place: str = ""

    @classmethod
    def merge(
        cls, options: Mapping[str, object], overrides: Overrides, factory: Factory, place: str
    ) -> HandlerSettings:
        """Merge a table's options with those that override them, as far as the factory takes them.

        Raises:
            ConfigurationError: If an argument names a server, and the factory does not take it.
        """
        if factory is from_env and overrides.option_names:
            factory = GNTPHandler  # from_env would put the environment, which is in the overrides, before an argument
        # What a function of the user's own does with an option is not known.
        taken = taken_by(factory) if isinstance(factory, type) or factory is from_env else ()
        for option, called in overrides.option_names.items():
            if option in OPTIONS and option not in taken and called.startswith("--"):
                raise ConfigurationError(f"{place}{called}: what makes this handler takes no {option!r}")
        stronger = {option: value for option, value in overrides.options.items() if option in taken}
        return cls(override(options, stronger), overrides, factory, place)

    def make(self) -> GNTPHandler:
        """Make the handler, without its filters and its formatter.

        Raises:
            ConfigurationError: If a value is not allowed.
        """
        return self._made(self.factory, self.options)

    def destination(self) -> Destination:
        """Return where the handler sends to. Only a handler of another class or a function is made for that.

        Raises:
            ConfigurationError: If a value is not allowed.
        """
        if self.factory is not GNTPHandler:
            return self.make().destination
        given = {**DEFAULTS, **self.options}
        return self._made(Destination.from_options, {option: given[option] for option in OPTIONS})

    def option(self, name: str, check: Callable[[str, object], _T]) -> _T | None:
        """Return an option, checked; None if it is not given. The factory need not take it: the command uses it.

        Raises:
            ConfigurationError: If the value is not allowed.
        """
        value = {**self.options, **self.overrides.options}.get(name)
        return None if value is None else self._made(lambda: check(name, value), {})

    def _made(self, make: Callable[..., _T], options: Mapping[str, object]) -> _T:
        try:
            with relabel_errors(self.overrides.option_names):
                return make(**options)
        except ConfigurationError:
            raise
        except Exception as error:
            raise ConfigurationError(self.place + in_words(error)) from error


def in_words(error: BaseException) -> str:
    """Return an error's text; with its type, where the text may be a name alone, as a KeyError's."""
    return str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"


def factory_of(table: Mapping[str, object]) -> Factory | None:
    """Return what makes the handler of a table for dictConfig, if it is this package's.

    That is its class, a subclass, or a function that is annotated to return one.
    """
    named = table.get("()", table.get("class"))
    if not isinstance(named, str):
        return None
    try:
        found = logging.config.BaseConfigurator({}).resolve(named.removeprefix("ext://"))
        made = found if isinstance(found, type) else typing.get_type_hints(found).get("return")
        is_ours = isinstance(made, type) and issubclass(made, GNTPHandler)
    except Exception:  # noqa: BLE001 - an application's module may raise anything; dictConfig says it better
        return None
    return found if is_ours else None


def taken_by(factory: Factory, keys: Collection[str] = ()) -> Collection[str]:
    """Return the options that a factory takes.

    Args:
        factory: What makes a handler.
        keys: What a file gives it; a function of the user's own may take any keyword.
    """
    parameters = inspect.signature(factory).parameters.values()
    names = [parameter.name for parameter in parameters if parameter.kind is not parameter.VAR_KEYWORD]
    if len(names) == len(parameters):
        return names
    return (*names, *DEFAULTS, *(() if isinstance(factory, type) or factory is from_env else keys))
