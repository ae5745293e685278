"""Vendors imported without what they can do without."""

import importlib
import subprocess
import sys
import threading

import pytest

from rag_flywheel.adapters.privacy.importing import importing_without


def test_a_named_package_is_not_found_in_the_block_and_is_found_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "wave", raising=False)
    with importing_without("wave"), pytest.raises(ModuleNotFoundError, match="wave"):
        importlib.import_module("wave")
    assert importlib.import_module("wave").__name__ == "wave"


def test_another_thread_finds_what_this_block_does_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "wave", raising=False)
    found = []
    with importing_without("wave"):
        other = threading.Thread(target=lambda: found.append(importlib.import_module("wave").__name__))
        other.start()
        other.join()
    assert found == ["wave"]


def test_the_block_ends_also_with_an_error() -> None:
    before = list(sys.meta_path)
    with pytest.raises(ValueError, match="vendor"), importing_without("wave"):
        raise ValueError("vendor")
    assert sys.meta_path == before


def test_masking_loads_no_model_library_and_leaves_them_to_be_imported() -> None:
    program = (
        "import sys\n"
        "from rag_flywheel.adapters.privacy.redactor import PresidioRedactor\n"
        "redactor = PresidioRedactor(('EMAIL_ADDRESS',), minimum_score=0.5, spacy_model='')\n"
        "print(redactor.redact('to ann@acme.co.uk').text, {'torch', 'transformers'} & set(sys.modules))\n"
        "import sentence_transformers\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "to <EMAIL_ADDRESS> set()"
