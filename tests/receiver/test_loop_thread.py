"""A loop in a thread: what fails in it is told where it was started, and it can be started again."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator

import pytest

from gntp_logging.receiver.loop_thread import LoopThread
from tests.support import PATIENCE, wait_until


class Script:
    """What runs in the loop: notes what happens, and fails where it is told to."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.fails_at: str = ""

    def happen(self, event: str) -> None:
        """Note an event, or fail at it."""
        if event == self.fails_at:
            raise OSError(event)
        self.events.append(event)

    @contextlib.asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Begin and end."""
        await asyncio.sleep(0)
        self.happen("begin")
        try:
            yield
        finally:
            await asyncio.sleep(0)
            self.happen("end")


@pytest.fixture
def script() -> Script:
    """One that does not fail."""
    return Script()


def threads() -> list[threading.Thread]:
    """Return the threads of these tests' loops."""
    return [thread for thread in threading.enumerate() if thread.name == "test-loop"]


def test_start_returns_when_it_runs_and_stop_when_it_has_ended(script: Script) -> None:
    """As often as is wanted."""
    loop = LoopThread("test-loop", script.run)
    for _ in range(2):
        loop.start()
        assert script.events[-1] == "begin"
        assert len(threads()) == 1
        loop.stop()
        assert script.events[-1] == "end"
        assert threads() == []
    assert script.events == ["begin", "end"] * 2


def test_start_raises_what_was_raised_in_the_thread_and_can_be_tried_again(script: Script) -> None:
    """With nothing left of the first try, neither a thread nor its error."""
    loop = LoopThread("test-loop", script.run)
    script.fails_at = "begin"
    for _ in range(2):
        with pytest.raises(OSError, match="begin"):
            loop.start()
        assert threads() == []
    script.fails_at = ""
    loop.start()
    loop.stop()
    assert script.events == ["begin", "end"]


def test_stop_raises_what_was_raised_at_the_end(script: Script) -> None:
    """Once: after that it is over."""
    loop = LoopThread("test-loop", script.run)
    script.fails_at = "end"
    loop.start()
    with pytest.raises(OSError, match="end"):
        loop.stop()
    loop.stop()
    assert threads() == []


def test_what_is_no_exception_is_told_as_well(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    """A start that waited for a thread that is gone would wait for ever."""

    def leave(_event: str) -> None:
        raise SystemExit(3)

    monkeypatch.setattr(script, "happen", leave)
    with pytest.raises(SystemExit):
        LoopThread("test-loop", script.run).start()


def test_starting_twice_is_an_error(script: Script) -> None:
    """The first goes on."""
    loop = LoopThread("test-loop", script.run)
    loop.start()
    with pytest.raises(RuntimeError, match="test-loop runs already"):
        loop.start()
    assert len(threads()) == 1
    loop.stop()


def test_functions_are_called_in_the_loop_while_it_runs(script: Script) -> None:
    """In its thread; before and after that they are not called, and nobody is told so."""
    called: list[str] = []
    done = threading.Event()
    loop = LoopThread("test-loop", script.run)
    loop.call(lambda: called.append("before"))
    loop.start()
    loop.call(lambda: called.append(f"{threading.current_thread().name} {asyncio.get_running_loop().is_running()}"))
    loop.call(done.set)
    assert done.wait(PATIENCE)
    loop.stop()
    loop.call(lambda: called.append("after"))
    assert called == ["test-loop True"]


def test_stopping_what_was_not_started_is_harmless(script: Script) -> None:
    """Twice, too."""
    loop = LoopThread("test-loop", script.run)
    loop.stop()
    loop.stop()
    assert script.events == []


def test_a_stop_while_it_starts_is_not_lost(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though there is no loop yet that could be told."""
    loop = LoopThread("test-loop", script.run)
    begun, go_on = threading.Event(), threading.Event()
    run = loop._run

    def slowly(ready: threading.Event) -> None:
        begun.set()
        assert go_on.wait(PATIENCE)
        run(ready)

    monkeypatch.setattr(loop, "_run", slowly)
    starting = threading.Thread(target=loop.start)
    starting.start()
    assert begun.wait(PATIENCE)
    wait_until(lambda: loop._thread is not None)
    stopping = threading.Thread(target=loop.stop)
    stopping.start()
    wait_until(lambda: not loop._is_wanted)
    go_on.set()
    for thread in (starting, stopping):
        thread.join(PATIENCE)
        assert not thread.is_alive()
    assert not threads()
    assert script.events == []
