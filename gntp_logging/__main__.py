"""``python -m gntp_logging`` is the command ``gntp-logging``."""

import sys

from .commands.cli import main

if __name__ == "__main__":
    sys.exit(main())
