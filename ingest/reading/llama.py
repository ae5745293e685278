"""LlamaIndex's readers, imported when the first file needs one."""

import importlib
import logging
from types import ModuleType


def llama_readers() -> ModuleType:
    """LlamaIndex's readers. Importing them sets the root logger up, which is put back: that is the program's to do.

    The one for slides logs what it fails on, which may be text, so it is silenced; its errors are reported anyway.
    """
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    readers = importlib.import_module("llama_index.readers.file")
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("llama_index.readers.file.slides").setLevel(logging.CRITICAL)
    return readers
