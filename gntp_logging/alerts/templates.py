"""``{}``-formats over a record's attributes and its context, for the options ``title`` and ``url``. Pure."""

from __future__ import annotations

import string
from collections.abc import Mapping
from typing import Any, Final


class _Nothing:
    """The value of a name that a record does not have: it prints as nothing, and so do its attributes and items."""

    def __getattr__(self, name: str) -> _Nothing:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __getitem__(self, key: object) -> _Nothing:
        return self

    def __format__(self, spec: str) -> str:
        return ""

    def __str__(self) -> str:
        return ""

    __repr__ = __str__


_NOTHING: Final = _Nothing()


class _Values(dict[str, Any]):  # Any: applications put anything into records
    def __missing__(self, key: str) -> _Nothing:
        return _NOTHING


class Template:
    """A format that was checked when it was made."""

    def __init__(self, text: str) -> None:
        """Parse the format.

        Args:
            text: As for ``str.format``, with names of fields.

        Raises:
            ValueError: If the format is not valid, or a field has no name.
        """
        self._formatter = string.Formatter()
        self._pieces: list[tuple[str, str, str, str | None]] = []
        self._end = ""
        for literal, field, spec, conversion in self._formatter.parse(text):
            self._end += literal
            if field is not None:
                if not (field[:1].isalpha() or field[:1] == "_"):
                    raise ValueError(f"the field {{{field}}} has no name")
                self._pieces.append((self._end, field, spec or "", conversion))
                self._end = ""
        self.has_fields: bool = bool(self._pieces)
        if self.has_fields:
            # Loaded for link, which runs on the worker's thread: a fork during an import there would leave the child
            # with half a module.
            import urllib.parse  # noqa: F401
        self.parts({})  # finds a wrong conversion, or a wrong format inside a format, which fails only when it is used

    def parts(self, values: Mapping[str, object]) -> tuple[str, ...]:
        """Fill the format.

        Args:
            values: Values by name; a name that is missing gives an empty text.

        Returns:
            Constant text at even indices, filled-in values at odd ones.

        Raises:
            Exception: Whatever formatting a value raises.
        """
        known = _Values(values)
        parts = []
        for literal, field, spec, conversion in self._pieces:
            value, _ = self._formatter.get_field(field, (), known)
            if conversion:
                value = self._formatter.convert_field(value, conversion)
            parts += [literal, self._formatter.format_field(value, self._formatter.vformat(spec, (), known))]
        return (*parts, self._end)

    def fill(self, values: Mapping[str, object]) -> str:
        """Fill the format, as one text; see :meth:`parts`."""
        return "".join(self.parts(values))


def link(parts: tuple[str, ...]) -> str:
    """Join the parts of a URL, and quote its values.

    Args:
        parts: What :meth:`Template.parts` has returned.
    """
    from urllib.parse import quote

    return "".join(quote(part, safe="", errors="replace") if index % 2 else part for index, part in enumerate(parts))
