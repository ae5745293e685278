"""Code is cut where a reader would cut it, and has above it the sentence that it shows."""

from ingest.chunking import chunk
from ingest.code_units import inside_quotes, units
from rag_flywheel.config import Ingest
from rag_flywheel.domain import Document, DocumentId
from tests.fakes.encoder import HashingEncoder


def pieces(text: str, tokens: int = 64) -> list[str]:
    document = Document(document_id=DocumentId("a"), title="Pump", text=text, source="a.md")
    settings = Ingest(chunk_tokens=tokens, chunk_overlap_tokens=10)
    return [found.text for found in chunk(document, settings, HashingEncoder())]


def test_code_is_cut_above_a_function_and_not_at_an_empty_line_inside_it() -> None:
    functions = [
        f"def stop_{n}(pump):\n    pump.slow()\n\n    pump.close()\n\n    return pump.state\n" for n in range(4)
    ]
    found = pieces("```python\n" + "\n\n".join(functions) + "```\n")
    assert len(found) > 1
    for number in range(4):
        [whole] = [piece for piece in found if f"def stop_{number}" in piece]
        assert functions[number].strip() in whole


def test_a_quoted_text_with_empty_lines_stays_whole_where_a_cut_above_it_is_enough() -> None:
    quoted = 'RULES = """\nopen the valve first\n\nclose the valve last\n\nnever run it dry\n"""'
    before = "\n\n".join(f"part_{n} = Part(number={n}, name='pump')" for n in range(3))
    found = pieces(f"```python\n{before}\n\n{quoted}\n```\n")
    assert len(found) > 1
    assert any(quoted in piece for piece in found)


def test_only_what_lies_between_two_marks_is_quoted() -> None:
    code = "a\n'''b\"\"\"\n\nc'''\n\nd\n\n\"\"\"e\n\nf"
    places = [code.index(letter) for letter in "abcdef"]
    assert inside_quotes(code, places) == [False, True, True, False, False, False]


def test_a_group_is_what_is_indented_least_with_what_is_below_it() -> None:
    assert units([0, 4, 8, 0, 4]) == [(0, 3), (3, 5)]
    assert units([8, 4, 4]) == [(0, 1), (1, 2), (2, 3)]


def test_code_has_above_it_the_sentence_before_it_in_every_piece() -> None:
    calls = "\n\n".join(f"pump.open(valve={n})" for n in range(12))
    found = pieces(f"Pumps have many parts. All valves are opened in a row.\n\n```python\n{calls}\n```\n")
    assert len(found) > 1
    assert all("All valves are opened in a row." in piece for piece in found)


def test_the_name_of_an_item_goes_to_the_next_piece_with_what_is_below_it() -> None:
    text = f"- **open**\n\n  {'It lets the water in. ' * 9}\n\n- **close**\n\n  {'It keeps the water out. ' * 9}\n"
    for piece in pieces(text):
        assert not piece.rstrip().endswith("**close**")
