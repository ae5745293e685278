"""What of a passage can be quoted alone: sentences, and lists, tables and code with the sentence that leads to them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from rag_flywheel.answering.markup import Block, Kind, Markup, set_of
from rag_flywheel.domain import Chunk, Passage, Scores
from rag_flywheel.domain.sentences import Span, quotable

LONGEST = 3_000
"""Characters of a list, a table or code that is quoted whole; of a longer one only what fits the question is."""

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_NUMBERED = re.compile(r"[ \t]*\d{1,9}[.)][ \t]")
_GAP = 3  # characters between chunks that follow each other, which are white space
_LEADS = (":", "：", "?", "？")
_LABEL = re.compile(r"\*\*[^*\n]*[^*\n.!?]\*\*\Z")  # a paragraph in bold that is no sentence: a term, a caption
_TAIL = 200  # characters of a text's end that tell whether it leads to what follows
_POINTS_BACK = set_of("this these those it its they them their he him his she her such example instance")
"""English words that say what only the sentence before tells, where they stand among the first of a sentence."""
_GOES_ON = set_of(
    "also however then therefore thus hence otherwise instead additionally furthermore moreover besides consequently "
    "nevertheless nonetheless similarly likewise so but and or yet afterwards alternatively that both neither"
)
"""And those that join it to the one before, where they are the first."""
_LINK = re.compile(r"\[[^\[\]]*\]\([^()\s]*\)|https?://[^\s>)]+")
_OWN = 4  # words beside its links that make a text more than a reference
_MOST = 200  # of a text that are told apart
_FIRST = 4  # words of a sentence that are looked at


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotable:
    """A stretch that makes sense together. `start` and `end` count in the text that it is from."""

    start: int
    end: int
    block: int  # where it begins: sentences of one paragraph have the same
    last: Kind  # what it ends with
    body: int  # where the list, the table or the code of it begins; its end where it has none
    parts: tuple[Span, ...] = ()  # items or rows of the body
    needs: bool = False  # the one before it, to be understood
    opens: bool = False  # what is said below a heading
    broken: bool = False  # what it needs is not in the text: what comes before it, or what it announces
    refers: bool = False  # it only says where to read on


def quotables(markup: Markup, language: str = "") -> list[Quotable]:
    """All of a text in that language, in order. Headings are none, and nothing goes on over one.

    A line with a colon, a question or a label in bold goes with what follows, the steps of a list that code divides
    are one list, and code goes with the sentence before it, or, below a heading, with the one after it.
    """
    found: list[Quotable] = []
    below = False  # a heading
    for place, block in enumerate(markup.blocks):
        if block.kind is Kind.HEADING:
            below = True
            continue
        for start, end in islice(_pieces(markup, block, language), _MOST - len(found)):
            piece = Quotable(
                start=start,
                end=end,
                block=place,
                last=block.kind,
                body=end if block.kind is Kind.PROSE else start,
                parts=block.parts,
            )
            shown = markup.shown(start, end)
            if not _WORD.search(shown):
                continue
            before = found[-1] if found and not below else None
            if before is not None and _belongs(markup, before, piece):
                found[-1] = _joined(before, piece)
            else:
                behind = block.kind is Kind.PROSE and _points_back(shown)
                cut = not found and not below and (behind or (block.kind is Kind.PROSE and shown[0].islower()))
                found.append(replace(piece, needs=behind and before is not None, opens=below, broken=cut))
            below = False
    return [
        replace(quote, broken=quote.broken or _leads(markup, quote), refers=_refers(markup, quote)) for quote in found
    ]


def _pieces(markup: Markup, block: Block, language: str) -> Iterator[Span]:
    if block.kind is Kind.PROSE and not _is_label(markup, block.start, block.end):
        yield from quotable(markup.text, block.start, block.end, language)
    else:
        yield block.start, block.end


def _belongs(markup: Markup, before: Quotable, piece: Quotable) -> bool:
    bare_code = before.last is Kind.CODE and before.body == before.start
    steps_go_on = (
        piece.last is Kind.LIST
        and bool(before.parts)
        and _NUMBERED.match(markup.text, before.body) is not None
        and re.match(r"[ \t]*(?!1[.)])\d", markup.text[piece.start : piece.start + 20]) is not None
    )
    labels = _ends_with_label(markup, before) and _is_label(markup, piece.start, piece.end)  # a table of contents
    return piece.last is Kind.CODE or bare_code or steps_go_on or (_leads(markup, before) and not labels)


def _leads(markup: Markup, quote: Quotable) -> bool:
    """Whether it announces what follows: by its last mark, or as a term or caption that is a paragraph by itself."""
    end = markup.shown(max(quote.start, quote.end - _TAIL), quote.end) if quote.last is not Kind.CODE else ""
    return end.rstrip('*_` )"”').endswith(_LEADS) or _ends_with_label(markup, quote)


def _ends_with_label(markup: Markup, quote: Quotable) -> bool:
    start = max(quote.start, quote.end - _TAIL)
    paragraph = markup.text.rfind("\n\n", start, quote.end)
    return quote.last is Kind.PROSE and _is_label(markup, start if paragraph < 0 else paragraph + 2, quote.end)


def _is_label(markup: Markup, start: int, end: int) -> bool:
    """Whether a paragraph is a term or a caption."""
    return _LABEL.match(markup.text, start, end) is not None


def _refers(markup: Markup, quote: Quotable) -> bool:
    """Whether it is little more than links: a sentence, or most items of a list."""
    texts = [markup.shown(*span) for span in quote.parts or ((quote.start, quote.end),)]
    links = [text for text in texts if _LINK.search(text) and len(_WORD.findall(_LINK.sub(" ", text))) < _OWN]
    return 2 * len(links) >= len(texts)


def _joined(before: Quotable, piece: Quotable) -> Quotable:
    has_body = before.body < before.end
    return replace(
        before,
        end=piece.end,
        last=piece.last,
        body=before.body if has_body else piece.body,
        parts=(*before.parts, *piece.parts),
    )


def _points_back(shown: str) -> bool:
    first = [found[0].casefold() for found, _ in zip(_WORD.finditer(shown), range(_FIRST), strict=False)]
    return bool(first) and (first[0] in _GOES_ON or not _POINTS_BACK.isdisjoint(first))


# --- passages that follow each other --------------------------------------------------------------------------------


def connected(passages: Sequence[Passage]) -> list[Passage]:
    """The passages, those of one section that follow each other in their document made one, so that a list that was
    cut for the index is whole again. It has the best rank and scores of them.
    """
    ordered = sorted(passages, key=lambda passage: (passage.chunk.document_id, passage.chunk.start))
    found = ordered[:1]
    for passage in ordered[1:]:
        before = found[-1]
        chunk = _continued(before.chunk, passage.chunk)
        if chunk is None:
            found.append(passage)
        else:
            best = min(before, passage, key=lambda either: either.rank)
            dense = [score for either in (before, passage) if (score := either.scores.dense) is not None]
            scores = Scores(dense=max(dense, default=None), sparse=best.scores.sparse)
            found[-1] = replace(best, chunk=chunk, scores=scores, also=(*before.also, *passage.also))
    return sorted(found, key=lambda passage: passage.rank)


def _continued(before: Chunk, after: Chunk) -> Chunk | None:
    """The two as one, where only white space is between them; None where they are no neighbours in one section."""
    whole = all(len(chunk.own) == chunk.end - chunk.start and not chunk.is_correction for chunk in (before, after))
    gap = after.start - before.end
    if (
        not whole
        or (before.document_id, before.headings) != (after.document_id, after.headings)
        or not before.start < after.start <= after.end
        or after.end <= before.end
        or gap > _GAP
    ):
        return None
    text = before.text[: len(before.text) - before.tail] + "\n" * gap + after.text[after.lead :][max(0, -gap) :]
    return replace(before, text=text, end=after.end, tail=after.tail)
