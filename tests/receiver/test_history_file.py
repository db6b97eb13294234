"""The history on disk: rows, updates, bounds, searches, and what is left after a deletion."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gntp_logging.gntp.models import Resource
from gntp_logging.receiver import history_file
from gntp_logging.receiver.history_file import (
    Closing,
    DamagedError,
    HistoryError,
    HistoryFile,
    KeptToast,
    Wanted,
    aside_path,
    set_aside,
    usual_path,
)
from gntp_logging.receiver.incidents import MAX_IDS, MAX_IDS_OF_A_TOAST
from gntp_logging.receiver.levels import level
from gntp_logging.receiver.mutes import Muted
from gntp_logging.receiver.numbers import known_by
from gntp_logging.receiver.registry import Source, Toast

NOW = 1_800_000_000.0
PICTURES = [None, "https://x.example/y.png", Resource(b"\x89PNG one"), Resource(b"\x89PNG two")]
LETTERS = "aAbB%_\\ éÉ😀\n'\""


def toast(number: int, text: str = "text", title: str = "title", **more: object) -> Toast:
    """Return a toast with a number."""
    return Toast("shop", "Error", title, text, number=number, **{"arrived": NOW + number, **more})  # type: ignore[arg-type]


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A place for a history."""
    return str(tmp_path / "kept" / "history.sqlite3")


@pytest.fixture
def file(path: str) -> Iterator[HistoryFile]:
    """A new history."""
    with HistoryFile(path, writes=True) as made:
        yield made


