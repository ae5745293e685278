"""Which words a dictionary of a text's own language knows."""

from collections.abc import Callable

LOOKED_AT = 5000  # characters that tell the language


def dictionary(text: str) -> Callable[[str], bool] | None:
    """Whether a word is known in the language of the text; nothing where there is no dictionary of it."""
    import py3langid
    import simplemma

    language, _ = py3langid.classify(text[:LOOKED_AT])
    try:
        simplemma.is_known("a", lang=language)
    except ValueError:
        return None
    return lambda word: simplemma.is_known(word, lang=language) or simplemma.is_known(word.casefold(), lang=language)
