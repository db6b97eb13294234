"""docs/how-to: recipes do what their pages say; that their code runs is what tests/test_document_examples.py shows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.documents import ROOT, blocks
from tests.support import running_receiver


@pytest.mark.program
@pytest.mark.skipif(sys.platform == "win32", reason="its children are forked")
def test_a_pool_that_is_closed_and_joined_loses_no_last_error(tmp_path: Path) -> None:
    """As docs/how-to/several-workers.md says: each child's last alert arrives, also of one that has just sent it."""
    (program,) = [
        block.text for block in blocks(ROOT / "docs" / "how-to" / "several-workers.md") if block.language == "python"
    ]
    with running_receiver() as receiver:
        (tmp_path / "pool.py").write_text(program.replace("GNTPHandler(", f"GNTPHandler(port={receiver.port}, "))
        variables = {name: value for name, value in os.environ.items() if not name.startswith("GNTP_")}
        command = [sys.executable, "pool.py"]
        done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, timeout=60, check=False)
    assert (done.returncode, b"Cannot pack order 2" in done.stderr) == (0, True), done.stderr
    assert max(toast.total for toast in receiver.toasts) == 3  # of one mistake, whichever child had which order
