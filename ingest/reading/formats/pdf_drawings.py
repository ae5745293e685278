"""Labels of drawings in a PDF: a few words each, all over the place, which make no lines of text and no table."""

from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

from ingest.reading.formats.layout import Line, Piece, Row, Word, in_rows
from ingest.reading.formats.layout_code import code
from ingest.reading.formats.pdf_shapes import Box, Drawing, Shapes

FEWEST_SHAPES = 3
FEWEST_BENT = 2  # of shapes that the page itself draws
FEWEST_LABELS = 2
FEWEST_ROWS = 3  # of a table, or of code
SENTENCE = 6  # words, of what is no label
PROSE = 0.3  # share of a drawing's letters in sentences, at most
SMALLEST = 30.0  # points that a drawing is high and wide
WHOLE = 0.8  # of a page's letters, in a drawing that is the page itself
SAME = 2.0  # points between the left edges of a table's cells
CLOSE = 3.0  # points by which a label may reach out of its drawing


def without_labels(
    words: Sequence[Word], turned: Sequence[Word], shapes: Shapes
) -> tuple[list[Word], list[Word], list[Line], int]:
    """The words of the page's text, its turned words, for each drawing a line with its labels, each once, and how many
    points were left out of these."""
    found: list[Line] = []
    points = 0
    kept, kept_turned = list(words), list(turned)
    letters = _letters(words)
    for number, drawing in enumerate(shapes.embedded):
        inside = [word for word in kept if word.drawing == number]
        if drawing.shapes < FEWEST_SHAPES or _letters(inside) > WHOLE * letters:
            continue
        rows = list(in_rows(inside, ()))
        if not _are_labels(rows, drawing):
            continue
        beside = [word for word in kept_turned if word.drawing == number]
        labels = [*_labels(rows), *(line.text for line in turned_lines(beside))]
        points += sum(len(label) for label in labels if not _says(label))
        found.append(_line(labels, [*(row.top for row in rows), *(word.top for word in beside)]))
        kept = [word for word in kept if word.drawing != number]
        kept_turned = [word for word in kept_turned if word.drawing != number]
    for drawing in shapes.near:
        box = drawing.box
        if box is None or drawing.bent < FEWEST_BENT or min(box[2] - box[0], box[3] - box[1]) < SMALLEST:
            continue
        rows = [row for row in (_within(row, box) for row in in_rows(kept, ())) if row.pieces]
        if not _are_labels(rows, drawing):
            continue
        gone = {id(word) for row in rows for word in row.words}
        beside = [word for word in kept_turned if _is_in(word.left, word.right, word.bottom, word.top, box)]
        gone |= set(map(id, beside))
        labels = [*_labels(rows), *(line.text for line in turned_lines(beside))]
        points += sum(len(label) for label in labels if not _says(label))
        found.append(_line(labels, [*(row.top for row in rows), *(word.top for word in beside)]))
        kept = [word for word in kept if id(word) not in gone]
        kept_turned = [word for word in kept_turned if id(word) not in gone]
    return kept, kept_turned, [line for line in found if line.text], points


def _letters(words: Sequence[Word]) -> int:
    return sum(len(word.text) for word in words)


def _within(row: Row, box: Box) -> Row:
    """Those pieces of the row that stand in the box as a whole."""
    pieces = [piece for piece in row.pieces if _is_in(piece.left, piece.right, row.bottom, row.top, box)]
    return Row(pieces, row.bottom, row.top)


def _is_in(left: float, right: float, bottom: float, top: float, box: Box) -> bool:
    return box[0] - CLOSE <= left and right <= box[2] + CLOSE and box[1] <= (bottom + top) / 2 <= box[3]


def _are_labels(rows: Sequence[Row], drawing: Drawing) -> bool:
    pieces = [piece for row in rows for piece in row.pieces]
    if len(pieces) < FEWEST_LABELS:
        return False
    said = sum(_letters(piece.words) for piece in pieces if len(piece.words) >= SENTENCE)
    if said > PROSE * sum(_letters(piece.words) for piece in pieces):
        return False
    if any(end - start >= FEWEST_ROWS for start, (end, _) in code(rows).items()):
        return False
    return not _is_table(rows, at_all=not drawing.bent)


def _is_table(rows: Sequence[Row], *, at_all: bool) -> bool:
    """Whether most rows have cells below those of the one before, or `at_all` several cells."""
    several = [row for row in rows if len(row.pieces) > 1]
    if at_all:
        return 2 * len(several) > len(rows)
    below = sum(_stands_below(before, row) for before, row in pairwise(rows))
    return len(several) >= FEWEST_ROWS and 2 * below > len(rows)


def _stands_below(above: Row, row: Row) -> bool:
    edges = [(piece.left, piece.right) for piece in above.pieces]
    aligned = [
        piece
        for piece in row.pieces
        if any(min(abs(piece.left - left), abs(piece.right - right)) < SAME for left, right in edges)
    ]
    return len(aligned) > 1 and len(aligned) == min(len(row.pieces), len(above.pieces))


def _line(labels: Sequence[str], tops: Sequence[float]) -> Line:
    """The labels that say something, words before numbers."""
    said = dict.fromkeys(filter(_says, labels))
    ordered = sorted(said, key=lambda label: not any(map(str.isalpha, label)))
    return Line(text=f"Figure: {', '.join(ordered)}" if said else "", size=0.0, gap=True, top=max(tops))


def _says(label: str) -> bool:
    return any(map(str.isalnum, label))


def _labels(rows: Sequence[Row]) -> list[str]:
    """The pieces' texts; what stands close below another one's middle goes on with it."""
    labels: list[tuple[str, Piece, Row]] = []
    for row in rows:
        for piece in row.pieces:
            above = next((at for at, label in enumerate(labels) if _goes_on(label[1], label[2], piece, row)), None)
            if above is None:
                labels.append((piece.text, piece, row))
            else:
                labels[above] = (f"{labels[above][0]} {piece.text}", piece, row)
    return [text for text, _, _ in labels]


def _goes_on(above: Piece, above_row: Row, piece: Piece, row: Row) -> bool:
    height = row.top - row.bottom
    middles = (above.left + above.right) / 2, (piece.left + piece.right) / 2
    close = abs(middles[0] - middles[1]) < height and -height < above_row.bottom - row.top < 0.3 * height
    return close and above_row is not row and any(map(str.isalpha, above.text)) and any(map(str.isalpha, piece.text))


def turned_lines(words: Sequence[Word]) -> Iterator[Line]:
    """The turned lines, each at the height of its middle."""
    for _, run in groupby(words, lambda word: (round(word.left), round(word.right))):
        line = list(run)
        middle = (max(word.top for word in line) + min(word.bottom for word in line)) / 2
        yield Line(text=" ".join(word.text for word in line), size=0.0, gap=True, top=middle)
