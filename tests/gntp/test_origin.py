"""origin: what is said of the machine that sends."""

from __future__ import annotations

import platform

import pytest

from gntp_logging.gntp import origin


def test_what_is_unknown_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty value would mean that the header is absent."""
    monkeypatch.setattr(platform, "node", lambda: "")
    described = origin.origin_lines.__wrapped__()
    assert "Origin-Machine-Name" not in described
    assert "Origin-Software-Name: gntp_logging\r\n" in described
