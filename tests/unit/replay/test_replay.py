"""A replay over fakes: the loop is real, and its parts are quick."""

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eval.replay.plan import Options
from rag_flywheel import config
from rag_flywheel.cli import app
from rag_flywheel.cli.progress import silent
from rag_flywheel.config import Config, Secrets
from rag_flywheel.domain import IMPLICIT, FeedbackKind
from rag_flywheel.errors import AlreadyRunning, InvalidInput
from rag_flywheel.replay import replay
from rag_flywheel.replay.replay import Playground
from rag_flywheel.replay.simulation import METHODS
from rag_flywheel.services import Services
from tests.fakes import beir
from tests.fakes.services import ASSUMED, WITHOUT_MEANING, services
from tests.paths import ROOT

SETTINGS = "gate: {minimum_cases: 1, resamples: 100}\nreranker: {minimum_groups: 100}\n"


class Workshop:
    """Opens services made of fakes, and keeps those that it opened. `fail_at` makes the opening of one fail."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.opened: list[Services] = []
        self.fail_at = 0

    @contextlib.contextmanager
    def open(self, settings: Config, secrets: Secrets) -> Iterator[Services]:
        if len(self.opened) + 1 == self.fail_at:
            raise KeyboardInterrupt
        made = dataclasses.replace(services(self._folder, text=SETTINGS), config=settings)
        self.opened.append(made)
        yield made

    @property
    def played(self) -> list[Services]:
        return [made for made in self.opened if made.ledger.versions()]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return beir.write(tmp_path / "things")


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def play(
    data: Path,
    workshop: Workshop,
    *,
    options: Options | None = None,
    methods: tuple[str, ...] = ("flywheel", "static"),
    seeds: int = 1,
) -> Any:
    file = data.parent / "config.yaml"
    file.write_text(SETTINGS, encoding="utf-8")
    return replay.replay(
        data,
        options=options or Options(),
        methods=methods,
        seeds=range(seeds),
        playground=Playground(
            config=config.load(file, WITHOUT_MEANING | ASSUMED),
            secrets=config.secrets({}),
            work=data.parent / "work",
            opened=workshop.open,
        ),
        steps=silent,
    ).as_json()


def test_every_method_is_measured_on_both_halves_before_and_after(data: Path, workshop: Workshop) -> None:
    result = play(data, workshop, methods=METHODS)
    assert tuple(result["methods"]) == METHODS
    for slices in result["methods"].values():
        for slice in ("corrected", "untouched"):
            hit = slices[slice]["hit@1"]
            assert hit["difference"] == pytest.approx(hit["after"] - hit["before"])
    assert (result["dataset"], result["seeds"], result["mode"]) == ("things", [0], "full")
    assert result["options"]["accepted"] == 0.5


def test_in_the_gap_only_the_corrections_know_and_the_flywheel_learns_them(data: Path, workshop: Workshop) -> None:
    result = play(data, workshop, options=Options(mode="gap"), methods=("flywheel", "static", "append"))
    for method, learned in (("static", False), ("append", True), ("flywheel", True)):
        hit = result["methods"][method]["corrected"]["hit@1"]
        assert hit["before"] == 0.0
        assert (hit["after"] > 0.0) == learned, method
    assert "6 corrections" in result["decisions"]["0"][0]
    assert "promoted" in result["decisions"]["0"][0]


def test_people_ask_correct_and_confirm_through_the_ledger_and_probes_leave_no_trace(
    data: Path, workshop: Workshop
) -> None:
    play(data, workshop, options=Options(mode="gap"))
    (made,) = workshop.played
    interactions = made.ledger.interactions(limit=1000)
    corrections = made.ledger.corrections()
    assert len(interactions) == 9  # 6 corrected, and half of the 6 others
    assert len(corrections) == 6
    assert {correction.verdict_state for correction in corrections} == {"accepted"}
    assert {signal.interaction_id for signal in made.ledger.feedback()} <= {
        interaction.interaction_id for interaction in interactions
    }


def test_an_answer_that_agrees_with_gold_is_confirmed_and_not_corrected(data: Path, workshop: Workshop) -> None:
    result = play(data, workshop)  # every page is there, and quoted as the gold answer has it
    (made,) = workshop.played
    assert made.ledger.corrections() == []
    assert "0 corrections, 9 confirmed answers" in result["decisions"]["0"][0]


def test_hostile_corrections_are_handed_in_however_good_the_answer_was(data: Path, workshop: Workshop) -> None:
    result = play(data, workshop, options=Options(hostile=1.0))
    (made,) = workshop.played
    assert len(made.ledger.corrections()) == 6
    assert set(result["methods"]["flywheel"]) == {"untouched", "adversarial"}


def test_signals_by_chance_are_recorded_beside_what_people_say(data: Path, workshop: Workshop) -> None:
    play(data, workshop, options=Options(noise=1.0))
    (made,) = workshop.played
    said = made.ledger.feedback()
    noise = [signal for signal in said if signal.kind in IMPLICIT]
    assert len({signal.interaction_id for signal in noise}) == len(noise) == len(made.ledger.interactions(limit=100))
    assert {signal.kind for signal in said} - IMPLICIT == {FeedbackKind.THUMB}


def test_corrections_arrive_over_several_cycles(data: Path, workshop: Workshop) -> None:
    result = play(data, workshop, options=Options(mode="gap", turns=3))
    (made,) = workshop.played
    assert len(made.ledger.versions()) == 4
    assert [note.split(" corrections")[0] for note in result["decisions"]["0"]] == [
        "turn 1: 2",
        "turn 2: 2",
        "turn 3: 2",
    ]
    assert len(result["turns"]["flywheel"]) == 3


def test_a_document_that_is_dropped_as_a_duplicate_counts_as_the_one_that_is_kept(
    tmp_path: Path, workshop: Workshop
) -> None:
    copies = [{**document, "_id": f"copy-of-{document['_id']}"} for document in beir.documents()]
    judged = [(query, f"copy-of-{page}", score) for query, page, score in beir.judgements()]
    twice = beir.write(tmp_path / "twice", pages=[*beir.documents(), *copies], judged=judged)
    result = play(twice, workshop)
    assert result["methods"]["static"]["untouched"]["hit@1"]["before"] == 1.0


def test_the_same_command_gives_the_same_numbers(data: Path, workshop: Workshop) -> None:
    options = Options(mode="gap", hostile=0.5, turns=2)
    assert play(data, workshop, options=options) == play(data, workshop, options=options)


def test_a_run_that_is_interrupted_goes_on_where_it_was_and_leaves_nothing_when_it_is_done(
    data: Path, tmp_path: Path
) -> None:
    interrupted, after = Workshop(tmp_path), Workshop(tmp_path)
    interrupted.fail_at = 3  # the first is home, the second seed 0
    with pytest.raises(KeyboardInterrupt):
        play(data, interrupted, options=Options(mode="gap"), seeds=2)
    assert [file.name for file in (tmp_path / "work").rglob("seed-*")] == ["seed-0.json"]
    result = play(data, after, options=Options(mode="gap"), seeds=2)
    assert (len(interrupted.played), len(after.played)) == (1, 1)
    assert not (tmp_path / "work").exists()
    assert result == play(data, Workshop(tmp_path), options=Options(mode="gap"), seeds=2)


def test_a_finished_seed_is_not_taken_for_another_replay(data: Path, tmp_path: Path) -> None:
    interrupted, after = Workshop(tmp_path), Workshop(tmp_path)
    interrupted.fail_at = 3
    with pytest.raises(KeyboardInterrupt):
        play(data, interrupted, seeds=2)
    play(data, after, options=Options(mode="gap"), seeds=2)
    assert len(after.played) == 2
    assert [file.name for file in (tmp_path / "work").rglob("seed-*")] == ["seed-0.json"]


def test_the_project_that_is_played_in_touches_nothing_of_the_user(data: Path, workshop: Workshop) -> None:
    (data.parent / "data").mkdir()
    play(data, workshop, options=Options(titles=False))
    settings = workshop.played[0].config
    assert settings.data.is_relative_to(data.parent / "work")
    assert (settings.index.url, settings.ledger.url, settings.golden) == ("", "", "")
    assert not settings.ingest.embed_titles
    assert list((data.parent / "data").iterdir()) == []


def test_an_unknown_method_is_refused_with_those_there_are(data: Path, workshop: Workshop) -> None:
    with pytest.raises(InvalidInput, match=r"unknown methods 'magic'; expected some of flywheel, static, dense"):
        play(data, workshop, methods=("static", "magic"))
    with pytest.raises(InvalidInput, match="no method is named"):
        play(data, workshop, methods=())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere"], "nowhere/corpus.jsonl does not exist"),
        (["things", "--methods", "static, magic"], "unknown methods 'magic'"),
        (["things", "--html", "nowhere/page.html"], "--html: there is no folder nowhere"),
    ],
)
def test_the_command_refuses_at_once_what_it_cannot_play(
    data: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    monkeypatch.chdir(data.parent)
    Path("config.yaml").write_text(SETTINGS, encoding="utf-8")
    with pytest.raises(InvalidInput, match=said):
        app.app(["replay", *words], standalone_mode=False)
    assert not Path("data").exists()


def test_shares_and_turns_that_make_no_sense_are_refused() -> None:
    for wrong in ({"accepted": 1.5}, {"hostile": -0.1}, {"noise": 2.0}, {"turns": 0}):
        with pytest.raises(ValueError, match="a replay needs shares of 0 to 1"):
            Options(**wrong)  # type: ignore[arg-type]


def test_two_runs_of_one_replay_in_one_folder_do_not_meet(data: Path, workshop: Workshop) -> None:
    ledger = services(data.parent).ledger

    @contextlib.contextmanager
    def busy(settings: Config, secrets: Secrets) -> Iterator[Services]:
        yield dataclasses.replace(services(data.parent, ledger=ledger), config=settings)

    with ledger.lock(replay.LOCK), pytest.raises(AlreadyRunning):
        replay.replay(
            data,
            options=Options(),
            methods=METHODS,
            seeds=[0],
            playground=Playground(
                config=config.load(data.parent / "config.yaml", ASSUMED),
                secrets=config.secrets({}),
                work=data.parent / "work",
                opened=busy,
            ),
            steps=silent,
        )


def test_the_handbook_explains_every_method() -> None:
    page = (ROOT / "docs" / "replay.md").read_text(encoding="utf-8")
    assert {name for name in METHODS if f"| `{name}` |" not in page} == set()
