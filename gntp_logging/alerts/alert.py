"""An alert, and how a log record becomes one. Pure: no I/O, no locks.

An :class:`Alert` holds strings and numbers only. Exceptions, frames and arguments stay with the record, so that nothing
an application made lives longer because it was logged.
"""

from __future__ import annotations

import functools
import itertools
import logging
import os
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, cast

from . import fingerprint as fingerprints
from . import text as texts
from .application import Application
from .clean import clean, is_clean
from .context import Context, Pairs, cut_values, last_line
from .errors import Error, LiveError, leaves_of, live
from .fingerprint import Fingerprint
from .json_messages import read_json
from .levels import LevelMap
from .templates import Template, link
from .text import EXTRA_KEY, MAX_TITLE, PLAIN, Draft
from .tracebacks import TRACEBACK, as_printed, frames_in, without_stack
from .values import described

_BLANKS: Final = " \t\r\n"


class Alert(NamedTuple):
    """What a notification will show. A tuple: each logging call builds one, and a dataclass takes four times as long.

    Attributes:
        level: The record's level number.
        event: Name of the notification type.
        priority: From -2 to 2.
        sticky: Whether it stays until it is dismissed.
        title: What happened, in one line. Empty until the alert is finished, unless the user gives it.
        text: What the title does not say; until the alert is finished, the message.
        icon: Picture of this alert alone: a path, a URL or the bytes; None uses the level's.
        url: What opens on a click; None opens nothing.
        level_name: The level's name.
        created: When the record was made, in seconds since 1970.
        fingerprint: What alerts of the same mistake have in common, before :func:`.fingerprint.normalized`. Its secrets
            are masked together with those of the other fields.
        context: What the program was doing, as names and values; shown in the last line, and sent as ``Data-`` headers.
        url_parts: The URL of a click, if it has values of the record in it: see :meth:`.templates.Template.parts`.
        exc_type: The type of the exception, as tracebacks print it; empty where there is none, and until the alert is
            finished.
        logger: The logger's name; empty in an alert that stands for several.
        failures: Those of the user's options title, url, fingerprint and context that failed on the record: the name of
            each, and a description of what it raised. The alert is made without them.
        count: How many records it stands for.
        draft: What title and text will be made of. It may be cut only after its secrets were masked. None in an alert
            that is finished.
    """

    level: int
    event: str
    priority: int
    sticky: bool
    title: str
    text: str
    icon: str | bytes | None = None
    url: str | None = None
    level_name: str = ""
    created: float = 0.0
    fingerprint: Fingerprint = ()
    context: Pairs = ()
    url_parts: tuple[str, ...] = ()
    exc_type: str = ""
    logger: str = ""
    failures: Pairs = ()
    count: int = 1  # type: ignore[assignment]  # instead of the method of tuples, which is not called here
    draft: Draft | None = None

    def cleaned(self) -> Alert:
        """Return the alert with its texts as people read them, see :func:`.clean.clean`. Redaction comes after this."""
        draft = self.draft or PLAIN
        texts = (
            self.title,
            self.text,
            self.level_name,
            self.logger,
            *itertools.chain(*self.context),
            *self.url_parts,
            *draft.texts(),
        )
        if is_clean("\n".join(texts)):
            return self
        return self._replace(
            title=clean(self.title),
            text=clean(self.text),
            level_name=clean(self.level_name),
            logger=clean(self.logger),
            fingerprint=fingerprints.redacted(self.fingerprint, clean),
            context=tuple((clean(name), clean(value)) for name, value in self.context),
            url_parts=tuple(map(clean, self.url_parts)),
            draft=self.draft and self.draft.cleaned(),
        )

    def finished(self, max_text: int) -> Alert:
        """Return the alert as it is shown: title and text put together, all cut. Its secrets must be masked already.

        Args:
            max_text: Characters of the text at most, without the last line; 0 for no limit.
        """
        if self.draft is None:
            return self
        context = cut_values(self.context)
        # A text that is the message alone does not depend on the room that the last line leaves.
        last = last_line((self.level_name, self.logger), context) if self.draft.is_put_together else ""
        title, text = self.draft.laid_out(self.title, self.text, last, max_text)
        return self._replace(
            title=title,
            text=text,
            level_name=texts.one_line(self.level_name),
            context=context,
            exc_type=texts.one_line(self.draft.exc_type()),
            logger=texts.one_line(self.logger),
            draft=None,
        )

    def raw_exc_type(self) -> str:
        """Return the type of the exception; a secret in it may not be masked yet."""
        return self.exc_type if self.draft is None else self.draft.exc_type()

    def body(self) -> str:
        """Return the text as it is shown, with the last line: level, logger and context."""
        # Added here, when the alert is sent: what is added before, a count or dropped alerts, stands above it.
        last = last_line((self.level_name, self.logger), self.context, f"{self.title}\n{self.text}")
        return "\n".join(filter(None, (self.text.strip("\n").rstrip(_BLANKS), last))) or self.title

    def target(self) -> str | None:
        """Return the URL that opens on a click, its values quoted; None when a click opens nothing."""
        return link(self.url_parts) if self.url_parts else self.url

    def withheld(self) -> Alert:
        """Return the alert with its level and logger alone, for when redacting it has failed."""
        return self._replace(
            title="An alert is withheld",
            text="Looking for secrets in it has failed",
            icon=None,
            url=None,
            fingerprint=fingerprints.normalized(fingerprints.without_texts(self.fingerprint)),
            context=(),
            url_parts=(),
            exc_type="",
            draft=None,
        )


