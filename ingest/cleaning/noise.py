"""Texts that say nothing: too short, broken, or signs alone."""

import unicodedata

from ingest.cleaning.normalising import words


def noise(text: str, minimum_words: int) -> str:
    """Why the text is noise, or nothing."""
    count = len(words(text))
    if count < minimum_words:
        return f"has {count} words, fewer than ingest.minimum_words ({minimum_words})"
    shown = [character for character in text if not character.isspace()]
    broken = sum(character == "\ufffd" or unicodedata.category(character) in ("Co", "Cn") for character in shown)
    if broken > 0.1 * len(shown):
        return "holds mostly broken characters; its encoding or its fonts could not be read"
    letters = sum(character.isalnum() or unicodedata.category(character)[0] == "M" for character in shown)
    if letters < 0.4 * len(shown):
        return "holds mostly signs, not words"
    return ""
