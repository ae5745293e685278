"""Keys of pseudonyms, for tests that open a ledger."""

from pathlib import Path

from rag_flywheel.adapters.ledger.pseudonym_keys import KeyPlace


def keys_in(folder: Path) -> KeyPlace:
    """Those of a file in the folder."""
    return KeyPlace(file=folder / "pseudonyms.key")