_new_tuple: Final = tuple.__new__

_SHORTEST_TRACEBACK: Final = 60
"""Characters: no message with a traceback in it is shorter."""


_MAX_LEVEL: Final = 1_000_000
"""Numbers of levels are below this. A greater number, and a level that is no number, become ERROR."""

_ARGUMENT_ALONE: Final = frozenset(("%s", "%r"))
"""Templates whose message is nothing but their one argument, which may be an exception."""


def _level(level: object) -> int:
    number = int.__int__(cast("int", level)) if issubclass(type(level), int) else _MAX_LEVEL
    return number if -_MAX_LEVEL < number < _MAX_LEVEL else logging.ERROR


def _text(value: object) -> str:
    """Return a name as text; run no code but Python's own."""
    return str.__str__(cast("str", value)) if issubclass(type(value), str) else ""


def _message_error(record: logging.LogRecord) -> LiveError | None:
    """Return the exception that stands in place of a record's message, or that is the message's only argument."""
    said: object = record.msg
    if type(said) is str and said in _ARGUMENT_ALONE and type(record.args) is tuple and len(record.args) == 1:
        said = record.args[0]
    return live(cast("BaseException", said)) if issubclass(type(said), BaseException) else None


_NUMBERS: Final = frozenset((int, float, bool, type(None)))


class _LevelPresentation(NamedTuple):
    """What all records of one logger and level share."""

    event: str
    priority: int
    sticky: bool
    level_name: str
    logger: str


