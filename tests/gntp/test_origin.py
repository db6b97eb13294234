"""origin: what is said of the machine that sends."""

from __future__ import annotations

import platform

import pytest

from gntp_logging.gntp import origin


def test_what_is_unknown_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty value would mean that the header is absent."""
    monkeypatch.setattr(platform, "node", lambda: "")
    described = dict(origin.origin_headers.__wrapped__())
    assert "Origin-Machine-Name" not in described
    assert described["Origin-Software-Name"] == "gntp_logging"
