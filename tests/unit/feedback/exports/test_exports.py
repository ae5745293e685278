"""Exports of other tools, in the shapes that their pages, APIs and clients give."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from rag_flywheel.errors import InvalidInput
from rag_flywheel.feedback.exports import langfuse, phoenix, rows
from rag_flywheel.feedback.exports.said import mark, moment, text_of
from rag_flywheel.feedback.exports.traces import Traces

TRACE = {
    "id": "t1",
    "timestamp": "2026-09-01T10:00:00.000Z",
    "name": "chat",
    "userId": "ada",
    "sessionId": "s1",
    "tags": [],
    "input": {"messages": [{"role": "system", "content": "Help."}, {"role": "user", "content": "How do I reset it?"}]},
    "output": {"role": "assistant", "content": "Hold the button."},
    "metadata": {},
}
SCORE = {
    "id": "s-1",
    "traceId": "t1",
    "sessionId": None,
    "timestamp": "2026-09-01T10:05:00.000Z",
    "source": "API",
    "name": "user-feedback",
    "dataType": "BOOLEAN",
    "value": 0,
    "stringValue": "False",
    "comment": "It did nothing.",
    "observationId": None,
    "userId": "ada",
    "authorUserName": None,
}
CORRECTION = {
    **SCORE,
    "id": "s-2",
    "name": "output",
    "source": "ANNOTATION",
    "dataType": "CORRECTION",
    "value": 0,
    "stringValue": "Hold it for ten seconds.",
    "comment": None,
    "authorUserName": "Grace",
}
SPAN = {
    "id": "U3Bhbjox",
    "name": "chat",
    "context": {"trace_id": "a" * 32, "span_id": "b" * 16},
    "span_kind": "CHAIN",
    "parent_id": None,
    "start_time": "2026-09-01T10:00:00+00:00",
    "end_time": "2026-09-01T10:00:01+00:00",
    "status_code": "OK",
    "attributes": {
        "input.value": "How do I reset it?",
        "output.value": '{"answer": "Hold the button."}',
        "session.id": "s1",
        "user.id": "ada",
    },
}
ANNOTATION = {
    "id": "U3Bhbjoy",
    "span_id": "b" * 16,
    "name": "user feedback",
    "annotator_kind": "HUMAN",
    "result": {"label": "thumbs-down", "score": 0, "explanation": "It did nothing."},
    "metadata": {},
    "identifier": "",
    "created_at": "2026-09-01T10:05:00+00:00",
    "updated_at": "2026-09-01T10:05:00+00:00",
    "source": "APP",
    "user_id": None,
}


def written(file: Path, those: Sequence[Mapping[str, Any]], form: str) -> Path:
    """Such objects as a file, of a page of an API, of JSON, of JSON lines, or of CSV."""
    if form == "csv":
        flat = [
            {name: json.dumps(cell) if isinstance(cell, dict | list) else cell for name, cell in each.items()}
            for each in those
        ]
        with file.with_suffix(".csv").open("w", newline="", encoding="utf-8") as opened:
            table = csv.DictWriter(opened, list(dict.fromkeys(name for each in flat for name in each)))
            table.writeheader()
            table.writerows(flat)
        return file.with_suffix(".csv")
    whole = {"api": {"data": list(those), "meta": {"page": 1}}, "json": list(those)}
    text = "\n".join(map(json.dumps, those)) if form == "jsonl" else json.dumps(whole[form], indent=2)
    file.write_text(text, encoding="utf-8")
    return file


def snake(fields: Mapping[str, Any]) -> dict[str, Any]:
    """As blob storage names them, with times as it writes them."""
    named = {"".join(f"_{each.lower()}" if each.isupper() else each for each in name): fields[name] for name in fields}
    return named | {"timestamp": str(fields["timestamp"]).replace("T", " ").removesuffix("Z") + "000"}


def one(found: Traces) -> Any:
    assert found.problems == ()
    [body] = found.bodies
    return body


WHOLE = {
    "id": "trace:t1",
    "asked": "2026-09-01T10:00:00+00:00",
    "question": "How do I reset it?",
    "answer": "Hold the button.",
    "user_id": "ada",
    "session_id": "s1",
    "signals": [
        {"id": "s-1", "kind": "thumb", "value": "down", "given": "2026-09-01T10:05:00+00:00", "user_id": "ada"},
        {"id": "s-1:text", "kind": "comment", "value": "It did nothing.", "given": "2026-09-01T10:05:00+00:00",
         "user_id": "ada"},
    ],
    "corrections": [
        {"id": "s-2", "answer": "Hold it for ten seconds.", "given": "2026-09-01T10:05:00+00:00", "user_id": "Grace"}
    ],
}  # fmt: skip


@pytest.mark.parametrize("form", ["json", "jsonl", "csv", "api"])
@pytest.mark.parametrize("scores_first", [False, True])
def test_traces_and_scores_of_langfuse_are_read_in_every_form(tmp_path: Path, form: str, scores_first: bool) -> None:
    files = [written(tmp_path / "t.json", [TRACE], form), written(tmp_path / "s.json", [SCORE, CORRECTION], form)]
    assert one(langfuse.read(files[::-1] if scores_first else files, {})) == WHOLE


def test_files_of_its_blob_storage_are_read(tmp_path: Path) -> None:
    corrected = {"author_user_id": "Grace", "long_string_value": "Hold it for ten seconds.", "string_value": None}
    scores = [snake(SCORE), {**snake(CORRECTION), **corrected}]
    files = [written(tmp_path / "t", [snake(TRACE)], "jsonl"), written(tmp_path / "s", scores, "jsonl")]
    assert one(langfuse.read(files, {})) == WHOLE


def test_an_observation_without_a_parent_stands_for_its_trace(tmp_path: Path) -> None:
    root = {**TRACE, "id": "o1", "traceId": "t1", "startTime": TRACE["timestamp"], "parentObservationId": None}
    below = {**root, "id": "o2", "parentObservationId": "o1", "input": "A part of it", "output": "A part"}
    files = [written(tmp_path / "o", [below, root], "json"), written(tmp_path / "s", [SCORE, CORRECTION], "json")]
    assert one(langfuse.read(files, {})) == WHOLE


def test_a_trace_with_all_its_details_brings_its_scores(tmp_path: Path) -> None:
    details = {**TRACE, "scores": [{**SCORE, "traceId": "t1"}, {**CORRECTION}]}
    file = tmp_path / "t.json"
    file.write_text(json.dumps(details, indent=1))
    assert one(langfuse.read([file], {})) == WHOLE


def test_what_a_model_judged_and_what_is_named_no_kind_is_passed_over(tmp_path: Path) -> None:
    others = [
        {**SCORE, "id": "s-3", "source": "EVAL"},
        {**SCORE, "id": "s-4", "name": "stars", "value": 4, "stringValue": ""},
    ]
    files = [written(tmp_path / "t", [TRACE], "json"), written(tmp_path / "s", others, "json")]
    assert langfuse.read(files, {}).passed_over == {"given by a model": 1, "score 'stars' is named no kind": 1}
    assert one(langfuse.read(files, {"stars": "stars"}))["signals"][0]["value"] == 4


def test_one_bad_row_is_one_bad_row_and_says_where_it_is(tmp_path: Path) -> None:
    lines = [
        json.dumps(TRACE),
        "{no json",
        json.dumps(SCORE),
        json.dumps({**SCORE, "id": "s-5", "traceId": "gone"}),
        json.dumps({**SCORE, "id": "s-6", "stringValue": "so so"}),
        json.dumps({**SCORE, "id": "s-7", "timestamp": "yesterday"}),
        json.dumps(["a list"]),
        json.dumps({"hello": 1}),
        "",
    ]
    (tmp_path / "all.jsonl").write_text("\n".join(lines))
    found = langfuse.read([tmp_path / "all.jsonl"], {})
    assert {(each.file, each.line) for each in found.problems} == {("all.jsonl", line) for line in (2, 4, 5, 6, 7, 8)}
    assert [body["signals"][0]["id"] for body in found.bodies] == ["s-1"]
    assert not any("so so" in each.reason or "yesterday" in each.reason for each in found.problems)


@pytest.mark.parametrize("json_text", ['{"id": ' + "9" * 5000 + "}", '{"id": ' + "[" * 100_000])
@pytest.mark.parametrize("first", [True, False])
def test_a_number_that_is_too_long_and_nesting_that_is_too_deep_are_one_bad_row(
    tmp_path: Path, json_text: str, first: bool
) -> None:
    lines = [json_text, json.dumps(TRACE)]
    (tmp_path / "t.jsonl").write_text("\n".join(lines if first else lines[::-1]))
    (tmp_path / "t.json").write_text(f"[{json_text}]")
    bad = langfuse.read([tmp_path / "t.jsonl", tmp_path / "t.json"], {}).problems
    assert [(each.file, each.line) for each in bad] == [("t.jsonl", 1 if first else 2), ("t.json", 1)]
    assert text_of(json_text, "user") == json_text


@pytest.mark.parametrize("separator", ["\u2028", "\x85", "\x0b", "\x0c"])
def test_a_cell_of_csv_keeps_every_separator_that_ends_no_line_there(tmp_path: Path, separator: str) -> None:
    question = f"How do I{separator}reset it?"
    flat = tmp_path / "flat.csv"
    flat.write_text(f"name,id\nHow do I{separator}reset it?,1\n", encoding="utf-8")
    assert [row.fields for row in rows.rows(flat) if isinstance(row, rows.Row)] == [{"name": question, "id": "1"}]


def test_what_is_too_long_is_told_and_a_file_that_is_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [
        written(tmp_path / "t", [{**TRACE, "output": "x" * 20_001}], "json"),
        written(tmp_path / "s", [SCORE], "json"),
    ]
    [problem] = langfuse.read(files, {}).problems
    assert (problem.file, "20001" in problem.reason) == ("s", True)
    monkeypatch.setattr(rows, "ROW_AT_MOST", 100)
    assert [type(each) for each in rows.rows(written(tmp_path / "l", [TRACE], "jsonl"))] == [rows.Problem]
    monkeypatch.setattr(rows, "FILE_AT_MOST", 100)
    with pytest.raises(InvalidInput, match="a part at a time"):
        langfuse.read(files, {})


@pytest.mark.parametrize(
    ("trace", "score"),
    [
        ({"userId": "  "}, {}),
        ({"sessionId": "s" * 201}, {}),
        ({}, {"authorUserId": "\x1f "}),
        ({}, {"id": "s" * 196}),
        ({"input": "How \ud800?"}, {}),
    ],
)
def test_what_no_server_takes_is_a_problem_of_its_row(
    tmp_path: Path, trace: dict[str, str], score: dict[str, str]
) -> None:
    fine = {**TRACE, "id": "t2"}, {**SCORE, "id": "s-2", "traceId": "t2"}
    found = langfuse.read([written(tmp_path / "t", [TRACE | trace, SCORE | score, *fine], "jsonl")], {})
    assert [body["id"] for body in found.bodies] == ["trace:t2"]
    assert [problem.line for problem in found.problems] == [2]


def test_more_marks_of_a_question_than_a_server_takes_are_problems_of_their_rows(tmp_path: Path) -> None:
    scores = [{**SCORE, "id": f"s-{number}"} for number in range(51)]
    found = langfuse.read([written(tmp_path / "t", [TRACE, *scores], "jsonl")], {})
    assert ([len(body["signals"]) for body in found.bodies], [each.line for each in found.problems]) == ([100], [52])


@pytest.mark.parametrize("form", ["json", "jsonl", "api"])
def test_spans_and_annotations_of_phoenix_are_read_from_its_api(tmp_path: Path, form: str) -> None:
    files = [written(tmp_path / "a", [ANNOTATION], form), written(tmp_path / "s", [SPAN], form)]
    body = one(phoenix.read(files, {}))
    assert (body["question"], body["answer"], body["user_id"]) == ("How do I reset it?", "Hold the button.", "ada")
    assert [(each["kind"], each["value"], each["user_id"]) for each in body["signals"]] == [
        ("thumb", "down", None),
        ("comment", "It did nothing.", None),
    ]


def flat(span: Mapping[str, Any], nested: bool) -> dict[str, Any]:
    """As the client's table has them, with attributes a column each, or nested below the first part of their name."""
    attributes = {f"attributes.{name}": value for name, value in span["attributes"].items()}
    if nested:
        parts = [name.split(".") for name in span["attributes"]]
        attributes = {f"attributes.{first}": {rest: span["attributes"][f"{first}.{rest}"]} for first, rest in parts}
    return {"context.span_id": span["context"]["span_id"], "start_time": 1_788_256_800_000, **attributes}


