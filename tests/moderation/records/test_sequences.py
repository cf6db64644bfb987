"""The order in which a centre's files are taken in, and two who import at once."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from sqlalchemy import Engine, create_engine, event, func, select
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from moderation.errors import DuplicateSequence, EntriesMade, ModerationError, OlderSequence, UnknownWaitingFile
from moderation.records import sequences
from moderation.records.imports import FileFacts, ImportReceipt
from moderation.records.sequences import (
    Place,
    keep_waiting,
    let_go,
    place_of,
    take_turn,
    waiting,
    waiting_content,
)
from moderation.tables import Base, Candidate, ImportFile, ImportTurn
from tests.moderation.records.stage import NOW, OFFICER
from tests.moderation.records.test_imports import ADA, BEN, SERIES, a_file, load_basedata, load_entries

KEY, CENTRE = SERIES.key, "99901"


def amendment(sequence: int, content: str = "x") -> FileFacts:
    return replace(a_file("A", content, sequence), name=f"A9990101.X{sequence % 100:02d}")


def place(session: Session, sequence: int, kind: str = "A") -> Place:
    return place_of(session, KEY, CENTRE, replace(amendment(sequence), kind=kind))


def test_the_first_file_is_an_entry_file_and_every_later_one_an_amendment(session: Session) -> None:
    load_basedata(session)
    assert place(session, 1, "E") is Place.NEXT
    assert place(session, 1) is Place.WAITS
    load_entries(session, ADA, sequence=2)
    with pytest.raises(EntriesMade):
        place(session, 3, "E")
    with pytest.raises(OlderSequence):
        place(session, 1, "E")


@pytest.mark.parametrize("first", [1, 6])
def test_amendments_are_counted_on_from_the_entries_or_by_themselves(session: Session, first: int) -> None:
    load_basedata(session)
    load_entries(session, ADA, sequence=5)
    assert place(session, first) is Place.NEXT
    assert place(session, 7) is Place.WAITS
    load_entries(session, ADA, content="f", sequence=first, kind="A")
    assert place(session, first + 1) is Place.NEXT
    assert place(session, first + 2) is Place.WAITS
    with pytest.raises(DuplicateSequence):
        place(session, first)
    if first > 1:
        with pytest.raises(OlderSequence):
            place(session, first - 1)


def test_a_number_that_would_end_in_00_is_no_gap(session: Session) -> None:
    load_basedata(session)
    load_entries(session, ADA, sequence=99)
    assert place(session, 101) is Place.NEXT
    assert place(session, 102) is Place.WAITS


def test_a_file_that_waits_is_kept_once_and_let_go(session: Session) -> None:
    load_basedata(session)
    load_entries(session, ADA)
    kept = keep_waiting(session, KEY, CENTRE, amendment(3), b"content", actor=OFFICER, now=NOW)
    assert (kept.sequence, kept.waits_for) == (3, 2)
    assert keep_waiting(session, KEY, CENTRE, amendment(3), b"content", actor=OFFICER, now=NOW) == kept
    with pytest.raises(DuplicateSequence):
        keep_waiting(session, KEY, CENTRE, amendment(3, "y"), b"other", actor=OFFICER, now=NOW)
    assert list(waiting(session)) == [kept] == list(waiting(session, KEY, CENTRE))
    assert list(waiting(session, KEY, "99902")) == []
    assert waiting_content(session, kept.waiting_id) == (kept, b"content")
    let_go(session, kept.waiting_id)
    assert list(waiting(session)) == []
    with pytest.raises(UnknownWaitingFile):
        waiting_content(session, kept.waiting_id)


def test_the_same_sequence_number_cannot_be_kept_twice_by_anybody(session: Session) -> None:
    load_basedata(session)
    load_entries(session, ADA)
    row = session.scalars(select(ImportFile).where(ImportFile.kind == "E")).one()
    session.add(
        ImportFile(
            kind="E", name="x", sha256="0" * 64, size_bytes=1, series_key=row.series_key, centre_number=row.centre_number,
            sequence=row.sequence, imported_at=NOW, imported_by="x",
        )
    )  # fmt: skip
    with pytest.raises(IntegrityError):
        session.flush()


@pytest.fixture
def shared_engine(engine: Engine, tmp_path: object) -> Engine:
    """A database that several threads can open; SQLite as the service opens it: a writer says so as it begins."""
    if engine.dialect.name != "sqlite":
        return engine
    made = create_engine(f"sqlite:///{tmp_path}/both.sqlite3", connect_args={"timeout": 5})

    @event.listens_for(made, "connect")
    def connect(connection, _record) -> None:
        connection.isolation_level = None

    @event.listens_for(made, "begin")
    def begin(connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    Base.metadata.create_all(made)
    return made


def at_once(engine: Engine, *files: tuple[str, int]) -> list[ImportReceipt | ModerationError]:
    """Import files of one centre in threads that start together, each in a transaction of its own."""
    gate = threading.Barrier(len(files))
    found: list[ImportReceipt | ModerationError] = []

    def work(content: str, sequence: int) -> None:
        gate.wait()
        try:
            with Session(engine) as session, session.begin():
                take_turn(session, KEY, CENTRE, "ENTRIES", actor=OFFICER, now=NOW)
                found.append(load_entries(session, ADA, BEN, content=content, sequence=sequence))
        except ModerationError as error:
            found.append(error)

    threads = [threading.Thread(target=work, args=file) for file in files]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


@pytest.mark.fault("real:R30")
def test_two_imports_of_the_same_file_at_once_are_one(shared_engine: Engine) -> None:
    with Session(shared_engine) as session, session.begin():
        load_basedata(session)
    found = at_once(shared_engine, *[("e", 1)] * 4)
    receipts = [one for one in found if isinstance(one, ImportReceipt)]
    assert len(receipts) == 4
    assert sorted(one.was_known for one in receipts) == [False, True, True, True]
    assert len({one.import_id for one in receipts}) == 1
    with Session(shared_engine) as session:
        assert session.scalar(select(func.count()).select_from(Candidate)) == 2
        assert session.scalar(select(ImportTurn.turns)) == 4


@pytest.mark.fault("real:R30")
def test_of_two_files_with_one_number_at_once_one_is_refused(shared_engine: Engine) -> None:
    with Session(shared_engine) as session, session.begin():
        load_basedata(session)
    found = at_once(shared_engine, ("e", 1), ("f", 1))
    assert sorted(type(one) for one in found if isinstance(one, ModerationError)) == [DuplicateSequence]
    with Session(shared_engine) as session:
        assert session.scalar(select(func.count()).select_from(ImportFile).where(ImportFile.kind == "E")) == 1


def test_who_waits_too_long_for_a_turn_is_told(shared_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequences, "TURN_WAIT_SECONDS", 1)
    with Session(shared_engine) as holder:
        take_turn(holder, KEY, CENTRE, "ENTRIES", actor=OFFICER, now=NOW)
        with pytest.raises(OperationalError), Session(shared_engine) as other:
            take_turn(other, KEY, CENTRE, "ENTRIES", actor=OFFICER, now=NOW)


def test_a_turn_ends_with_its_holder(shared_engine: Engine) -> None:
    with Session(shared_engine) as session:
        take_turn(session, KEY, CENTRE, "ENTRIES", actor=OFFICER, now=NOW)  # and it goes away without a word
    with Session(shared_engine) as session, session.begin():
        take_turn(session, KEY, CENTRE, "ENTRIES", actor=OFFICER, now=NOW)
        assert session.scalar(select(ImportTurn.turns)) == 1
