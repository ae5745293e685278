"""What is said in Slack, as Block Kit has it (https://docs.slack.dev/block-kit).

All text of documents and people is escaped, so that it can name nobody and call no channel.
"""

import json
import re
from collections.abc import Iterator

from rag_flywheel.config.keeping import PrivacyNotice
from rag_flywheel.domain import Interaction, Json
from rag_flywheel.domain.conversation import Confidence
from rag_flywheel.errors import Conflict, FlywheelError, NotFound
from rag_flywheel.web.markdown import without_markers
from rag_flywheel.web.plain_words import words_of
from rag_flywheel.web.turns import document_url

UP, DOWN, CORRECT, KEEP, FORGET = "thumb_up", "thumb_down", "correct", "keep", "keep_nothing"
"""What buttons are called."""
BETTER, TEXT = "better", "text"
"""The block and the field of the view for a correction."""
BLOCK = 3000  # characters of a block's text, at most
BLOCKS = 40  # of an answer; a message takes 50
SOURCES = 10
TITLE = 150  # characters of a source's title
HEAD = 300  # characters of what a notification shows
LINE = 500  # characters that are surely within a block, however they are escaped
WAIT = "Looking for an answer …"
USAGE = "Write a question after the command, such as `/ask How do I reset the router?`"
THANKS = "Thank you. It is recorded."
HANDED_IN = "Thank you. A reviewer reads it."
EMPTY = "Write the better answer."
CHOSEN = {
    True: "From now on your questions are kept, and answers get better by them.",
    False: "From now on nothing that you ask is kept.",
}
NOT_THEIRS = "Only who asked can rate or correct an answer, and only one that was kept."


def plain(text: str) -> dict[str, Json]:
    """A message for one person alone, beside what is there."""
    return {"response_type": "ephemeral", "replace_original": False, "text": _escaped(text)}


def answer(interaction: Interaction, *, base: str, correctable: bool) -> dict[str, Json]:
    """`base` is this server's URL; `correctable` whether a view for corrections can be opened."""
    text = interaction.answer
    if interaction.confidence is Confidence.LOW:
        text = f"**Not sure:** these passages are near, and may not answer your question.\n\n{text}"
    blocks: list[Json] = [_section(piece) for piece in _pieces(text)][:BLOCKS]
    if interaction.fallback:
        blocks.append(_context("The language model is away: these are sentences of the documents."))
    sources = _sources(interaction, base)
    if sources:
        blocks.append(_context(sources))
    if interaction.consent:
        blocks.append(_rating(interaction, correctable=correctable))
    else:
        blocks.append(_context("This answer is not kept, so it cannot be rated or corrected."))
    return {"text": _mrkdwn(text[:HEAD]), "blocks": blocks, "unfurl_links": False}


def standing(kept: bool | None, notice: PrivacyNotice) -> list[Json]:
    """What is kept of the person and by whom, and a button to change it; `None`: nothing is, whatever they say."""
    if kept is None:
        return [_context("Nothing that you ask is kept here.")]
    told = "Your questions are kept." if kept else "Your questions are not kept."
    button = _button("Keep nothing of me", FORGET) if kept else _button("Keep my questions, and learn from them", KEEP)
    return [_context(told), *_notice(notice), {"type": "actions", "elements": [button]}]


def _notice(notice: PrivacyNotice) -> list[Json]:
    """Who keeps texts and where that is explained, as far as the settings tell."""
    who = f"Who keeps it: {_escaped(notice.controller[:TITLE])}." if notice.controller else ""
    where = f"<{_escaped(notice.url).replace('|', '%7C')}|Privacy notice>" if notice.url else ""
    words = " ".join(filter(None, (who, where)))
    return [_context(words)] if words else []


def view(interaction: Interaction, *, url: str) -> dict[str, Json]:
    """Where a better answer is written. One that is longer than Slack takes is not begun with."""
    draft = without_markers(interaction.answer) if interaction.answered else ""
    field: dict[str, Json] = {"type": "plain_text_input", "action_id": TEXT, "multiline": True, "max_length": BLOCK}
    if 0 < len(draft) <= BLOCK:
        field["initial_value"] = draft
    return {
        "type": "modal",
        "callback_id": CORRECT,
        "private_metadata": json.dumps({"answer": interaction.interaction_id, "url": url}),
        "title": _plain("Correct this answer"),
        "submit": _plain("Hand it in"),
        "close": _plain("Not now"),
        "blocks": [
            *[_section(piece) for piece in _pieces(interaction.question)][:5],
            {"type": "input", "block_id": BETTER, "label": _plain("The better answer"), "element": field},
            _context("A reviewer reads it. Then it helps everybody who asks the same."),
        ],
    }


def failed(error: Exception) -> dict[str, Json]:
    """What went wrong, in plain words."""
    if isinstance(error, NotFound | Conflict) and error.http_status in (404, 409):
        return plain(NOT_THEIRS)
    title, words = words_of(error.http_status if isinstance(error, FlywheelError) else 500)
    return plain(f"{title}. {words}")


def _rating(interaction: Interaction, *, correctable: bool) -> Json:
    name = interaction.interaction_id
    buttons: list[Json] = [_button("Good answer", UP, name), _button("Bad answer", DOWN, name)]
    if correctable:
        buttons.append(_button("Correct this" if interaction.answered else "Tell us the answer", CORRECT, name))
    return {"type": "actions", "elements": buttons}


def _sources(interaction: Interaction, base: str) -> str:
    lines = []
    for citation in interaction.citations[:SOURCES]:
        title = _escaped((citation.title or citation.document_id)[:TITLE]).replace("|", "¦")
        lines.append(f"{citation.number}. <{base}{document_url(interaction, citation)}|{title}>")
    while len("\n".join(lines)) > BLOCK:
        lines.pop()
    return "\n".join(lines)


def _pieces(text: str) -> Iterator[str]:
    """The text in parts that blocks take, at its lines where it can be."""
    lines = [line[at : at + LINE] for line in text.splitlines(keepends=True) for at in range(0, len(line), LINE)]
    now = ""
    for line in lines:
        if len(_mrkdwn(now + line)) > BLOCK:
            yield now
            now = ""
        now += line
    if now.strip():
        yield now


def _mrkdwn(text: str) -> str:
    """Slack's own Markdown: bold has one star."""
    return re.sub(r"\*\*(\S(?:.{0,500}?\S)?)\*\*", r"*\1*", _escaped(text))


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _section(text: str) -> Json:
    return {"type": "section", "text": {"type": "mrkdwn", "text": _mrkdwn(text)}}


def _context(text: str) -> Json:
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": text}]}


def _plain(text: str) -> dict[str, Json]:
    return {"type": "plain_text", "text": text}


def _button(text: str, action: str, value: str = "") -> Json:
    return {"type": "button", "text": _plain(text), "action_id": action, **({"value": value} if value else {})}


def asked_in(text: str) -> str:
    """A question as somebody typed it: without who was named in it, and without Slack's escapes."""
    plain_text = re.sub(r"<[@#!][^<>]{0,200}>", " ", text)
    plain_text = re.sub(r"<(?:[^<>|]{1,2000}\|)?([^<>|]{1,2000})>", r"\1", plain_text)
    return plain_text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").strip()