@pytest.mark.parametrize(("form", "nested"), [("json", False), ("json", True), ("csv", False)])
def test_the_tables_of_its_client_are_read(tmp_path: Path, form: str, nested: bool) -> None:
    result = {f"result.{name}": value for name, value in ANNOTATION["result"].items()}
    kept = {name: ANNOTATION[name] for name in ("span_id", "annotator_kind", "created_at")}
    annotation = {**kept, "annotation_name": "user feedback", **result}
    files = [written(tmp_path / "s", [flat(SPAN, nested)], form), written(tmp_path / "a", [annotation], form)]
    body = one(phoenix.read(files, {}))
    assert (body["question"], body["asked"]) == ("How do I reset it?", "2026-09-01T10:00:00+00:00")
    assert body["signals"][0]["value"] == "down"


def test_an_annotation_can_be_a_correction_and_none_of_a_model_is_anything(tmp_path: Path) -> None:
    better = {**ANNOTATION, "name": "correction", "result": {"label": "wrong", "explanation": "Hold it for ten."}}
    judge = {**ANNOTATION, "id": "j", "annotator_kind": "LLM"}
    found = phoenix.read([written(tmp_path / "all", [SPAN, better, judge], "json")], {})
    assert [each["answer"] for each in one(found)["corrections"]] == ["Hold it for ten."]
    assert found.passed_over == {"given by a model": 1}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("How?", "How?"),
        ('"How?"', "How?"),
        ({"question": "How?", "top_k": 3}, "How?"),
        ('{"query": "How?"}', "How?"),
        ([{"role": "user", "content": "What?"}, {"role": "ai", "content": "So."}, {"role": "user", "content": "How?"}],
         "How?"),
        ({"messages": [{"type": "human", "content": [{"type": "text", "text": "How?"}]}]}, "How?"),
        ({"kwargs": {"question": "How?"}}, "How?"),
        ({"a": 1, "b": 2}, None),
        (7, None),
        ("  ", None),
    ],
)  # fmt: skip
def test_a_question_is_told_from_what_a_tracer_recorded(value: Any, text: str | None) -> None:
    assert text_of(value, "user") == text


@pytest.mark.parametrize(
    ("kind", "value", "found"),
    [
        ("thumb", True, "up"), ("thumb", "0", "down"), ("thumb", 0.5, None), ("thumb", "👍", "up"),
        ("thumb", -1.0, "down"),
        ("stars", "4", 4), ("stars", 5.0, 5), ("stars", 4.5, None), ("stars", 0, None), ("stars", 10**400, None),
        ("comment", " so ", "so"), ("comment", "", None),
    ],
)  # fmt: skip
def test_a_score_is_a_mark_of_its_kind_or_none(kind: str, value: Any, found: Any) -> None:
    assert mark(kind, value) == found


@pytest.mark.parametrize(
    "value", ["2026-09-01T10:00:00Z", "2026-09-01 10:00:00.000000", 1_788_256_800_000, "1788256800000"]
)
def test_a_moment_without_a_zone_is_in_utc(value: Any) -> None:
    assert str(moment(value)) == "2026-09-01 10:00:00+00:00"
    assert moment("soon") is None
