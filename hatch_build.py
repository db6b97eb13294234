"""The build makes the completions of shells, which the package has and the repository has not."""

import sys
from collections.abc import Mapping
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CompletionsHook(BuildHookInterface):
    """Runs before a package is built, and before an installation of the source itself."""

    def initialize(self, version: str, build_data: Mapping[str, object]) -> None:  # noqa: ARG002 - hatchling's
        """Make them with the source that is built."""
        sys.path.insert(0, self.root)
        from tools import make_completions

        make_completions.write(Path(self.root))
