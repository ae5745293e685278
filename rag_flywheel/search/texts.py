"""What is embedded of a chunk."""

from rag_flywheel.domain import Chunk


def searched_text(chunk: Chunk, *, titles: bool) -> str:
    """What is embedded of a chunk: its text, under its title and headings where `titles` is true."""
    if not titles:
        return chunk.text
    path = [chunk.title, *(heading for heading in chunk.headings if heading != chunk.title)]
    return "\n".join([" > ".join(part for part in path if part), chunk.text]).strip()
