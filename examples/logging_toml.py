"""Logging configured by a TOML file: logging.toml beside this program, or the one that is named.

The server's password is in the environment. In two terminals:

    GNTP_PASSWORD=secret gntp-logging listen
    GNTP_PASSWORD=secret python examples/logging_toml.py [FILE]
"""

import logging
import sys
from pathlib import Path

import gntp_logging.config

gntp_logging.config.load(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_name("logging.toml"))

logging.getLogger("disk").warning("Only %d %% of the backup disk is free", 4)
logging.getLogger("asyncio.sslproto").warning("The file's filter keeps this off the desktop")
