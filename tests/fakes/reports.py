"""Reports of the gate, as the tests of values, plots and pages read them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from eval.comparison import compare
from eval.gate import Ruling, decide
from eval.guardrails.checks import Check, Invariant, check
from eval.questions.golden import Case, Retired, Slice
from eval.report import report
from eval.report.churn import Change, Changed, Churn, First, Kind
from eval.report.correction_rates import Rate, Rates, share
from eval.report.lineage import Lineage, ReadSources, TakenOut
from eval.report.night import Attempt, Night, SetAside
from eval.report.report import Judging, Scored
from eval.scores.agreement import Agreement
from eval.scores.ragas_metrics import FAITHFULNESS
from eval.scores.scorecard import Reply, Scorecard
from rag_flywheel.config import Gate
from rag_flywheel.domain import CorrectionId, DocumentId, InteractionId, VersionId
from rag_flywheel.domain.probes import Found, Probe, Reworded
from tests.fakes.evaluation import case, chunk, manifest, reply
from tests.fakes.samples import NOON, correction_chunk, reviewed

HOSTILE = 'Is <script>alert("1 | 2")</script> `safe`?'
CASES = (
    case("won", "correction:c1", slice=Slice.CORRECTED),
    case("lost", "d1", question=HOSTILE),
    case("same", "d2", slice=Slice.KNOWN_ITEM),
    replace(case("secret", "d3", question="What is sealed?"), sealed=True),
)
BEFORE = Scorecard(
    cases=CASES,
    values={
        "won": {"hit_at_1": 0.0},
        "lost": {"hit_at_1": 1.0, "rouge_l": 0.4},
        "same": {"hit_at_1": 1.0, "faithfulness": 0.5},
        "secret": {"hit_at_1": 1.0},
    },
)
AFTER = Scorecard(
    cases=CASES,
    values={
        "won": {"hit_at_1": 1.0},
        "lost": {"hit_at_1": 0.0, "rouge_l": 0.4},
        "same": {"hit_at_1": 1.0, "faithfulness": None},
        "secret": {"hit_at_1": 0.0},
    },
)
D1, OTHER, CORRECTION = (
    chunk("d1", title="The first | one"),
    chunk("other", headings=("A", "Deep")),
    correction_chunk("c1"),
)
REPLIES: tuple[Mapping[str, Reply], Mapping[str, Reply]] = (
    {"won": reply(OTHER, answer=None), "lost": reply(D1, OTHER), "same": reply(OTHER), "secret": reply(D1)},
    {"won": reply(CORRECTION, OTHER), "lost": reply(OTHER, D1), "same": reply(OTHER), "secret": reply(OTHER)},
)
HARM = check(
    Invariant.SHRINK,
    "share that is gone",
    value=0.75,
    limit=0.3,
    breach="3 of 4 are gone.",
    documents=[DocumentId("d7")],
)
HOLDS = check(Invariant.AUTHORS, "share of one author", value=0.25, limit=0.5, breach="Too much of one.")
PROBES = (
    Probe(
        correction_id=CorrectionId("c1"),
        own=Found.AND_USED,
        rewordings=(
            Reworded(found=Found.AND_USED, made=True),
            Reworded(found=Found.NOT_USED, made=True),
            Reworded(found=Found.AND_USED, made=False),
        ),
    ),
    Probe(
        correction_id=CorrectionId("c2"), own=Found.AND_USED, rewordings=(Reworded(found=Found.NOT_FOUND, made=True),)
    ),
    Probe(correction_id=CorrectionId("c3"), own=Found.NOT_FOUND),
)


def ruling(control: Scorecard | None, treatment: Scorecard = AFTER, checks: Sequence[Check] = (HOLDS, HARM)) -> Ruling:
    comparisons = compare(control, treatment, parts={}, confidence=0.95, resamples=100, seed=0)
    return decide(comparisons, checks, first=control is None, possible=0, confidence=0.95, settings=Gate())


def gone(case: Case) -> Retired:
    return Retired(case=case, reason="its evidence is gone: the sources no longer hold gone", stale=True)


def document(*, first: bool = False) -> dict[str, Any]:
    """A report without any optional part: of four questions one was won, two were lost, one judge failed."""
    control = None if first else BEFORE
    lineage = Lineage(manifest=manifest(parent=None if first else "v1", notes=["scan.pdf: no text was found"]))
    old = [gone(case("old", "gone", question="What was it?"))]
    return assembled(ruling(control), lineage, Scored(control=control, treatment=AFTER, retired=old))


def full() -> dict[str, Any]:
    """The same with all that may be told."""
    first = First(document_id=DocumentId("d1"), start=0, end=9, kind=Kind.CORRECTION)
    churned = Changed(
        interaction_id=InteractionId("i7"), question=HOSTILE, changes=(Change.PASSAGE,), before=None, after=first
    )
    parent = replace(
        manifest(sources=["guide.md", "gone.md"]),
        version_id=VersionId("v1"),
        sources={"guide.md": "1" * 64, "gone.md": "0" * 64},
        corrections=(),
    )
    retired = [gone(case("old", "gone", question="What was it?")), gone(replace(CASES[3], case_id="secret too"))]
    return report.assemble(
        ruling(BEFORE),
        Lineage(
            manifest=manifest(notes=["scan.pdf: no text was found"]),
            parent=parent,
            reviewed=[reviewed("c1", reviewer="Rita <R>")],
            sources=ReadSources(
                left_out=tuple((f"scan-{at}.pdf", "holds only pictures") for at in range(300)),
                taken_out=(
                    TakenOut(document_id=DocumentId("d1"), what="running heads", count=4, lines=("Manual <v2>",)),
                ),
                alike=((DocumentId("d1"), DocumentId("d7")),),
            ),
        ),
        Scored(
            control=BEFORE,
            treatment=AFTER,
            retired=retired,
            replies=REPLIES,
            churn=Churn(asked=40, changed=(churned,), share=0.025, shares={Change.PASSAGE: 0.025}),
        ),
        decided=NOON,
        settings=Gate(),
        judging=Judging(
            model="a-judge",
            agreement=Agreement(
                metric=FAITHFULNESS, n=12, raw=0.75, raw_interval=(0.5, 0.92), kappa=0.4, kappa_interval=(0.1, 0.7)
            ),
            costs={"calls": 1234, "seconds": 5.25, "cached": 7, "stopped": "its budget of 1,234 calls is spent"},
        ),
        night=night(),
    )


def night() -> Night:
    """Two items set aside and one only reported, two attempts, and three probes of which one found nothing."""
    return Night(
        aside=[
            SetAside(
                kind="document",
                item="d1",
                place="d1:0:90",
                guardrail="injection",
                reason="It tells a machine | what to do.",
                do="Run `rag-flywheel aside release d1:0:90` where it is harmless.",
            ),
            SetAside(
                kind="correction",
                item="c8",
                place=None,
                guardrail="poison",
                reason="It answers <many> topics.",
                do="Review it again.",
            ),
            SetAside(
                kind="document",
                item="d7",
                place=None,
                guardrail="injection",
                reason="It quotes an attack.",
                do="Nothing: it is official.",
                official=True,
            ),
        ],
        attempts=[
            Attempt(number=1, tried="all that was learned", confidence=0.95, outcome="refused", why=("7 were lost.",)),
            Attempt(
                number=2,
                tried="without what took them",
                confidence=0.98,
                outcome="passed",
                why=("None is worse than is allowed.",),
                left_out=("c3", "c4"),
            ),
        ],
        probes=PROBES,
        rates=Rates(
            discoverability=share(5, 7),
            usage=share(4, 5),
            false_trigger_rate=share(1, 250),
            retention=share(0, 0),
            correction_lag_p50=Rate(value=30_600.0, n=3),
            correction_lag_p95=Rate(value=180_000.0, n=3),
        ),
    )


def assembled(ruling: Ruling, lineage: Lineage, scored: Scored, *, judging: Judging | None = None) -> dict[str, Any]:
    return report.assemble(ruling, lineage, scored, decided=NOON, settings=Gate(), judging=judging)


def written(told: Mapping[str, Any], folder: Path) -> dict[str, str]:
    report.write(told, folder / "reports" / "v2")
    return {name: (folder / "reports" / "v2" / name).read_text(encoding="utf-8") for name in report.FILES}
