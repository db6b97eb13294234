"""forward_queue: what waits for subscribers is bounded in bytes; pictures go first."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gntp_logging.gntp.models import Event, Notification, Resource
from gntp_logging.gntp.requests import NotifyRequest, RegisterRequest
from gntp_logging.receiver.forward_queue import ForwardQueue, Message, Shared, text_size, without_pictures
from gntp_logging.receiver.registry import Registry
from tests.support import PATIENCE

REGISTRY = Registry()
REGISTRY.register(RegisterRequest("app", None, [Event("event")]))
TEXT = 20_000
"""Bytes in which a message without a picture fits, with its registration, and two messages do not by far."""


def message(picture: int = 0, text: str = "text") -> Message:
    """Return a message with a picture of some bytes."""
    icon = Resource(bytes(picture)) if picture else None
    shown = Notification("event", "title", text, icon=icon)
    return Message(NotifyRequest("app", shown), None, REGISTRY.find("app"))


def shown(queue: ForwardQueue, count: int) -> list[int]:
    """Take some messages, and return the sizes of their pictures."""
    found = []
    for _ in range(count):
        taken = queue.take()
        assert taken is not None
        assert isinstance(taken.request, NotifyRequest)
        icon = taken.request.notification.icon
        found.append(len(icon.data or b"") if isinstance(icon, Resource) else 0)
    return found


def test_names_of_headers_take_room() -> None:
    """A peer chooses them."""
    name = "X-" + "n" * 200
    request = NotifyRequest("app", Notification("event", "t"), [(f"{name}-{number}", "v") for number in range(100)])
    assert text_size(request) > 100 * len(name)


def test_the_oldest_pictures_go_first() -> None:
    """Then the new one's; a text that does not fit is refused."""
    shared = Shared(10**9, 10**9)
    queue = ForwardQueue(shared, 10, 250_000)
    assert all(queue.put(message(size)) for size in (100_000, 100_001, 100_002, 300_000))
    assert not queue.put(message(text="x" * 300_000))
    assert shown(queue, 4) == [0, 0, 0, 0]
    assert queue.put(message(100_000))
    assert queue.put(message(100_001))
    assert queue.put(message(100_002))
    assert shown(queue, 3) == [0, 100_001, 100_002]


def test_pictures_of_another_queue_give_way() -> None:
    """A subscriber that hangs takes no room that another needs for a text."""
    shared = Shared(200_000, 10**9)
    hung, other = ForwardQueue(shared, 10, 10**9), ForwardQueue(shared, 10, 10**9)
    assert hung.put(message(180_000))
    assert other.put(message(text="x" * 50_000))
    assert shown(other, 1) == [0]
    assert shown(hung, 1) == [0]


def test_what_waits_for_several_counts_once() -> None:
    """A picture goes to fifty subscribers in the room of one."""
    shared, picture = Shared(100_000 + TEXT, 10**9), message(100_000)
    queues = [ForwardQueue(shared, 10, 10**9) for _ in range(50)]
    assert all(queue.put(picture) for queue in queues)
    assert [shown(queue, 1) for queue in queues] == [[100_000]] * 50
    for queue in queues:
        assert queue.close() == 0
        assert queue.take() is None
    assert shared.room.size == 0


def test_a_message_counts_until_the_next_is_taken() -> None:
    """It is there while it is sent."""
    shared = Shared(10**9, 10**9)
    queue = ForwardQueue(shared, 10, 100_000 + TEXT)
    assert queue.put(message(100_000))
    assert shown(queue, 1) == [100_000]
    assert queue.put(message(100_000))
    assert shown(queue, 1) == [0]


def test_a_queue_that_is_closed_wakes_and_refuses() -> None:
    """And says how many it has dropped."""
    queue = ForwardQueue(Shared(10**9, 10**9), 2, 10**9)
    assert [queue.put(message()) for _ in range(3)] == [True, True, False]
    assert (queue.close(), queue.close()) == (2, 0)
    assert not queue.put(message())
    empty = ForwardQueue(Shared(10**9, 10**9), 2, 10**9)
    taken: list[Message | None] = []
    waiting = threading.Thread(target=lambda: taken.append(empty.take()))
    waiting.start()
    empty.close()
    waiting.join(PATIENCE)
    assert taken == [None]


STEPS = st.lists(st.tuples(st.integers(0, 2), st.sampled_from([-1, 0, 1000, 30_000])), max_size=40)


@given(STEPS)
def test_whatever_happens_the_bounds_hold(steps: list[tuple[int, int]]) -> None:
    """Of each queue and of all; at the end nothing is counted."""
    shared = Shared(80_000, 10**9)
    queues = [ForwardQueue(shared, 5, 50_000) for _ in range(3)]
    for number, size in steps:
        queue = queues[number]
        if size >= 0:
            queue.put(message(size))
        elif queue._waiting:
            queue.take()
        assert shared.room.size <= 80_000
        assert all(each._own.size <= 50_000 for each in queues)
    for queue in queues:
        queue.close()
        assert queue.take() is None
        assert queue._own.size == 0
    assert shared.room.size == 0


def test_what_is_sent_is_bounded_but_for_one() -> None:
    """A large request is sent alone; a small one beside another waits for its room."""
    shared, large, small = Shared(10**9, 10_000), message(50_000).request, message().request
    with shared.sending(large, 0.0) as alone:
        assert alone
        with shared.sending(small, 0.0) as second:
            assert not second
    with shared.sending(small, 0.0) as first, shared.sending(small, 0.0) as second:
        assert first
        assert second
    assert shared._sending == 0


@pytest.mark.parametrize("headers", [None, [("X-A", "1"), ("X-Picture", Resource(b"png"))]])
def test_pictures_go_and_all_else_stays(headers: list[tuple[str, object]] | None) -> None:
    """Of notifications and of registrations; a URL is no picture."""
    picture, url = Resource(b"png"), "http://x/y.png"
    kept = headers and headers[:1]
    for own, bare in ((picture, None), (url, url), (Resource(url=url), Resource(url=url))):
        notification = NotifyRequest("app", Notification("event", "title", icon=own), headers)
        assert without_pictures(notification) == NotifyRequest("app", Notification("event", "title", icon=bare), kept)
        registration = RegisterRequest("app", own, [Event("event", icon=own)], None, headers)
        assert without_pictures(registration) == RegisterRequest("app", bare, [Event("event", icon=bare)], None, kept)
    plain = NotifyRequest("app", Notification("event", "title"))
    assert without_pictures(plain) is plain