class AlertFactory:
    """Turns records into alerts, as the options of one handler say.

    Attributes:
        needs_each_record: Whether a function or a template of the user's needs each record.
    """

    def __init__(
        self,
        app_name: str,
        levels: LevelMap,
        max_text: int,
        *,
        url: Template | None = None,
        title: Template | Callable[[logging.LogRecord], object] | None = None,
        fingerprint: Callable[[logging.LogRecord], object] | None = None,
        context: Context | None = None,
        application: Application | None = None,
    ) -> None:
        """Keep what does not change from record to record.

        Args:
            app_name: The application's name, for templates.
            max_text: Characters of the text that will be shown, see :meth:`Alert.finished`. Four times as many are
                kept, and at least 16 KiB; with 0 all.
            url: What opens on a click, unless a record overrides it.
            title: Makes the title; None for what happened.
            fingerprint: Returns the text that a record and its repeats share; None for the default fingerprint.
            context: Collects what the program was doing; None for the machine's name alone.
            application: Knows the application's frames; None for what was not installed.
        """
        self._app_name = app_name
        self._levels = levels
        self._max_text = max_text
        self._raw_size = texts.raw_size(max_text)
        self._url = None if url is None or url.has_fields else url.fill({})
        self._url_template = url if url is not None and url.has_fields else None
        self._title = title
        self._fingerprint = fingerprint
        self._context = Context() if context is None else context
        self._application = Application() if application is None else application
        self._has_templates = bool(self._url_template or title or fingerprint)
        self.needs_each_record: bool = self._has_templates or self._context.calls_function
        # A program has few loggers and levels, and each call would build the same again.
        self._presentation = functools.lru_cache(maxsize=1024)(self._make_presentation)

    def _make_presentation(self, level: int, level_name: str, logger: str) -> _LevelPresentation:
        style = self._levels.style(level)
        level_name, logger = texts.joined(level_name), texts.joined(logger)
        return _LevelPresentation(style.event, style.priority, style.sticky, level_name, logger)

    def from_record(
        self,
        record: logging.LogRecord,
        formatter: logging.Formatter | None = None,
    ) -> Alert:
        """Make an alert from a record, whatever the record holds.

        Args:
            record: The record; it is not changed.
            formatter: Shapes the message; None for the message as it is.
        """
        try:
            level, level_name, logger, created = record.levelno, record.levelname, record.name, record.created
            if type(level) is not int or not -_MAX_LEVEL < level < _MAX_LEVEL:
                level = _level(level)
            if type(level_name) is not str or type(logger) is not str:
                level_name, logger = _text(level_name) or logging.getLevelName(level), _text(logger)
            event, priority, sticky, level_name, logger = self._presentation(level, level_name, logger)
            plain = texts.message(record)
            draft = PLAIN
            failures: dict[str, str] = {}
            if (
                record.exc_info
                or record.exc_text
                or record.stack_info
                or len(plain) > _SHORTEST_TRACEBACK
                or type(record.msg) is not str
                or record.msg in _ARGUMENT_ALONE
                or plain[:1] == "{"
                or "None" in plain[-5:]
                or "exception" in (attributes := record.__dict__)
                or "stack" in attributes
            ):
                text, draft, fingerprint = self._text_and_fingerprint(record, level, logger, plain)
            else:  # most records: nothing to look for
                text, fingerprint = plain, fingerprints.fingerprint_call(record, level, logger, plain)
            if formatter is not None:
                own = texts.formatted(record, formatter)
                if own is not None and own.strip() != text.strip():
                    draft = draft._replace(headline=texts.first_line(text))
                    text = own
            if len(text) > self._raw_size:
                text, missing = texts.raw(text, self._max_text)
                draft = draft._replace(missing=missing)
            fields = (
                level,
                event,
                priority,
                sticky,
                "",
                text,
                None,
                self._url,
                level_name,
                created if type(created) is float else time.time(),
                fingerprint,
                self._context.of(record, failures),
                (),
                "",
                logger,
                (),
                1,
                draft,
            )
            alert = _new_tuple(Alert, fields)  # Alert(...) takes twice as long
            if self._has_templates:
                alert = self._with_templates(alert, record, plain, failures)
            if failures:
                alert = alert._replace(failures=tuple(failures.items()))
            overrides = record.__dict__.get(EXTRA_KEY)
            if overrides is None and (type(record.msg) is dict or "extra" in record.__dict__):
                overrides = _bound_overrides(record)
            return alert if overrides is None else with_overrides(alert, overrides)
        except Exception as error:  # noqa: BLE001 - any code makes records, of anything
            return self._plainly(record, error)

    def place_of(self, record: logging.LogRecord) -> Fingerprint | None:
        """Return a record's raw fingerprint without making its alert, where the record alone determines it.

        Returns:
            What :func:`.fingerprint.raw_fingerprint` makes of the alert's fingerprint; None if the alert is needed.
        """
        try:
            template, args = record.msg, record.args
            level, name, path, function = record.levelno, record.name, record.pathname, record.funcName
            if (
                not args
                or record.exc_info
                or record.exc_text
                or record.stack_info
                or type(template) is not str
                or type(level) is not int
                or type(name) is not str
                or type(path) is not str
                or type(function) is not str
                or type(record.created) is not float
                or getattr(record, EXTRA_KEY, None) is not None
            ):
                return None
            for value in args if type(args) is tuple else (args,):
                if type(value) is str:
                    if "\n" in value or "\\" in value:  # perhaps a traceback, which may be quoted
                        return None
                elif type(value) not in _NUMBERS:
                    if "\n" in (said := texts.message(record)) or TRACEBACK in said:
                        return None
                    break
            return level, name, path, function, template  # noqa: TRY300 - it ends the loop above
        except Exception:  # noqa: BLE001 - any code makes records, of anything
            return None

    def _text_and_fingerprint(
        self, record: logging.LogRecord, level: int, logger: str, plain: str
    ) -> tuple[str, Draft, Fingerprint]:
        """Return the draft and the fingerprint of a record that may hold an exception or a stack, in any form.

        QueueHandler, loguru and others format an exception before a handler sees its record. Text and fingerprint are
        read back from the traceback, and are the same as with the exception itself.
        """
        event = record.msg if type(record.msg) is dict else None
        if not is_clean(plain):  # colours hide where a traceback begins
            plain = clean(plain)
        if "None" in plain[-5:]:
            plain = texts.without_no_exception(plain)
        if event is None and plain[:1] == "{" and (found_event := read_json(record, plain)) is not None:
            event, behind = found_event
            plain = "\n".join(filter(None, (texts.text_of_event(record, event), behind)))
        plain = as_printed(plain)
        error: Error | None = texts.error_of(record)
        said = plain
        if type(record.msg) is not str or record.msg in _ARGUMENT_ALONE:
            of_message = _message_error(record)
            if of_message is not None and (error is None or error.key == of_message.key):
                error, said = of_message, ""
        exc_text = stack = behind = ""
        if error is not None and (TRACEBACK not in said or error.frames):  # loguru's queue takes the frames away
            said = texts.without_error(said, error)
        else:
            exc_text, stack = texts.printed(record, event or {})
            said, behind = without_stack(plain)
            found = texts.printed_error(record, event or {}, said, exc_text)
            said, error = found or (said, None)
        if error is not None:
            leaves = leaves_of(error)
            place = self._application.place(error.frames, logger)
            fingerprint = fingerprints.fingerprint_error(level, error, leaves, place)
            if leaves and (frames := leaves[0].frames):  # one that was never raised has none
                place = self._application.place(frames, logger)
            return said, texts.draft_of_error(error, leaves, place, self._max_text), fingerprint
        where = frames_in(stack or behind)
        if not where:
            text = f"{plain}\n{exc_text}" if exc_text else plain
            return text, PLAIN, fingerprints.fingerprint_call(record, level, logger, text)
        place = self._application.place(where, logger)
        draft = Draft(frames=texts.frames_to_show(place))
        return said, draft, fingerprints.fingerprint_call(record, level, logger, said.strip())

    def _plainly(self, record: logging.LogRecord, error: Exception) -> Alert:
        """Make an alert of the message alone, for a record whose attributes have unexpected types."""
        level = _level(record.levelno)
        style = self._levels.style(level)
        text, missing = texts.raw(texts.message(record), self._max_text)
        return Alert(
            level,
            style.event,
            style.priority,
            style.sticky,
            "",
            text,
            level_name=logging.getLevelName(level),
            created=time.time(),
            fingerprint=fingerprints.RawCall(level, "", "", "", "", text[:MAX_TITLE]),
            context=self._context.constants,
            logger=record.name[:MAX_TITLE] if type(record.name) is str else "",
            draft=Draft(missing=missing, notes=(f"({type(error).__name__} while the record was read)",)),
        )

    def _with_templates(self, alert: Alert, record: logging.LogRecord, plain: str, failures: dict[str, str]) -> Alert:
        """Apply the options title, url and fingerprint; the application's code runs here, and may fail."""
        values = {**dict(alert.context), **record.__dict__, "message": plain, "app_name": self._app_name}
        failed: dict[str, str] = {}
        if self._title is not None:
            try:
                template = self._title
                made = template.fill(values) if isinstance(template, Template) else template(record)
                if made is not None:
                    alert = alert._replace(title=texts.joined(str(made)))
            except Exception as error:  # noqa: BLE001
                failed["title"] = type(error).__name__
        if self._url_template is not None:
            # In parts until the alert is sent: values are redacted and then quoted, the user's own text is neither.
            try:
                alert = alert._replace(url_parts=self._url_template.parts(values))
            except Exception as error:  # noqa: BLE001
                failed["url"] = type(error).__name__
        if self._fingerprint is not None:
            try:
                key = self._fingerprint(record)
                if key is not None:
                    alert = alert._replace(fingerprint=fingerprints.fingerprint_key(str(key)))
            except Exception as error:  # noqa: BLE001
                failed["fingerprint"] = type(error).__name__
        failures.update(failed)
        return _with_notes(alert, *(f"({name}: {words})" for name, words in failed.items()))


