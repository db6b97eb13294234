"""Logging configured by a TOML file: logging.toml beside this program, or the one that is named.

Run it beside a GNTP server, with the server's password in the environment:

    GNTP_PASSWORD=secret python examples/logging_toml.py [FILE]
"""

import logging
import logging.config
import sys
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found,unused-ignore]  # installed only where it is needed

path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("logging.toml")
logging.config.dictConfig(tomllib.loads(path.read_text(encoding="utf-8")))

logging.getLogger("disk").warning("Only %d %% of the backup disk is free", 4)
logging.getLogger("asyncio.sslproto").warning("The file's filter keeps this off the desktop")
