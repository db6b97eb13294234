"""icons: one picture for each level, our own, sent once with REGISTER."""

from __future__ import annotations

import logging
import runpy
import socket
import zipfile
from pathlib import Path

import pytest

from gntp_logging import GNTPHandler
from gntp_logging.alerts import icons
from gntp_logging.gntp.requests import NotifyRequest, RegisterRequest, Request
from tests.support import PATIENCE, RunningReceiver, ScriptedServer, receive_request, run_program, send_response

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", icons.NAMES)
def test_a_picture_is_a_small_png(name: str) -> None:
    """64 by 64 pixels, with transparency, in less than a kilobyte."""
    data = icons.picture(name).data
    assert data is not None
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    assert data[16:26] == (64).to_bytes(4, "big") * 2 + b"\x08\x06"
    assert len(data) < 1024


@pytest.mark.slow
def test_the_pictures_are_what_the_program_draws() -> None:
    """Whoever changes one, changes the program; zlib may pack them otherwise elsewhere, so pixels are compared."""
    import zlib

    if not (ROOT / "tools").is_dir():
        pytest.skip("the installed package is tested, without its source beside it")
    draw = runpy.run_path(str(ROOT / "tools" / "draw_icons.py"))["draw"]

    def pixels(png: bytes) -> bytes:
        start = png.index(b"IDAT")
        return zlib.decompress(png[start + 4 : start + 4 + int.from_bytes(png[start - 4 : start], "big")])

    for name in icons.NAMES:
        data = icons.picture(name).data
        assert data is not None
        assert pixels(draw(name.lower())) == pixels(data)


def test_pictures_are_sent_once_with_register(logger: logging.Logger) -> None:
    """Not with each alert."""
    requests: list[Request] = []

    def serve(sock: socket.socket, _number: int) -> None:
        request = receive_request(sock)
        requests.append(request)
        send_response(sock, Response_Action=request.message_type)

    with ScriptedServer(serve) as server:
        handler = GNTPHandler(host="127.0.0.1", port=server.port, app_name="shop")
        logger.addHandler(handler)
        logger.error("one")
        logger.critical("two")
        assert handler.flush(PATIENCE)
    register, *notifies = requests
    assert isinstance(register, RegisterRequest)
    assert [(event.name, event.icon) for event in register.events] == [
        (name, icons.picture(name)) for name in icons.NAMES
    ]
    shown = [request.notification for request in notifies if isinstance(request, NotifyRequest)]
    assert [notification.icon for notification in shown] == [None, None]


def test_each_level_is_shown_with_its_picture(logger: logging.Logger, receiver: RunningReceiver) -> None:
    """As the receiver has it; levels between have the one below."""
    handler = GNTPHandler(host="127.0.0.1", port=receiver.port, app_name="shop")
    logger.addHandler(handler)
    for level in (10, 25, 30, 40, 60):
        logger.log(level, "it broke")
    assert handler.flush(PATIENCE)
    assert [toast.icon for toast in receiver.toasts] == [icons.picture(name) for name in icons.NAMES]


def test_the_users_own_pictures_come_first(logger: logging.Logger, receiver: RunningReceiver) -> None:
    """The application's for all levels, a level's for itself."""
    handler = GNTPHandler(
        host="127.0.0.1", port=receiver.port, app_name="shop", icon=b"ours", levels={"ERROR": {"icon": b"fire"}}
    )
    logger.addHandler(handler)
    logger.warning("one")
    logger.error("two")
    assert handler.flush(PATIENCE)
    assert [getattr(toast.icon, "data", None) for toast in receiver.toasts] == [b"ours", b"fire"]


@pytest.mark.program
def test_pictures_come_out_of_a_zip_archive(tmp_path: Path) -> None:
    """As in applications that are one file."""
    archive = tmp_path / "app.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        folder = Path(icons.__file__).parents[2]
        for path in folder.rglob("*"):
            if path.suffix in (".py", ".png"):
                packed.write(path, path.relative_to(folder.parent))
    result = run_program(
        """
        import sys
        sys.path.insert(0, sys.argv[1])
        import gntp_logging.alerts.icons
        print(gntp_logging.alerts.icons.__file__, len(gntp_logging.alerts.icons.picture("Error").data))
        """,
        archive,
    )
    assert (result.returncode, result.stderr) == (0, "")
    where, size = result.stdout.split()
    assert where.startswith(str(archive))
    assert int(size) == len(icons.picture("Error").data or b"")
