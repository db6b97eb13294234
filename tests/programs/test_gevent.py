"""gevent: threads, locks and sockets are replaced by ones that give way to other greenlets."""

from __future__ import annotations

import socket

import pytest

from tests.support import RunningReceiver, ScriptedServer, free_port, run_program, said

pytest.importorskip("gevent", reason="needs gevent: pip install gevent")

HANDLER = (
    'gntp_logging.GNTPHandler(host="127.0.0.1", port=int(sys.argv[1]), repeat_window=0, rate=0, shutdown_timeout=3)'
)
PATCHED_FIRST = f"""
    import sys
    from gevent import monkey; monkey.patch_all()
    import logging, gevent, gntp_logging
    handler = {HANDLER}
    logging.getLogger().addHandler(handler)
"""
PATCHED_LAST = f"""
    import sys
    import logging, gntp_logging
    handler = {HANDLER}
    logging.getLogger().addHandler(handler)
    from gevent import monkey; monkey.patch_all()
    import gevent
"""
both_orders = pytest.mark.parametrize("setup", [PATCHED_FIRST, PATCHED_LAST], ids=["patched first", "patched last"])


@both_orders
def test_greenlets_log_and_nothing_is_lost(setup: str, receiver: RunningReceiver) -> None:
    """What waits at the end is delivered too."""
    program = f"""{setup}
    gevent.joinall([gevent.spawn(logging.error, "greenlet %d", number) for number in range(20)])
    print(handler.flush(10), handler.stats().shown)
    logging.error("the last one")
    """
    result = run_program(program, receiver.port)
    assert (result.stdout, result.stderr) == ("True 20\n", "")
    expected = [*(f"greenlet {number}" for number in range(20)), "the last one"]
    assert sorted(said(toast) for toast in receiver.toasts) == sorted(expected)


def _hang(sock: socket.socket, _number: int) -> None:
    while sock.recv(65536):
        pass


@both_orders
def test_other_greenlets_go_on_while_the_server_hangs(setup: str) -> None:
    """The hub is not blocked: a greenlet that counts gets on while an alert waits for its answer."""
    program = f"""{setup}
    counted = []

    def count():
        for number in range(5):
            counted.append(number)
            gevent.sleep(0.01)

    logging.error("hangs")
    while not handler._worker._queue._in_flight:  # until its exchange has begun
        gevent.sleep(0.001)
    counter = gevent.spawn(count)
    counter.join(5)
    print(counted, handler.stats().queued, handler.stats().shown)
    handler.close()
    """
    with ScriptedServer(_hang) as hung:
        result = run_program(program, hung.port)
    assert result.stdout == "[0, 1, 2, 3, 4] 1 0\n", result.stderr


@both_orders
def test_a_dead_server_is_one_line(setup: str) -> None:
    """As without gevent."""
    result = run_program(f'{setup}\n    logging.error("nobody sees it")\n', free_port())
    (line,) = result.stderr.splitlines()
    assert line.startswith("gntp_logging: cannot show alerts on 127.0.0.1:")
