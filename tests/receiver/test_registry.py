"""What a server knows of its clients."""

from __future__ import annotations

import pytest

from gntp_logging.gntp.exceptions import GNTPProtocolError
from gntp_logging.gntp.models import Event, Notification, Resource, SocketCallback, URLCallback
from gntp_logging.gntp.requests import NotifyRequest, RegisterRequest
from gntp_logging.gntp.wire import Envelope
from gntp_logging.receiver import registry as registry_module
from gntp_logging.receiver.reactions import Reaction
from gntp_logging.receiver.registry import Registry, Toast


def _refusal(registry: Registry, app: str, name: str) -> tuple[int, str]:
    with pytest.raises(GNTPProtocolError) as caught:
        registry.toast(NotifyRequest(app, Notification(name, "title")))
    return caught.value.error_code, str(caught.value)


@pytest.fixture
def registry() -> Registry:
    """A registry with one application of two types, of which one is disabled."""
    registry = Registry()
    registry.register(RegisterRequest("app", None, [Event("on"), Event("off", enabled=False)]))
    return registry


def test_a_toast_has_everything_that_was_sent(registry: Registry) -> None:
    """Each field of a notification becomes one of the toast."""
    notification = Notification(
        "on", "title", "text", "id", sticky=True, priority=2, coalescing_id="key", callback=URLCallback("http://x/")
    )

    toast = registry.toast(NotifyRequest("app", notification))

    assert toast == Toast(
        application="app",
        name="on",
        title="title",
        text="text",
        priority=2,
        sticky=True,
        id_="id",
        coalescing_id="key",
        callback_url="http://x/",
    )


def test_what_was_not_sent_is_empty(registry: Registry) -> None:
    """A notification of a name and a title makes a toast without ids, links and pictures."""
    toast = registry.toast(NotifyRequest("app", Notification("on", "title")))

    assert toast == Toast("app", "on", "title", "")


def test_a_toast_has_all_that_its_connection_knows(registry: Registry) -> None:
    """Headers, cipher, hash and sender; and what the user does with the toast reaches the sender."""
    reactions: list[Reaction] = []
    envelope = Envelope("SHA256", "AES", {"Data-Level": "ERROR"}, password="secret")
    request = NotifyRequest("app", Notification("on", "title"))

    toast = registry.toast(request, envelope, peer="192.0.2.1", react=reactions.append)
    toast.react(Reaction.CLICKED)

    assert (toast.headers, toast.encryption, toast.hash_) == ({"Data-Level": "ERROR"}, "AES", "SHA256")
    assert toast.peer == "192.0.2.1"
    assert reactions == [Reaction.CLICKED]


def test_a_socket_callback_is_no_link(registry: Registry) -> None:
    """Only a URL opens on a click."""
    toast = registry.toast(NotifyRequest("app", Notification("on", "title", callback=SocketCallback("context"))))

    assert toast.callback_url == ""


def test_types_are_added_to_those_that_an_application_has(registry: Registry) -> None:
    """What it has registered stays as it is, pictures and switches too."""
    picture = Resource(data=b"png")
    registry.register(RegisterRequest("app", picture, [Event("on", icon=picture), Event("off", enabled=False)]), "AES")
    registry.add(RegisterRequest("app", None, [Event("new"), Event("off"), Event("on")]))
    registry.add(RegisterRequest("app", None, [Event("new", enabled=False)]))
    assert registry.registration("app") == RegisterRequest(
        "app", picture, [Event("on", icon=picture), Event("off", enabled=False), Event("new")]
    )
    assert registry.registered_by("app") == "AES"
    registry.add(RegisterRequest("unknown", None, [Event("new")]), "TLS")
    assert registry.registered_by("unknown") == "TLS"


def test_an_unknown_application_is_401(registry: Registry) -> None:
    """Who never registered is told to."""
    assert _refusal(registry, "other", "on") == (401, "the application is not registered")


def test_an_unknown_type_is_402(registry: Registry) -> None:
    """A type that the application did not register is refused."""
    assert _refusal(registry, "app", "other") == (402, "the notification type is not registered")


def test_a_disabled_type_is_404(registry: Registry) -> None:
    """A type that is registered as disabled is not shown."""
    assert _refusal(registry, "app", "off") == (404, "the notification type is disabled")


def test_registering_again_replaces_the_types(registry: Registry) -> None:
    """The new list is the whole list: what it leaves out is unknown, what it enables is shown."""
    registry.register(RegisterRequest("app", None, [Event("off")]))

    assert _refusal(registry, "app", "on")[0] == 402
    assert registry.toast(NotifyRequest("app", Notification("off", "title"))).name == "off"


def test_applications_do_not_share_types(registry: Registry) -> None:
    """A type belongs to the application that registered it."""
    registry.register(RegisterRequest("other", None, [Event("theirs")]))

    assert _refusal(registry, "other", "on")[0] == 402
    assert _refusal(registry, "app", "theirs")[0] == 402