@pytest.fixture(params=["indexed", "plain"])
def any_file(request: pytest.FixtureRequest, path: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[HistoryFile]:
    """A new history, with an index, and as of an SQLite that makes none."""
    if request.param == "plain":
        monkeypatch.setattr(history_file, "_INDEX", "CREATE VIRTUAL TABLE indexed USING nothing (words);")
    with HistoryFile(path, writes=True) as made:
        assert made._is_indexed() is (request.param == "indexed")
        yield made


def numbers(file: HistoryFile, **wanted: object) -> list[int]:
    """Return the numbers of what is found."""
    return [kept.toast.number for kept in file.find(Wanted(**wanted))]  # type: ignore[arg-type]


def pictures(path: str) -> int:
    """Return how many pictures a history has."""
    db = sqlite3.connect(path)
    (count,) = db.execute("SELECT count(*) FROM pictures").fetchone()
    db.close()
    return int(count)


texts = st.text(LETTERS, max_size=12)
toasts = st.builds(
    Toast,
    application=st.sampled_from(["shop", "Shop", "bank"]),
    name=texts,
    title=texts,
    text=texts,
    priority=st.integers(-2, 2),
    sticky=st.booleans(),
    id_=texts,
    coalescing_id=st.sampled_from(["", "a", "b"]),
    callback_url=texts,
    icon=st.sampled_from(PICTURES),
    headers=st.dictionaries(st.sampled_from(["Notification-Text", "Notification-Title", "Data-Level"]), texts),
    encryption=st.sampled_from(["", "AES"]),
    hash_=st.sampled_from(["", "SHA256"]),
    peer=texts,
    arrived=st.integers(0, 5).map(lambda seconds: NOW + seconds),
    incident=texts,
    total=st.integers(1, 10**15),
    number=st.integers(1, 8),
)
filters = st.builds(
    Wanted,
    since=st.none() | st.integers(0, 5).map(lambda seconds: NOW + seconds),
    before=st.none() | st.integers(0, 5).map(lambda seconds: NOW + seconds),
    level=st.sampled_from([0, 30, 40]),
    application=st.sampled_from(["", "SHOP", "bank", "sh%"]),
    texts=st.lists(st.text(LETTERS, min_size=1, max_size=4), max_size=2),
)


def folded(text: str) -> str:
    """Return a text with its ASCII letters in lower case."""
    return "".join(letter.lower() if letter.isascii() else letter for letter in text)


def is_wanted(kept: KeptToast, wanted: Wanted) -> bool:
    """Tell in plain Python what the file tells in SQL."""
    shown = kept.toast
    said = [folded(text) for text in (shown.application, shown.title, shown.text)]
    return (
        (wanted.since is None or kept.changed >= wanted.since)
        and (wanted.before is None or kept.changed < wanted.before)
        and level(shown) >= wanted.level
        and wanted.application.lower() in ("", shown.application.lower())
        and all(any(folded(text) in each for each in said) for text in wanted.texts)
    )


class Histories(RuleBasedStateMachine):
    """A history and a dictionary that should hold the same."""

    index = history_file._INDEX

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(history_file, "_INDEX", self.index)
        self.patch.setattr(history_file, "MAX_ALERTS", 5)
        self.patch.setattr(history_file, "MAX_AGE", 4.0)
        self.folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.folder.name, "history")
        self.file = HistoryFile(self.path, writes=True)
        self.kept: dict[int, KeptToast] = {}

    def teardown(self) -> None:
        """Leave nothing."""
        self.file.close()
        self.folder.cleanup()
        self.patch.undo()

    def ordered(self) -> list[KeptToast]:
        """Return what should be kept, in the order of the last change."""
        return sorted(self.kept.values(), key=lambda kept: (kept.changed, kept.toast.number))

    @rule(batch=st.lists(toasts, max_size=4))
    def write(self, batch: list[Toast]) -> None:
        """New rows, and updates."""
        self.file.write(batch)
        for shown in batch:
            before = self.kept.get(shown.number)
            first = shown.arrived if before is None else before.toast.arrived
            self.kept[shown.number] = KeptToast(replace(shown, arrived=first), shown.arrived)

    @rule(seconds=st.integers(0, 10))
    def prune(self, seconds: int) -> None:
        """Age, then number."""
        self.file.prune(NOW + seconds)
        young = [kept for kept in self.ordered() if kept.changed >= NOW + seconds - 4]
        self.kept = {kept.toast.number: kept for kept in young[-5:]}

    @rule(wanted=filters)
    def delete(self, wanted: Wanted) -> None:
        """What is found is what goes."""
        gone = [number for number, kept in self.kept.items() if is_wanted(kept, wanted)]
        assert self.file.delete(wanted) == len(gone)
        for number in gone:
            del self.kept[number]

    @rule()
    def reopen(self) -> None:
        """As after a restart."""
        self.file.close()
        self.file = HistoryFile(self.path, writes=True)

    @rule(wanted=filters)
    def find(self, wanted: Wanted) -> None:
        """The same toasts in the same order."""
        found = [kept.toast.number for kept in self.file.find(wanted)]
        assert found == [kept.toast.number for kept in self.ordered() if is_wanted(kept, wanted)]

    @invariant()
    def everything_is_there(self) -> None:
        """With every field, and with the pictures that somebody has."""
        found = list(self.file.find(Wanted()))
        assert found == self.ordered()
        for one, other in zip(found, self.ordered(), strict=True):
            assert one.toast.arrived == other.toast.arrived
            assert _data(one.toast) == _data(other.toast)
        assert pictures(self.path) == len({_data(kept.toast) for kept in found} - {None})
        assert self.file.last_number() == max(self.kept, default=0)

    @invariant()
    def the_newest_of_each_id_is_known(self) -> None:
        """By application, security and id."""
        known: dict[int, int] = {}
        for kept in self.ordered():
            shown = kept.toast
            if shown.coalescing_id:
                key = known_by(shown.application, is_keyed=bool(shown.hash_), coalescing_id=shown.coalescing_id)
                known.pop(key, None)
                known[key] = shown.number
        assert self.file.known() == list(known.items())


class PlainHistories(Histories):
    """The same without an index."""

    index = "CREATE VIRTUAL TABLE indexed USING nothing (words);"


def _data(shown: Toast) -> bytes | None:
    return shown.icon.data if isinstance(shown.icon, Resource) else None


TestHistories = pytest.mark.slow(Histories.TestCase)
TestHistories.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
TestPlainHistories = pytest.mark.slow(PlainHistories.TestCase)
TestPlainHistories.settings = settings(max_examples=20, stateful_step_count=20, deadline=None)


@pytest.mark.slow
@given(text=st.text(min_size=1))
@settings(max_examples=50, deadline=None)
def test_any_text_is_kept(text: str) -> None:
    """With lone surrogates as U+FFFD, as on every display; a picture's URL too."""
    shown = toast(1, text, headers={"Notification-Text": text, text: text}, icon=text)
    with tempfile.TemporaryDirectory() as folder, HistoryFile(os.path.join(folder, "h"), writes=True) as file:
        file.write([shown])
        (kept,) = file.find(Wanted())
    safe = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert (kept.toast.text, kept.toast.icon) == (safe, safe)
    assert kept.toast.headers == {"Notification-Text": text, text: text}


