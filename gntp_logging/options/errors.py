"""OptionError: an option has a value that is not allowed. Pure.

The text is for people and may change. Programs, this package's own among them, read the attributes.
"""

from __future__ import annotations

import re
from typing import Final


class OptionError(ValueError):
    """An option has a value that is not allowed. The text begins with the option's name.

    Attributes:
        option: The option's name. ``levels['ERROR']['icon']`` is a place inside one; ``password, password_file`` are
            two that cannot be combined.
        allowed: What is allowed, in words.
        value: What was given. None where it may be a secret. Where it holds user information, as a URL may, it is a
            text without the password.
        reason: What is wrong: the text without the option's name.
    """

    def __init__(self, option: str, allowed: str, value: object = None, reason: str = "") -> None:
        """Keep what is wrong.

        Args:
            value: What was given; leave it out if it may be a secret.
            reason: What is wrong, in words that show no secret; empty for "allowed is this, not that".
        """
        kept = _without_password(value)
        super().__init__(option, allowed, kept, reason)  # all of them, so that errors can be copied and pickled
        self.option: Final = option
        self.allowed: Final = allowed
        self.value: Final = kept
        self.reason: Final = reason or f"allowed is {allowed}, not {shown(kept)}"

    def __str__(self) -> str:
        """Name the option, and say what is wrong."""
        return f"{self.option}: {self.reason}"

    def __repr__(self) -> str:
        """Show the text: the value's own repr may be long, or fail."""
        return f"{type(self).__name__}({str(self)!r})"


def shown(value: object) -> str:
    """Return a value as errors show it: cut, and without a password before an ``@``."""
    try:
        return f"{_mask(repr(value)):.80}"
    except Exception:  # noqa: BLE001 - the value is the caller's, and so is its repr
        return f"this {type(value).__name__}"


def _without_password(value: object) -> object:
    try:
        text = value if isinstance(value, str) else repr(value)
    except Exception:  # noqa: BLE001 - as above; what cannot be shown shows no password either
        return value
    return _mask(text) if _USER_INFO.search(text) else value


def _mask(text: str) -> str:
    return _USER_INFO.sub(":***@", text)


_USER_INFO: Final = re.compile(r":.*@", re.DOTALL)
