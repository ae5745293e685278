"""What only a ledger in a database can promise of its pseudonyms: where the keys are, and what is stored under them."""

import contextlib
import re
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, event, text

from rag_flywheel.adapters.ledger import rekeying, tables
from rag_flywheel.adapters.ledger.engine import sqlite_url
from rag_flywheel.adapters.ledger.pseudonym_keys import KeyPlace
from rag_flywheel.adapters.ledger.sql_ledger import SqlLedger, open_ledger
from rag_flywheel.domain.erasures import ERASED, Theirs
from rag_flywheel.errors import Conflict, WrongKey
from rag_flywheel.ports import Ledger
from rag_flywheel.privacy.pseudonyms import pseudonym
from rag_flywheel.privacy.rekeying import drop_keys, rekey
from tests.contract.rows import NOON, an_entry, an_interaction
from tests.contract.test_rekeying import MASKED, NAMED, leave, leave_digests, told, user
from tests.contract.test_sql_ledger import engine_at
from tests.fakes.keys import keys_in

PEOPLE = ("ada", "grace", "joan")
FORMS = re.compile(r"(?:([1-9][0-9]*)\.)?\b[0-9a-f]{32}\b")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "data" / "ledger.sqlite")
    return str(request.getfixturevalue("postgres_url"))


@contextlib.contextmanager
def opened(url: str, folder: Path, keys: KeyPlace | None = None) -> Iterator[SqlLedger]:
    ledger = open_ledger(url, timeout=10, lock_folder=folder / "locks", keys=keys or keys_in(folder))
    with contextlib.closing(ledger):
        yield ledger


@pytest.fixture
def ledger(url: str, tmp_path: Path) -> Iterator[SqlLedger]:
    with opened(url, tmp_path) as made:
        yield made


def stored(url: str) -> str:
    """Every row of every table, as it is stored."""
    engine = create_engine(url)
    with contextlib.closing(engine.raw_connection()) as connection:
        cursor = connection.cursor()
        rows = []
        for name in tables.metadata.tables:
            cursor.execute(f"SELECT * FROM {name}")
            rows += [repr((name, row)) for row in cursor.fetchall()]
    engine.dispose()
    return "\n".join(rows)


def files(folder: Path) -> bytes:
    """All that the database wrote on this machine."""
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


def names(ledger: Ledger) -> list[str]:
    """The pseudonyms of all, and of what they made up."""
    of = [(name, kind) for name in PEOPLE for kind in ("user", "session")]
    return [pseudonym(name, ledger.salt(), of=kind) or "" for name, kind in of] + [  # type: ignore[arg-type]
        pseudonym("a key", ledger.salt(), of="key") or ""
    ]


# --- what is stored ---------------------------------------------------------------------------------------------------


def test_no_row_and_no_file_holds_a_pseudonym_in_the_form_of_before(
    url: str, ledger: SqlLedger, tmp_path: Path
) -> None:
    for name in PEOPLE:
        leave(name, ledger)
    old = names(ledger)
    assert all(name in stored(url) for name in old)
    for epoch in (1, 2):
        rekey(ledger=ledger, by="olga", now=NOON)
        now = stored(url)
        assert not [form for form in old if form in now]
        if url.startswith("sqlite"):
            assert not [form for form in old if form.encode() in files(tmp_path / "data")]
        new = {found[0] for found in FORMS.finditer(now) if found[1] == str(epoch)}
        assert len(new) == len(names(ledger))  # one form for each
        old = [form.partition(".")[2] for form in new]


def test_who_has_the_first_key_cannot_try_out_what_was_masked_in_a_ledger_of_after(url: str, ledger: SqlLedger) -> None:
    leave_digests(ledger)
    before = stored(url)
    assert MASKED in before
    assert NAMED in before
    rekey(ledger=ledger, by="olga", now=NOON)
    after = stored(url)
    assert MASKED not in after
    assert NAMED not in after
    assert MASKED[::-1] not in after
    one, two = set(re.findall(r"1\.[0-9a-f]{32}", after)), set(re.findall(r"1\.[0-9a-f]{32}", before))
    assert len(one) >= 3
    assert not two