@pytest.mark.parametrize("text", ["KeyError", "yerr", "100%", "a_b", "Err", "é", "order 4711", "\\", "abcd"])
def test_a_text_is_found_anywhere(any_file: HistoryFile, text: str) -> None:
    """Inside of words, with or without an index, and what looks like a wildcard is none."""
    any_file.write(
        [toast(1, "KeyError: a_b 100% é \\ order 4711 abcd"), toast(2, "axb 100 e / order 471 Er ror abc bcd")]
    )
    assert numbers(any_file, texts=[text]) == [1]


@pytest.mark.parametrize("text", ["?", "3", "-3", "WE", "§", "é", "語", "😀", "%", "_", '"', "\u1e9e"])
def test_one_or_two_letters_are_found_too(any_file: HistoryFile, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """At the end of a text as well; also where they stand too often for the index to tell."""
    any_file.write([toast(1, '?§é語😀%_" \u1e9e web-3'), toast(2, "nothing of all that")])
    assert numbers(any_file, texts=[text]) == [1]
    monkeypatch.setattr(history_file, "MAX_OCCURRENCES", 0)
    assert numbers(any_file, texts=[text]) == [1]


@pytest.mark.parametrize(
    ("texts", "found", "most"),
    [
        (["KeyError"], 0, 10),
        (["??"], 0, 10),
        (["§"], 1, 11),
        (["§", "e"], 1, 12),
        (["old order"], 10, 20),
        (["order"], 10, 10),
        (["e"], 10, 10),
    ],
)
def test_a_search_looks_into_few_texts(
    file: HistoryFile, monkeypatch: pytest.MonkeyPatch, texts: list[str], found: int, most: int
) -> None:
    """Whether a text is everywhere, in the oldest half, in one alert or nowhere, and however short it is."""
    file.write(
        toast(number, "old order §" if number == 5 else "order" if number > 100 else "old order")
        for number in range(1, 200)
    )
    monkeypatch.setattr(history_file, "MAX_OCCURRENCES", 150)
    monkeypatch.setattr(history_file, "WINDOW", 10)
    titles: list[str] = []

    def like(pattern: str, text: str, escape: str) -> bool:
        titles.extend([text] if text == "title" else [])
        return folded(pattern.strip("%")) in folded(text)

    file._db.create_function("like", 3, like)
    assert len(list(file.last(Wanted(texts=texts), 10))) == found
    assert len(titles) <= most


def test_any_text_may_be_looked_for(any_file: HistoryFile) -> None:
    """A terminal may give lone surrogates; quotes and words of a query language are nothing but text."""
    any_file.write([toast(1, "what \udcff is this"), toast(2, 'say "AND NOT" *')])
    assert numbers(any_file, texts=["what \udcff is"]) == [1]
    assert numbers(any_file, texts=['"AND NOT" *']) == [2]
    assert numbers(any_file, texts=['say\0 "']) == [2]
    assert numbers(any_file, application="\udcff") == []


def test_a_search_looks_at_title_and_application_too(any_file: HistoryFile) -> None:
    """And at the latest text of what has changed."""
    any_file.write([toast(1, "old words", "a title"), toast(1, "new words", "a title")])
    for text, found in (("a title", [1]), ("SHOP", [1]), ("new w", [1]), ("old w", [])):
        assert numbers(any_file, texts=[text]) == found


def test_many_are_read_in_parts_between_which_the_file_may_change(any_file: HistoryFile) -> None:
    """What is deleted meanwhile is not shown."""
    any_file.write(map(toast, range(1, 451)))
    found = any_file.find(Wanted())
    assert next(found).toast.number == 1
    assert any_file.delete(Wanted(since=NOW + 400)) == 51
    assert [kept.toast.number for kept in found] == list(range(2, 400))


@pytest.mark.slow
def test_bytes_are_bounded(any_file: HistoryFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest go, with their pictures."""
    monkeypatch.setattr(history_file, "MAX_BYTES", 2_000_000)
    for number in range(1, 101):
        any_file.write([toast(number, str(number) * 5_000, icon=Resource(bytes([number]) * 30_000))])
    assert any_file.size() > 2_000_000
    any_file.prune(NOW)
    assert any_file.size() <= 2_000_000
    left = numbers(any_file)
    assert left == list(range(101 - len(left), 101))
    assert len(left) > 10
    assert pictures(any_file.path) == len(left)


def remains(folder: Path, text: bytes) -> list[str]:
    """Return the names of the files that hold a text."""
    return [path.name for path in sorted(folder.iterdir()) if text in path.read_bytes()]


SECRET = b"hunter2"


@pytest.mark.parametrize("wanted", [Wanted(), Wanted(before=NOW + 150), Wanted(texts=["hunter2"])])
def test_what_is_deleted_is_in_no_file(any_file: HistoryFile, wanted: Wanted) -> None:
    """Also while a receiver has the history open: neither in the log, nor in free places, nor in the index."""
    folder = Path(any_file.path).parent
    secret = SECRET.decode()
    for number in range(1, 101):  # some in the log alone, some in places that updates have left
        any_file.write([toast(number, f"{secret} {number}" * 200, headers={"Data-X": secret}, icon=Resource(SECRET))])
        any_file.write([toast(number, f"{secret} {number}", headers={"Data-X": secret}, icon=Resource(SECRET))])
    any_file.write([toast(200, "another")])
    assert remains(folder, SECRET)
    with HistoryFile(any_file.path) as other:
        assert other.delete(wanted) == 100 + (wanted == Wanted())
    assert remains(folder, SECRET) == []
    assert os.path.getsize(any_file.path) < 100_000  # it gives its room back, too
    any_file.write([toast(201, "the receiver goes on")])
    assert numbers(any_file)[-1:] == [201]


def test_mutes_are_kept_until_they_end(file: HistoryFile) -> None:
    """The last word on an incident counts; what has ended is forgotten."""
    file.write([Muted("shop", "a", 10), Muted("shop", "b", 30), Muted("shop", "b", 20), Muted("sh\udcffop", "a", 30)])
    assert sorted(file.muted(0)) == [("shop", "a", 10), ("shop", "b", 20), ("sh\ufffdop", "a", 30)]
    assert len(file.muted(10)) == 2
    file.prune(20)
    assert file.muted(0) == [("sh\ufffdop", "a", 30)]


def test_a_mute_is_deleted_with_its_incidents_last_alert(file: HistoryFile) -> None:
    """It holds the name of the application."""
    incident = "0" * 16
    file.write([replace(toast(number), application=SECRET.decode(), incident=incident) for number in (1, 2)])
    file.write([toast(3, incident=incident), Muted("shop", incident, NOW), Muted(SECRET.decode(), incident, NOW)])
    file.delete(Wanted(since=NOW + 3))
    assert file.muted(0) == [(SECRET.decode(), incident, NOW)]
    file.delete(Wanted(since=NOW + 2))
    assert len(file.muted(0)) == 1
    file.delete(Wanted())
    assert file.muted(0) == []
    assert remains(Path(file.path).parent, SECRET) == []


def test_the_index_forgets_too(file: HistoryFile) -> None:
    """Three characters are enough to know a password by, if there are enough of them."""
    file.write([toast(1, "qxjzvk"), *map(toast, range(2, 50))])
    folder = Path(file.path).parent
    assert remains(folder, b"qxj")
    file.delete(Wanted(texts=["qxjzvk"]))
    assert remains(folder, b"qxj") == []
    assert len(numbers(file, texts=["text"])) == 48


def test_pruned_texts_are_overwritten(file: HistoryFile) -> None:
    """As far as the table goes; the index and the log hold them until they are written over."""
    file.write([toast(1, SECRET.decode() * 2000)])
    file.prune(NOW + history_file.MAX_AGE * 2)
    file.close()
    assert SECRET * 100 not in Path(file.path).read_bytes()


def test_a_deletion_that_somebody_delays_says_so(file: HistoryFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log cannot be emptied while it is read."""
    monkeypatch.setattr(history_file, "_BUSY", 0.01)
    file.write([toast(1, SECRET.decode())])
    reader = sqlite3.connect(file.path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM alerts").fetchall()
    with HistoryFile(file.path) as other, pytest.raises(HistoryError):
        other.delete(Wanted())
    reader.close()
    with HistoryFile(file.path) as other:
        other.delete(Wanted())
    assert remains(Path(file.path).parent, SECRET) == []


# -- The file ------------------------------------------------------------------------------------


def test_only_the_owner_can_read_it(file: HistoryFile) -> None:
    """Nor the files beside it, nor the folder that was made for it."""
    file.write([toast(1)])
    folder = Path(file.path).parent
    assert folder.stat().st_mode & 0o777 == 0o700
    assert len(list(folder.iterdir())) >= 3
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_one_receiver_writes_and_others_read(file: HistoryFile) -> None:
    """The lock ends with the file."""
    file.write([toast(1)])
    with pytest.raises(HistoryError, match="another receiver writes to"):
        HistoryFile(file.path, writes=True)
    with HistoryFile(file.path) as reader:
        assert numbers(reader) == [1]
    file.close()
    with HistoryFile(file.path, writes=True) as other:
        assert numbers(other) == [1]


def test_a_history_that_is_not_there_is_not_made_by_a_reader(path: str) -> None:
    """It names the way to one."""
    with pytest.raises(HistoryError, match=r"there is no history in .*: gntp-logging listen --display web keeps one"):
        HistoryFile(path)
    assert not Path(path).exists()


@pytest.mark.parametrize("writes", [True, False])
def test_a_newer_version_is_left_alone(file: HistoryFile, writes: bool) -> None:
    """It may mean something else by what it wrote."""
    file.write([toast(1)])
    file._db.execute("PRAGMA user_version = 99")
    file.close()
    before = Path(file.path).read_bytes()
    with pytest.raises(HistoryError, match="newer version"):
        HistoryFile(file.path, writes=writes)
    assert Path(file.path).read_bytes() == before


def older(file: HistoryFile) -> None:
    """Make a file that is open one of version 1, which knew no sources, and close it."""
    file._db.executescript("DROP TRIGGER sources_of_deleted; DROP TABLE sources; PRAGMA user_version = 1")
    file.close()


def counted(id_: int, number: int, records: int, *, is_only: bool = False) -> Toast:
    """Return a toast that counts, with what one id has reported of it."""
    source = Source(id_.to_bytes(16, "big"), records, 1, -1, is_relays=False, is_only=is_only)
    return toast(number, coalescing_id="opener", incident="0123456789abcdef", source=source)


def test_an_older_version_is_read_and_goes_on(file: HistoryFile) -> None:
    """It is kept whole; what counts is known from then on."""
    file.write([toast(1), toast(2, "other")])
    older(file)
    with HistoryFile(file.path) as reading:
        assert numbers(reading) == [1, 2]
        assert reading.delete(Wanted(texts=("other",))) == 1
    for records in (5, 6):
        with HistoryFile(file.path, writes=True) as writing:
            assert numbers(writing) == ([1] if records == 5 else [1, 3])
            writing.write([counted(1, 3, records)])
            ((shown, _, sources),) = writing.counted(NOW)
            assert (shown.coalescing_id, [source.records for source in sources]) == ("opener", [records])


def test_who_has_reported_is_kept_as_long_as_the_toast(file: HistoryFile) -> None:
    """And bounded: with a toast that a sender opens again begins a new count."""
    file.write([counted(id_, 1, 10) for id_ in range(3)])
    file.write([counted(0, 2, 20)])

    def records() -> list[list[int]]:
        return [[source.records for source in sources] for _, _, sources in file.counted(NOW)]

    assert records() == [[10, 10], [20]]
    file.write([counted(1, 1, 11, is_only=True)])
    assert sorted(records()) == [[11], [20]]
    file.delete(Wanted(texts=("text",)))
    assert records() == []
    file.write([counted(id_, id_, 1) for id_ in range(MAX_IDS + MAX_IDS_OF_A_TOAST + 10)])
    file.prune(NOW)
    assert file._number("SELECT count(*) FROM sources") == MAX_IDS + MAX_IDS_OF_A_TOAST
    assert file.counted(NOW)[0].toast.coalescing_id == "opener"


@pytest.mark.parametrize("writes", [True, False])
def test_the_file_of_another_program_is_left_alone(path: str, writes: bool) -> None:
    """Whoever names it has mistyped."""
    Path(path).parent.mkdir()
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE orders (number)")
    db.commit()
    db.close()
    before = Path(path).read_bytes()
    with pytest.raises(HistoryError, match="belongs to another program"):
        HistoryFile(path, writes=writes)
    assert Path(path).read_bytes() == before


@pytest.mark.parametrize("writes", [True, False])
@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\0" + bytes(5000), b"x"])
def test_what_is_no_database_is_damaged(path: str, content: bytes, writes: bool) -> None:
    """It may be set aside; the lock is free again."""
    Path(path).parent.mkdir(mode=0o700)
    Path(path).write_bytes(content)
    with pytest.raises(DamagedError):
        HistoryFile(path, writes=writes)
    assert Path(set_aside(path)).read_bytes() == content
    with HistoryFile(path, writes=True) as new:
        assert numbers(new) == []


def test_pages_that_are_overwritten_are_damage(file: HistoryFile) -> None:
    """Whether that is seen on opening or on writing."""
    file.write(map(toast, range(1, 500)))
    file.close()
    content = Path(file.path).read_bytes()
    Path(file.path).write_bytes(content[:4096] + b"\xa5" * (len(content) - 4096))
    with pytest.raises(DamagedError):
        HistoryFile(file.path, writes=True).write([toast(1)])


def test_a_damaged_history_that_was_set_aside_goes_with_everything(file: HistoryFile) -> None:
    """Else it is named: nobody can tell what is in it."""
    aside = Path(aside_path(file.path))
    file.write([toast(1, "one"), toast(2, "two")])
    aside.write_bytes(SECRET)
    with pytest.raises(HistoryError, match=f"it is deleted, .* remove {aside}"):
        file.delete(Wanted(texts=["one"]))
    assert numbers(file) == [2]
    assert file.delete(Wanted()) == 1
    assert not aside.exists()


def test_a_history_of_an_sqlite_without_an_index_gets_one_later(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what is in it."""
    with monkeypatch.context() as patch:
        patch.setattr(history_file, "_INDEX", "CREATE VIRTUAL TABLE indexed USING nothing (words);")
        with HistoryFile(path, writes=True) as plain:
            plain.write([toast(1, "before")])
    with HistoryFile(path, writes=True) as indexed:
        assert indexed._is_indexed()
        indexed.write([toast(2, "after")])
        rows = indexed._db.execute("SELECT rowid FROM indexed WHERE words LIKE '%fore%' OR words LIKE '%after%'")
        assert sorted(rows) == [(1,), (2,)]


def test_a_full_disk_loses_what_does_not_fit_and_no_more(file: HistoryFile) -> None:
    """All of a batch or nothing of it; the next may fit again."""
    file.write([toast(1)])
    file._db.execute(f"PRAGMA max_page_count = {file._number('PRAGMA page_count') + 2}")
    with pytest.raises(HistoryError, match="full"):
        file.write([toast(2), toast(3, "x" * 100_000)])
    assert numbers(file) == [1]
    file._db.execute("PRAGMA max_page_count = 100000")
    file.write([toast(3)])
    assert numbers(file) == [1, 3]


def test_it_lies_in_the_users_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of this program."""
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert Path(usual_path()) == Path("/state/gntp-logging/history.sqlite3")


def test_what_was_closed_is_kept_and_comes_back_with_an_update(any_file: HistoryFile) -> None:
    """It is no longer among the open ones, and is found as before."""
    any_file.write([toast(1), toast(2), Closing([1, 7])])
    assert [kept.toast.number for kept in any_file.last(Wanted(is_open=True), 9)] == [2]
    assert [(kept.toast.number, kept.is_closed) for kept in any_file.last(Wanted(), 9)] == [(2, False), (1, True)]
    any_file.write([Closing([2]), toast(1, "again")])
    assert [kept.toast.number for kept in any_file.last(Wanted(is_open=True), 9)] == [1]


@pytest.mark.slow
@given(
    st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["KeyError", "other"])), max_size=12),
    st.sampled_from([[], ["KeyError"]]),
    st.integers(1, 5),
)
@settings(max_examples=50, deadline=None)
def test_parts_have_each_toast_once(toasts: list[tuple[int, str]], texts: list[str], size: int) -> None:
    """The last change first, also where several changed at the same time; the bytes of pictures are left out."""
    with tempfile.TemporaryDirectory() as folder, HistoryFile(f"{folder}/history.sqlite3", writes=True) as file:
        png = Resource(b"png")
        file.write([toast(number, text, arrived=NOW + age, icon=png) for number, (age, text) in enumerate(toasts, 1)])
        found: list[tuple[float, int]] = []
        below = None
        while part := list(file.last(Wanted(texts=texts, below=below), size)):
            assert len(part) <= size
            found += [(kept.changed, kept.toast.number) for kept in part]
            assert {(kept.toast.icon, kept.picture) for kept in part} == {(None, png.unique_id())}
            below = found[-1]
        wanted = [(NOW + age, number) for number, (age, text) in enumerate(toasts, 1) if not texts or text in texts]
        assert found == sorted(wanted, reverse=True)
        assert file.picture(png.unique_id() or "", 3) == (b"png" if toasts else None)
        assert file.picture(png.unique_id() or "", 2) is None