def _with_notes(alert: Alert, *notes: str) -> Alert:
    """Add lines about the alert itself, which are never cut."""
    draft = alert.draft or PLAIN
    return alert._replace(draft=draft._replace(notes=(*draft.notes, *notes))) if notes else alert


# -- What one record overrides --------------------------------------------------------------------


def _bound_overrides(record: logging.LogRecord) -> object:
    """Return the overrides that loguru or structlog have bound, or that a dictionary as the message has."""
    for bound in record.__dict__.get("extra"), cast("object", record.msg):
        if type(bound) is dict and bound.get(EXTRA_KEY) is not None:
            return bound[EXTRA_KEY]
    return None


def with_overrides(alert: Alert, overrides: object) -> Alert:
    """Apply a record's ``extra={"gntp": {...}}``.

    The alert is sent whatever the overrides are. One that is not allowed is reported in the alert's text, where its
    author sees it.

    Args:
        alert: The alert as its level makes it.
        overrides: A mapping with any of title, event, priority, sticky, icon, url, key.
    """
    try:
        if not issubclass(type(overrides), Mapping):  # isinstance would run the value's own code
            return _with_complaint(alert, f"must be a dict, not {type(overrides).__name__}")
        for name, given in cast("Mapping[Any, object]", overrides).items():
            value = _text(given) or given
            override = _OVERRIDES.get(name)
            if override is not None and value is None:
                continue  # None overrides nothing
            if override is None:
                alert = _with_complaint(alert, f"{described(name)} is unknown; allowed: {', '.join(_OVERRIDES)}")
            elif not override.is_valid(value):
                alert = _with_complaint(alert, f"{name} must be {override.allowed}, not {described(value)[:40]}")
            else:
                alert = override.apply(alert, value)
    except Exception as error:  # noqa: BLE001 - values are the application's: repr and == may raise
        alert = _with_complaint(alert, f"{type(error).__name__} while it was read")
    return alert