def test_with_another_first_key_a_person_is_nobody_whom_the_ledger_knows(ledger: SqlLedger) -> None:
    """Why the first key stays: names are made pseudonyms with it, and from what is stored none can be made anew."""
    leave("ada", ledger)
    rekey(ledger=ledger, by="olga", now=NOON)
    assert ledger.interactions_of(user("ada", ledger))
    of_another = pseudonym("ada", bytes(32)) or ""
    assert of_another != user("ada", ledger)
    assert ledger.interactions_of(of_another) == []
    assert of_another not in ledger.people()


def test_of_two_ledgers_under_different_keys_nobody_can_tell_who_is_the_same(tmp_path: Path) -> None:
    forms = []
    for place in (tmp_path / "one", tmp_path / "other"):
        place.mkdir()
        keys_in(place).make(bytes(32))  # the same names have the same pseudonyms
        url = sqlite_url(place / "ledger.sqlite")
        with opened(url, place) as ledger:
            leave("ada", ledger)
            rekey(ledger=ledger, by="olga", now=NOON)
        forms.append({found[0] for found in FORMS.finditer(stored(url)) if found[1]})
    assert forms[0].isdisjoint(forms[1])


def test_an_erasure_during_a_new_key_writes_nothing_of_before_back(url: str, ledger: SqlLedger, tmp_path: Path) -> None:
    """Between the look at a row and its rewriting it was stored anew."""
    leave("ada", ledger)
    ledger.add_interaction(replace(an_interaction("quoting", user=user("ada", ledger)), answer="see record i-grace"))
    looked_at: list[str] = []

    def names_it(words: str) -> bool:
        if "i-grace" in words and not looked_at:
            looked_at.append(words)
            rekey(ledger=ledger, by="olga", now=NOON)
        return "i-grace" in words

    looked = Theirs(names=names_it, wrote=lambda words: False)
    assert ledger.scrub(looked, manifests=False)["interactions"] == 1
    assert user("ada", ledger) not in stored(url)
    [found] = [asked for asked in ledger.interactions_of(user("ada", ledger)) if asked.interaction_id == "quoting"]
    assert found.answer == ERASED


# --- broken off -------------------------------------------------------------------------------------------------------


class Broken(Exception):
    """The process ends here."""


@contextlib.contextmanager
def ends_at(statement: int, engine: Engine) -> Iterator[None]:
    """Everything that is asked of the database from the `statement`th on fails, as where a process was killed."""
    asked = 0

    def count(*_: object) -> None:
        nonlocal asked
        asked += 1
        if asked >= statement:
            raise Broken

    event.listen(engine, "before_cursor_execute", count)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", count)


def test_whatever_step_a_new_key_is_broken_off_at_the_next_run_goes_on_with_that_key(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rekeying, "BATCH", 2)
    with opened(url, tmp_path) as ledger:
        for name in PEOPLE:
            leave(name, ledger)
        before = {name: told(name, ledger) for name in PEOPLE}
        plain, began = names(ledger), 0
    for step in range(1, 1000, 3):
        with opened(url, tmp_path) as ledger, contextlib.suppress(Broken), ends_at(step, ledger._database._engine):
            list(ledger.rekey())
            break
        with opened(url, tmp_path) as ledger:
            assert {name: told(name, ledger) for name in PEOPLE} == before
            began = max(began, len(keys_in(tmp_path).read().later))  # type: ignore[union-attr]
            assert began <= 1
    assert step > 60
    assert not [form for form in plain if form in stored(url)]
    with opened(url, tmp_path) as ledger:
        assert {name: told(name, ledger) for name in PEOPLE} == before
        assert rekey(ledger=ledger, by="olga", now=NOON) == 30  # now it is another one


