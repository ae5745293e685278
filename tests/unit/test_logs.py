"""Logs: events with what belongs to them, as lines or as JSON, and no text of anybody."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from rag_flywheel.config import Logs
from rag_flywheel.config.logs import REQUEST_ID, JsonLines, Lines, configure
from tests.fakes.doors import door
from tests.fakes.services import HANDBOOK, publish, services

SECRET = "xylophonequux"
HEADER = "X-Request-Id"


class Kept(logging.Handler):
    """Each record as the formatter writes it, at the time."""

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


def listening(formatter: logging.Formatter) -> Iterator[Kept]:
    logger, kept = logging.getLogger("rag_flywheel"), Kept(formatter)
    before = logger.level
    logger.addHandler(kept)
    logger.setLevel(logging.INFO)
    try:
        yield kept
    finally:
        logger.setLevel(before)
        logger.removeHandler(kept)


@pytest.fixture
def as_json() -> Iterator[Kept]:
    yield from listening(JsonLines())


@pytest.fixture
def as_text() -> Iterator[Kept]:
    yield from listening(Lines())


def test_a_question_is_two_events_of_one_request(tmp_path: Path, as_json: Kept) -> None:
    """The answer and the request, with ids, counts and durations; who asked is not told."""
    made = services(tmp_path)
    publish(made, "v1")
    reply = door(made).post("/chat", json={"question": "How do I put the previous version back?", "user_id": "zoltan"})
    answer, request = map(json.loads, as_json.lines)
    assert {answer["event"], request["event"]} == {"answer", "request"}
    assert answer["request_id"] == request["request_id"] == reply.headers[HEADER]
    assert answer["interaction_id"] == reply.json()["interaction_id"]
    assert (answer["outcome"], answer["version"], answer["found"]) == ("answered", "v1", 3)
    assert (request["route"], request["status"], request["level"]) == ("POST /chat", 200, "info")
    assert request["seconds"] >= 0
    assert "zoltan" not in "".join(as_json.lines)


@pytest.mark.parametrize("form", ["as_json", "as_text"])
def test_no_text_of_anybody_is_logged(tmp_path: Path, form: str, request: pytest.FixtureRequest) -> None:
    """A word that is in question, document, answer, comment, correction, and in paths, is in no line."""
    kept: Kept = request.getfixturevalue(form)
    made = services(tmp_path)
    publish(made, "v1", {**HANDBOOK, "planted": f"The {SECRET} is put back by turning the {SECRET} key twice."})
    http = door(made)
    reply = http.post("/chat", json={"question": f"How do I put the {SECRET} back?", "user_id": SECRET}).json()
    assert SECRET in reply["answer"]
    http.post("/feedback", json={"interaction_id": reply["interaction_id"], "kind": "comment", "value": SECRET})
    http.post("/corrections", json={"interaction_id": reply["interaction_id"], "answer": f"Turn the {SECRET}."})
    http.get(f"/{SECRET}", params={SECRET: SECRET}, headers={HEADER: f"{SECRET} x"})
    http.get(f"/corrections/{SECRET}")
    said = "\n".join(kept.lines)
    assert all(event in said for event in ("answer", "feedback", "correction", "request"))
    assert SECRET not in said


def test_of_an_error_json_tells_where_and_not_what(as_json: Kept) -> None:
    logger = logging.getLogger("rag_flywheel.test")
    try:
        raise ValueError(f"could not read {SECRET}")
    except ValueError:
        logger.exception("something broke")
    [line] = map(json.loads, as_json.lines)
    assert (line["event"], line["error"], line["level"]) == ("something broke", "ValueError", "error")
    assert "test_of_an_error_json" in line["where"][-1]
    assert SECRET not in as_json.lines[0]


def test_of_an_error_lines_for_people_tell_where_and_not_what(as_text: Kept) -> None:
    logger = logging.getLogger("rag_flywheel.test")
    try:
        try:
            raise KeyError(SECRET)
        except KeyError as error:
            raise ValueError(f"could not read {SECRET}") from error
    except ValueError:
        logger.exception("something broke")
    first, *frames = as_text.lines[0].splitlines()
    assert first.endswith("something broke error=ValueError")
    assert frames[-1].endswith("test_of_an_error_lines_for_people_tell_where_and_not_what")
    assert SECRET not in as_text.lines[0]


def test_lines_for_people_have_the_same_events(as_text: Kept) -> None:
    token = REQUEST_ID.set("r1")
    logging.getLogger("rag_flywheel.test").info("answer", extra={"shown": 3})
    REQUEST_ID.reset(token)
    assert as_text.lines[0].endswith("INFO rag_flywheel.test answer shown=3 request_id=r1")


def test_the_settings_say_where_logs_go_and_in_which_form(capsys: pytest.CaptureFixture[str]) -> None:
    """Without settings nothing is changed; what libraries say at level info stays out."""
    root, ours = logging.getLogger(), logging.getLogger("rag_flywheel")
    before, level = root.handlers, ours.level
    try:
        assert not configure(Logs())
        assert root.handlers is before
        assert configure(Logs(), always=True)
        assert isinstance(root.handlers[0].formatter, Lines)
        assert configure(Logs(format="json", level="info"))
        ours.info("cycle", extra={"outcome": "promoted"})
        logging.getLogger("httpx").info("a library's own words")
    finally:
        root.handlers = before
        ours.setLevel(level)
    [line] = capsys.readouterr().err.splitlines()
    assert (json.loads(line)["event"], json.loads(line)["outcome"]) == ("cycle", "promoted")