@pytest.mark.parametrize(
    ("own", "of_type", "of_application", "shown"),
    [
        ("http://own", "http://type", "http://app", "http://own"),
        (None, "http://type", "http://app", "http://type"),
        (None, None, "http://app", "http://app"),
        (None, None, None, None),
    ],
)
def test_the_nearest_picture_is_shown(
    own: str | None, of_type: str | None, of_application: str | None, shown: str | None
) -> None:
    """The notification's own picture comes before its type's, and that before the application's."""
    registry = Registry()
    registry.register(RegisterRequest("app", of_application, [Event("on", icon=of_type)]))

    assert registry.toast(NotifyRequest("app", Notification("on", "title", icon=own))).icon == shown


def test_a_picture_can_be_bytes() -> None:
    """Pictures that were sent along are kept with the type."""
    picture = Resource(data=b"\x89PNG")
    registry = Registry()
    registry.register(RegisterRequest("app", None, [Event("on", icon=picture)]))

    assert registry.toast(NotifyRequest("app", Notification("on", "title"))).icon == picture


def test_the_application_not_heard_of_for_the_longest_time_is_forgotten(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Room is limited, and both REGISTER and NOTIFY count as being heard of."""
    monkeypatch.setattr(registry_module, "MAX_APPLICATIONS", 3)
    for app in ("second", "third"):
        registry.register(RegisterRequest(app, None, [Event("on")]))
    registry.toast(NotifyRequest("app", Notification("on", "title")))
    registry.register(RegisterRequest("second", None, [Event("on")]))

    registry.register(RegisterRequest("fourth", None, [Event("on")]))

    assert _refusal(registry, "third", "on")[0] == 401
    for app in ("app", "second", "fourth"):
        assert registry.toast(NotifyRequest(app, Notification("on", "title"))).application == app


def test_a_registration_remembers_how_it_came(registry: Registry) -> None:
    """The last one counts; a hub hands it on no less safely."""
    found = [registry.registered_by("app")]
    for came_by in ("AES", None):
        registry.register(RegisterRequest("app", None, [Event("on")]), came_by)
        found.append(registry.registered_by("app"))
    assert found == [None, "AES", None]
    with pytest.raises(KeyError):
        registry.registered_by("other")


def test_what_was_registered_can_be_told_to_others() -> None:
    """With all its pictures: a hub's subscribers have not seen them."""
    registry = Registry()
    one, other = Resource(data=b"one"), Resource(data=b"other")
    request = RegisterRequest("app", one, [Event("a", icon=other), Event("b", icon="http://x/y.png")])
    registry.register(request)
    again = registry.registration("app")
    assert (again.app_name, again.app_icon) == ("app", one)
    assert list(again.events) == list(request.events)


def test_pictures_are_kept_up_to_their_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest goes when there is one byte too much, and its room is free then; the smallest takes some, too."""
    own = registry_module._PICTURE_SIZE
    monkeypatch.setattr(registry_module, "MAX_PICTURES", 1000 + 2 * own)
    registry = Registry()
    icons = [Resource(data=bytes([number]) * size) for number, size in enumerate((700, 600, 400))]
    for number, icon in enumerate(icons):
        registry.register(RegisterRequest(str(number), icon, [Event("event")]))
    assert [registry.registration(str(number)).app_icon for number in range(3)] == [None, *icons[1:]]
    for number in range(9):
        registry.register(RegisterRequest("small", Resource(data=bytes([number])), [Event("event")]))
    assert registry._pictures._size == len(registry._pictures._by_id) * (own + 1) <= 1000 + 2 * own


def test_registrations_are_kept_up_to_a_bound_of_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The application not heard of for the longest time goes; registering again frees the room of before."""
    registry, names = Registry(), [f"type {number}" for number in range(10)]
    size = registry_module._size(RegisterRequest("0", None, [Event(name) for name in names]))
    monkeypatch.setattr(registry_module, "MAX_REGISTRATIONS", 2 * size)
    for app in ("0", "0", "1", "1", "2"):
        registry.register(RegisterRequest(app, None, [Event(name) for name in names]))
    assert list(registry._applications) == ["1", "2"]
    assert registry._size == 2 * size


def test_a_name_that_is_cut_is_found_again(registry: Registry) -> None:
    """Whoever registers a name that is too long notifies with it."""
    app, name, text = "a" * 10_000, "é" * 500_000, "😀" * 1_000_000
    registry.register(RegisterRequest(app, None, [Event(name)]), "AES")
    toast = registry.toast(NotifyRequest(app, Notification(name, text, text)), Envelope(None, None, {"Big": text}))
    assert (len(toast.application), len(toast.name)) == (256, 256)
    assert len(toast.title) == len(toast.text) == len(toast.headers["Big"]) == 65_536
    assert registry.registered_by(app) == "AES"
    assert registry.registration(app).events[0].name == toast.name