def test_keys_are_not_dropped_while_rows_are_stored_under_them(ledger: SqlLedger) -> None:
    for name in PEOPLE:
        leave(name, ledger)
    rows = ledger.rekey()
    next(rows)
    with pytest.raises(Conflict, match="people rekey"):
        drop_keys(ledger=ledger, by="olga", now=NOON)
    list(rows)
    assert drop_keys(ledger=ledger, by="olga", now=NOON) == 0  # there was none before the first new one
    assert told("ada", ledger)


# --- other processes and backups --------------------------------------------------------------------------------------


def test_a_server_that_was_there_before_the_new_key_finds_and_stores_as_all_do(
    url: str, ledger: SqlLedger, tmp_path: Path
) -> None:
    leave("ada", ledger)
    before = told("ada", ledger)
    with opened(url, tmp_path) as other:
        for name in ("reads", "writes"):
            rekey(ledger=other, by="olga", now=NOON)
            if name == "writes":
                leave("grace", ledger)
                assert all(told("grace", other))
            assert told("ada", ledger) == before
        assert ledger.people() == other.people()
    assert user("grace", ledger) not in stored(url)


def test_who_is_writing_when_a_new_key_comes_leaves_nothing_under_the_old_one(
    url: str, ledger: SqlLedger, tmp_path: Path
) -> None:
    began, writes = threading.Event(), threading.Event()

    def write_slowly() -> None:
        with ledger.transaction():
            leave("ada", ledger)
            began.set()
            assert not writes.wait(0.5)  # the new key waits for us

    with opened(url, tmp_path) as other, ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write_slowly)
        assert began.wait(10)
        rekey(ledger=other, by="olga", now=NOON)
        writes.set()
        writing.result()
        assert all(told("ada", other))
    assert not [form for form in names(ledger) if form in stored(url)]


def test_a_backup_of_before_a_new_key_is_read_and_stored_anew_until_its_key_is_dropped(tmp_path: Path) -> None:
    file, kept = tmp_path / "data" / "ledger.sqlite", tmp_path / "kept.sqlite"
    url = sqlite_url(file)
    with opened(url, tmp_path) as ledger:
        leave("ada", ledger)
        before = told("ada", ledger)
        rekey(ledger=ledger, by="olga", now=NOON)
    shutil.copy(file, kept)
    with opened(url, tmp_path) as ledger:
        rekey(ledger=ledger, by="olga", now=NOON)
    shutil.copy(kept, file)
    with opened(url, tmp_path) as ledger:
        assert told("ada", ledger) == before
        assert rekey(ledger=ledger, by="olga", now=NOON) == 10
        assert told("ada", ledger) == before
        assert drop_keys(ledger=ledger, by="olga", now=NOON) == 1
        assert told("ada", ledger) == before
    shutil.copy(kept, file)
    with (
        pytest.raises(WrongKey, match=r"key number 1 of the fingerprint .* holds none of that number"),
        opened(url, tmp_path),
    ):
        pass


# --- where the keys are -----------------------------------------------------------------------------------------------


def test_a_new_ledger_has_its_key_in_a_file_of_its_owner_alone_and_not_in_itself(url: str, tmp_path: Path) -> None:
    with opened(url, tmp_path) as ledger:
        file = keys_in(tmp_path).file
        assert file.stat().st_mode & 0o777 == 0o600
        assert ledger.salt().hex() in file.read_text()
        assert ledger.salt().hex() not in stored(url)


def test_the_key_that_a_release_before_kept_in_the_ledger_goes_to_the_file_and_nobody_gets_another_name(
    url: str, tmp_path: Path
) -> None:
    salt = "5a" * 32
    engine = engine_at(url, "0011_releases")
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO settings (name, value) VALUES ('salt', :salt)"), {"salt": salt})
    engine.dispose()
    with opened(url, tmp_path) as ledger:
        assert ledger.salt().hex() == salt
        ledger.add_audit(an_entry())
    assert salt in keys_in(tmp_path).file.read_text()
    assert salt not in stored(url)
    assert url.startswith("postgresql") or salt.encode() not in files(tmp_path / "data")
    with opened(url, tmp_path) as ledger:
        assert ledger.salt().hex() == salt


