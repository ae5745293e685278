"""The files of a BEIR folder (Thakur et al., 2021, arXiv:2104.08663): queries.jsonl and qrels/test.tsv."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

from rag_flywheel.domain import DocumentId
from rag_flywheel.errors import InvalidInput


def read_queries(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """(id, fields) of each line of a BEIR folder's queries.jsonl. Raises InvalidInput with file and line."""
    seen = set()
    for number, line in read_lines(file):
        where = f"{file}:{number}"
        query = parsed(line, where)
        if not isinstance(query, dict):
            raise InvalidInput(f"{where}: expected an object with _id and text, found a {type(query).__name__}")
        query_id = query.get("_id")
        if not isinstance(query_id, str | int) or isinstance(query_id, bool) or query_id == "":
            raise InvalidInput(f"{where}: _id should be a text that is not empty, found a {type(query_id).__name__}")
        if not isinstance(query.get("text"), str) or not query["text"].strip():
            raise InvalidInput(f"{where}: text should be a question, found none")
        for name, kind in (("answer", str), ("cluster", str), ("answerable", bool)):
            if query.get(name) is not None and not isinstance(query[name], kind):
                found = type(query[name]).__name__
                raise InvalidInput(f"{where}: {name} should be {kind.__name__}, found {found}")
        if str(query_id) in seen:
            raise InvalidInput(f"{where}: _id {query_id} came before; ids are used once")
        seen.add(str(query_id))
        yield str(query_id), {name: value for name, value in query.items() if value is not None}


def read_qrels(file: Path, known: AbstractSet[str]) -> Mapping[str, set[DocumentId]]:
    """The documents judged to answer each query, by a score above 0. Raises InvalidInput with file and line.

    A judged query has to be among the `known` ones.
    """
    judged: dict[str, set[DocumentId]] = defaultdict(set)
    for number, line in read_lines(file):
        columns = line.split("\t")
        if number == 1 and columns[0] == "query-id":
            continue
        try:
            query_id, document_id, score = columns[0], columns[1], int(columns[2])
        except (IndexError, ValueError):
            raise InvalidInput(f"{file}:{number}: expected query-id, corpus-id and a whole score, by tabs") from None
        if query_id not in known:
            raise InvalidInput(f"{file}:{number}: there is no query {query_id} in queries.jsonl")
        if score > 0:
            judged[query_id].add(DocumentId(document_id))
    return judged


def read_lines(file: Path) -> Iterator[tuple[int, str]]:
    """(number, text) of each line that is not blank, numbered from 1. Raises InvalidInput."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InvalidInput(
            f"{file} does not exist: judged questions are a folder with queries.jsonl and qrels/test.tsv"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{file} cannot be read as UTF-8 text: {type(error).__name__}") from error
    # Not splitlines: a JSON text may hold U+2028 and its like as they are.
    yield from ((number, line.rstrip("\r")) for number, line in enumerate(text.split("\n"), start=1) if line.strip())


def parsed(line: str, where: str) -> Any:
    """A line as JSON. Raises InvalidInput, also for what is too deep, and for a number with more digits than are read
    (ValueError).
    """
    try:
        return json.loads(line)
    except json.JSONDecodeError as error:
        raise InvalidInput(f"{where}: not JSON: {error.msg} at character {error.pos}") from None
    except (ValueError, RecursionError):
        raise InvalidInput(f"{where}: not JSON that can be read: it is too deep, or a number is too long") from None
