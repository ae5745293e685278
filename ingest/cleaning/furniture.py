"""What a file's pages repeat: running heads and page numbers."""

import re
from collections import Counter

from ingest.reading.raw import PAGE_BREAK


def without_furniture(text: str) -> str:
    """The pages of a PDF without the first or last lines that most of them share, whatever the numbers in them."""
    pages = [page.strip("\n").split("\n") for page in text.split(PAGE_BREAK)]
    for edge in (0, -1, 0, -1):  # twice: a header often has two lines
        shapes = Counter(_shape(page[edge]) for page in pages if page)
        common = {shape for shape, count in shapes.items() if count >= 3 and count > 0.6 * len(pages)}
        for page in pages:
            if page and _shape(page[edge]) in common:
                del page[edge]
    return f"\n{PAGE_BREAK}\n".join("\n".join(page) for page in pages)


def _shape(line: str) -> str:
    return re.sub(r"\d+", "0", " ".join(line.split()))