def test_a_ledger_whose_key_is_missing_or_another_is_refused_and_left_alone(url: str, tmp_path: Path) -> None:
    place = keys_in(tmp_path)
    with opened(url, tmp_path) as ledger:
        leave("ada", ledger)
        before = told("ada", ledger)
    rows, kept = stored(url), place.file.rename(tmp_path / "kept")
    with (
        pytest.raises(WrongKey, match=r"no key of the pseudonyms in .*pseudonyms.key.*privacy.key_file"),
        opened(url, tmp_path),
    ):
        pass
    assert not place.file.exists()
    place.make(bytes(32))
    with pytest.raises(WrongKey, match="key number 0 of the fingerprint"), opened(url, tmp_path):
        pass
    kept.replace(place.file)
    assert stored(url) == rows
    with opened(url, tmp_path) as ledger:
        assert told("ada", ledger) == before


def test_a_file_that_others_may_read_or_that_holds_no_keys_is_refused(url: str, tmp_path: Path) -> None:
    with opened(url, tmp_path):
        file = keys_in(tmp_path).file
    file.chmod(0o644)
    with pytest.raises(WrongKey, match=r"mode 0644.*chmod 600"), opened(url, tmp_path):
        pass
    file.chmod(0o640)  # as the secrets of a service are often given
    with opened(url, tmp_path):
        pass
    file.write_text(file.read_text()[:-10])
    with pytest.raises(WrongKey, match="64 hexadecimal digits"), opened(url, tmp_path):
        pass


def test_keys_in_the_environment_need_no_file_and_a_new_one_is_given_there(url: str, tmp_path: Path) -> None:
    def place(*keys: str) -> KeyPlace:
        return KeyPlace(file=tmp_path / "none" / "pseudonyms.key", variable=" ".join(keys))

    base, new = "0b" * 32, "1c" * 32
    with opened(url, tmp_path, place(base)) as ledger:
        assert ledger.salt().hex() == base
        leave("ada", ledger)
        before = told("ada", ledger)
        with pytest.raises(WrongKey, match="RAG_FLYWHEEL_PSEUDONYM_KEYS, which only you can change"):
            rekey(ledger=ledger, by="olga", now=NOON)
        with opened(url, tmp_path, place(base, new)) as newer:
            assert rekey(ledger=newer, by="olga", now=NOON) == 10
            assert told("ada", newer) == before
        with pytest.raises(WrongKey, match=r"key number 1 .* holds those up to 0.*then restart"):
            told("ada", ledger)
    with opened(url, tmp_path, place(base, new)) as ledger:
        assert told("ada", ledger) == before
    with pytest.raises(WrongKey, match="key number 1"), opened(url, tmp_path, place(base, base)):
        pass
    assert not (tmp_path / "none").exists()


def test_a_variable_that_is_not_the_key_of_the_ledger_before_is_refused_and_the_key_stays(
    url: str, tmp_path: Path
) -> None:
    engine = engine_at(url, "0011_releases")
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO settings (name, value) VALUES ('salt', :salt)"), {"salt": "5a" * 32})
    engine.dispose()
    other = KeyPlace(file=tmp_path / "pseudonyms.key", variable="0b" * 32)
    with pytest.raises(WrongKey, match="start once without RAG_FLYWHEEL_PSEUDONYM_KEYS"), opened(url, tmp_path, other):
        pass
    with opened(url, tmp_path) as ledger:
        assert ledger.salt().hex() == "5a" * 32


def test_a_key_that_cannot_be_kept_is_refused_and_says_what_to_do(url: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    place = KeyPlace(file=tmp_path / "file" / "pseudonyms.key")
    with pytest.raises(WrongKey, match=r"cannot be (read|kept)"), opened(url, tmp_path, place):
        pass
