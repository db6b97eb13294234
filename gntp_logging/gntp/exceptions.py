"""The one exception tree of the GNTP library.

::

    GNTPError
    ├── GNTPConnectionError        the network failed: refused, reset, closed too early
    │   ├── GNTPTimeoutError       the deadline of the exchange passed
    │   └── GNTPTLSError           TLS with this server fails: its certificate is refused, or it speaks no TLS
    ├── GNTPEncryptionError        encryption that is impossible, or data that does not decrypt
    ├── GNTPProtocolError          the peer sent bytes that are not a GNTP message; has the code to answer with
    ├── GNTPResponseError          the server answered -ERROR; has its code and description
    │   └── GNTPAuthenticationError    the answer was 400: password, hash or cipher not accepted
    ├── GNTPResourceError          a picture or other binary that cannot be read
    └── GNTPValidationError        a value that no GNTP message may hold
"""

from __future__ import annotations

from typing import Final

from .constants import VISIBLE, ErrorCode

_QUOTED: Final = 200
"""Characters of a server's description that an error's text quotes."""


class GNTPError(Exception):
    """Base class of everything this library raises on purpose."""


class GNTPConnectionError(GNTPError):
    """The connection could not be made, or broke before the answer was complete."""


class GNTPTimeoutError(GNTPConnectionError):
    """The exchange was not complete when its deadline passed."""


class GNTPTLSError(GNTPConnectionError):
    """The server cannot be reached by TLS: its certificate is not accepted, or it speaks no TLS. Nothing was sent.

    Attributes:
        description: What is wrong.
        advice: What a person should do; empty if that is not known.
    """

    def __init__(self, description: str, advice: str = "") -> None:
        """Keep what is wrong, and what to do."""
        super().__init__(description, advice)
        self.description = description
        self.advice = advice

    def __str__(self) -> str:
        """Return the description and the advice."""
        return f"{self.description}; {self.advice}" if self.advice else self.description


class GNTPEncryptionError(GNTPError):
    """The cipher is unknown, cannot be used with this key, or the data does not decrypt."""


class GNTPProtocolError(GNTPError):
    """The peer sent something that is not a GNTP message.

    Attributes:
        description: What is wrong.
        error_code: The GNTP code to answer with, if the peer is a client.
    """

    def __init__(self, description: str, error_code: int = ErrorCode.INVALID_REQUEST) -> None:
        """Keep the description and the code to answer with.

        Args:
            description: What is wrong, fit to be sent to the peer.
            error_code: The GNTP error code that describes it.
        """
        super().__init__(description, int(error_code))
        self.description = description
        self.error_code: int = int(error_code)

    def __str__(self) -> str:
        """Return the description."""
        return self.description


class GNTPResponseError(GNTPError):
    """The server answered -ERROR.

    Attributes:
        error_code: The server's ``Error-Code``; None when it sent none (growl-for-linux does not).
        error_description: The server's ``Error-Description``; may be empty.
    """

    def __init__(self, error_code: int | None, error_description: str = "") -> None:
        """Keep the server's code and description.

        Args:
            error_code: The server's code; None if it sent none.
            error_description: The server's description; may be empty.
        """
        super().__init__(error_code, error_description)
        self.error_code = error_code
        self.error_description = error_description

    def __str__(self) -> str:
        """Name the code and the description. The latter is untrusted: one line, cut, control characters visible."""
        code = "without a code" if self.error_code is None else str(self.error_code)
        words = " ".join(self.error_description[: 2 * _QUOTED].translate(VISIBLE).split())
        words = "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in words)
        words = words if len(words) <= _QUOTED else f"{words[: _QUOTED - 1]}…"
        return f"the server answered -ERROR {code}: {words or 'no description'}"


class GNTPAuthenticationError(GNTPResponseError):
    """The server answered -ERROR 400: the password, hash or cipher was not accepted."""


class GNTPResourceError(GNTPError):
    """A picture or other binary resource cannot be read."""


class GNTPValidationError(GNTPError):
    """A value cannot be part of a GNTP message."""