def _with_complaint(alert: Alert, complaint: str) -> Alert:
    return _with_notes(alert, f'(extra["{EXTRA_KEY}"]: {complaint})')


class _Override(NamedTuple):
    allowed: str
    is_valid: Callable[[object], bool]
    apply: Callable[[Alert, Any], Alert]  # Any: is_valid has checked the value


def _is_text(value: object) -> bool:
    return type(value) is str and bool(value.strip())


def _is_priority(value: object) -> bool:
    return type(value) is int and -2 <= value <= 2


def _is_icon(value: object) -> bool:
    return _is_text(value) or issubclass(type(value), (bytes, os.PathLike))


def _with_icon(alert: Alert, icon: str | bytes | os.PathLike[str]) -> Alert:
    return alert._replace(icon=icon if isinstance(icon, bytes) else os.fsdecode(icon))


_TEXT: Final = "a string that is not blank"
_OVERRIDES: Final = {
    "title": _Override(_TEXT, _is_text, lambda alert, title: alert._replace(title=texts.joined(title))),
    "event": _Override(_TEXT, _is_text, lambda alert, event: alert._replace(event=texts.one_line(event))),
    "priority": _Override("an integer from -2 to 2", _is_priority, lambda alert, value: alert._replace(priority=value)),
    "sticky": _Override(
        "True or False", lambda value: type(value) is bool, lambda alert, value: alert._replace(sticky=value)
    ),
    "icon": _Override("a path, a URL or bytes", _is_icon, _with_icon),
    "url": _Override(_TEXT, _is_text, lambda alert, url: alert._replace(url=url, url_parts=())),
    "key": _Override(_TEXT, _is_text, lambda alert, key: alert._replace(fingerprint=fingerprints.fingerprint_key(key))),
}
