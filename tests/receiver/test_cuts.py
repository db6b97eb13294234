"""cuts: what a peer sends is kept up to a size, and cut twice is as cut once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gntp_logging.gntp.models import Event, Notification, Resource, SocketCallback, URLCallback
from gntp_logging.gntp.requests import NotifyRequest, RegisterRequest
from gntp_logging.receiver import cuts
from gntp_logging.receiver.cuts import cut, cut_headers, cut_notification, cut_registration

LONG = "x" * 300_000
PICTURE = Resource(b"png")
SMALL = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12).filter(str.strip)


def test_a_text_that_is_cut_says_so() -> None:
    """By its last character; one that fits is left alone."""
    assert cut("12345", 5) == "12345"
    assert cut("123456", 5) == "1234…"


def test_a_notification_is_cut_everywhere() -> None:
    """Names, texts, ids and headers; pictures are another matter, and a URL that is cut would be another URL."""
    shown = Notification(
        LONG, LONG, LONG, LONG, icon=LONG, coalescing_id=LONG, callback=URLCallback("http://" + LONG), priority=1
    )
    headers = [("X-Note", LONG), ("X-Picture", PICTURE), ("X-" + LONG, "1")]
    kept = cut_notification(NotifyRequest(LONG, shown, headers, [("Data-It", LONG)]))
    name, text = cut(LONG, cuts.MAX_NAME), cut(LONG, cuts.MAX_TEXT)
    id_ = cut(LONG, cuts.MAX_ID)
    assert kept.app_name == name
    toast = kept.notification.coalescing_id
    assert kept.notification == Notification(name, text, text, id_, coalescing_id=toast, priority=1)
    extra = dict(kept.custom_headers or ())
    assert (extra["X-Note"], extra["X-Picture"], extra[cut("X-" + LONG, cuts.MAX_NAME)]) == (text, PICTURE, "1")
    assert kept.app_specific_headers == (("Data-It", text),)
    socket_callback = NotifyRequest("a", Notification("e", "t", callback=SocketCallback(LONG, LONG)))
    assert cut_notification(socket_callback).notification.callback == SocketCallback(text, id_)


def test_toasts_whose_ids_are_too_long_stay_different() -> None:
    """By the end of their ids, after any number of hubs; the same id makes the same toast."""
    kept = []
    for id_ in (LONG, LONG, LONG + "1", "x" * cuts.MAX_ID):
        once = cut_notification(NotifyRequest("app", Notification("e", "t", coalescing_id=id_)))
        assert cut_notification(once) == once
        kept.append(once.notification.coalescing_id or "")
    assert {len(id_) for id_ in kept} == {cuts.MAX_ID}
    assert kept[0] == kept[1]
    assert len(set(kept)) == 3


def test_a_registration_is_cut_everywhere() -> None:
    """Of all its types."""
    kept = cut_registration(RegisterRequest(LONG, LONG, [Event(LONG, LONG, enabled=False, icon=PICTURE)]))
    name = cut(LONG, cuts.MAX_NAME)
    assert kept == RegisterRequest(name, None, [Event(name, name, enabled=False, icon=PICTURE)])


def test_what_is_short_is_kept_as_it_is() -> None:
    """Nearly everything."""
    shown = Notification("e", "t", "x", "1", icon=PICTURE, coalescing_id="c", callback=URLCallback("http://x/"))
    notification = NotifyRequest("app", shown, [("X-A", "1")], [("Data-B", PICTURE)])
    registration = RegisterRequest("app", "http://x/y.png", [Event("e", "E", icon=PICTURE)], [("X-A", "1")])
    assert cut_notification(notification) == notification
    assert cut_registration(registration) == registration


@given(st.dictionaries(SMALL, SMALL, max_size=8), SMALL, SMALL)
def test_cut_twice_is_cut_once(headers: dict[str, str], name: str, text: str) -> None:
    """So that a name that was registered is found again, and a hub's subscriber cuts like the hub."""
    with pytest.MonkeyPatch.context() as patch:
        for bound, size in (("MAX_NAME", 3), ("MAX_TEXT", 4), ("MAX_HEADERS", 6), ("MAX_ID", 2)):
            patch.setattr(cuts, bound, size)
        once = cut_headers(headers)
        assert cut_headers(once) == once
        assert sum(map(len, once.values())) <= 6 + len(once)
        request = NotifyRequest(name, Notification(name, text, text), [*headers.items()])
        notification = cut_notification(request)
        assert cut_notification(notification) == notification
        registration = cut_registration(RegisterRequest(name, text, [Event(name, text)]))
        assert cut_registration(registration) == registration
        assert registration.app_name == notification.app_name
        assert registration.events[0].name == notification.notification.name
