"""Receipts: signed, chained, and checked with the public key alone."""

from pathlib import Path

import pytest

from rag_flywheel.errors import ConfigError, Damaged, InvalidInput
from rag_flywheel.privacy import receipts


def made(folder: Path, name: str, *, done: str, secret: str = "") -> Path:
    return receipts.write({"id": name, "done": done, "surfaces": []}, folder, secret=secret)


def test_a_receipt_names_the_one_before_and_holds_only_as_it_was_signed(tmp_path: Path) -> None:
    first = receipts.read(made(tmp_path, "a", done="2026-05-01"))
    file = made(tmp_path, "b", done="2026-05-02")
    second = receipts.read(file)
    public = (tmp_path / receipts.PUBLIC_FILE).read_text()
    for receipt in (first, second):
        receipts.verify(receipt, public)
    link = second["before"]
    assert first["before"] is None
    assert isinstance(link, dict)
    assert link["id"] == "a"
    with pytest.raises(Damaged):
        receipts.verify({**second, "before": None}, public)
    with pytest.raises(Damaged):
        receipts.verify(second, "00" * 32)
    assert receipts.read(made(tmp_path, "b", done="2026-05-02")) == second, "written again, it is the same"


def test_the_key_comes_from_the_environment_where_it_is_set(tmp_path: Path) -> None:
    receipt = receipts.read(made(tmp_path, "a", done="2026-05-01", secret="11" * 32))
    receipts.verify(receipt, (tmp_path / receipts.PUBLIC_FILE).read_text())
    assert not (tmp_path / receipts.KEY_FILE).exists()
    with pytest.raises(ConfigError):
        made(tmp_path, "b", done="2026-05-02", secret="short")


def test_a_secret_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "a.key"
    secret = receipts.made_once(file, 32)
    assert (receipts.made_once(file, 32), len(secret), file.stat().st_mode & 0o777) == (secret, 32, 0o600)
    file.write_text("not a key")
    with pytest.raises(Damaged):
        receipts.made_once(file, 32)


@pytest.mark.parametrize("text", ["", "[]", "{}", "no json", '{"signature": 3}', "[" * 100_000])
def test_what_is_no_receipt_is_told_so(tmp_path: Path, text: str) -> None:
    file = tmp_path / "x.json"
    file.write_text(text)
    with pytest.raises(InvalidInput):
        receipts.read(file)
    with pytest.raises(InvalidInput):
        receipts.verify({"signature": "00"}, "no key")
