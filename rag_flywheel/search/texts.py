"""What is embedded of a chunk."""

from collections.abc import Sequence

from rag_flywheel.domain import Chunk

PATH_AT_MOST = 200
"""Characters of the title and the headings above a chunk's text: more would take the place of the text itself."""


def searched_text(chunk: Chunk, *, titles: bool) -> str:
    """What is embedded of a chunk: its text, under its title and headings where `titles` is true."""
    if not titles:
        return chunk.text
    return "\n".join([path(chunk.title, chunk.headings), chunk.text]).strip()


def path(title: str, headings: Sequence[str]) -> str:
    """Title and headings in one line. Where they are too long the outer headings go first, then the ends."""
    parts = [part for part in (title, *(heading for heading in headings if heading != title)) if part]
    while len(parts) > 2 and len(" > ".join(parts)) > PATH_AT_MOST:
        del parts[1]
    joined = " > ".join(parts)
    return joined if len(joined) <= PATH_AT_MOST else " > ".join(part[: PATH_AT_MOST // 2 - 3] for part in parts)
