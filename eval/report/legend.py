"""What the slices, metrics and changes of a report mean, in words for its readers."""

from eval.questions.golden import Slice
from eval.report.churn import Change
from eval.scores import ragas_metrics, scorecard

SLICES = {
    Slice.CORRECTED: "The target: questions corrected since the live version was made.",
    Slice.PARAPHRASE: "The target too: other wordings of those questions, made and not asked by anyone.",
    Slice.NEIGHBOUR: "A guard: questions made from passages near the new corrections, not asked by anyone.",
    Slice.GOLDEN: "A guard: questions of the golden set, judged by people.",
    Slice.CONFIRMED: "A guard: questions that people confirmed or corrected, without what the new corrections add.",
    Slice.KNOWN_ITEM: "A guard: questions made from headings and telling sentences of the corpus, not asked by anyone.",
}
METRICS = {
    scorecard.HIT: "The first result answers the question.",
    scorecard.RECIPROCAL_RANK: "1 / rank of the first result that answers, within ten.",
    scorecard.NDCG: "Quality of the whole ranking of ten (nDCG).",
    scorecard.REFUSAL: "It answered what can be answered, and refused what cannot.",
    ragas_metrics.ID_PRECISION: "Share of the passages shown to the generator that answer (RAGAS).",
    ragas_metrics.ID_RECALL: "Share of what answers that was shown to the generator (RAGAS).",
    ragas_metrics.TEXT_PRECISION: "Average precision of the shown passages by likeness to reference texts (RAGAS).",
    ragas_metrics.TEXT_RECALL: "Share of the reference texts that a shown passage is like (RAGAS).",
    ragas_metrics.SIMILARITY: "Cosine of the answer and the reference answer (RAGAS).",
    ragas_metrics.ROUGE_L: "Longest common word sequence of the answer and the reference answer, F1 (RAGAS).",
    ragas_metrics.FAITHFULNESS: "Share of the answer's claims that the passages support, by the judge (RAGAS).",
    ragas_metrics.RELEVANCY: "Whether the answer is to this question, by the judge (RAGAS).",
    ragas_metrics.CORRECTNESS: "Agreement of claims of the answer and the reference answer, F1, by the judge (RAGAS).",
    ragas_metrics.LLM_PRECISION: "Average precision of the shown passages that help to answer, by the judge (RAGAS).",
    ragas_metrics.LLM_RECALL: "Share of the reference answer that the shown passages support, by the judge (RAGAS).",
    ragas_metrics.NOISE: "Share of the answer's claims that are wrong, by the judge; lower is better (RAGAS).",
}

CHANGES = {
    Change.PASSAGE: "another passage first",
    Change.TEXT: "other words",
    Change.NOW_ANSWERED: "now answered",
    Change.NOW_REFUSED: "now refused",
}
RATES = {
    "discoverability": "Of the probes, each a correction asked for in its own question or another wording, those that "
    "found it: a passage that holds its answer was shown to the generator.",
    "usage": "Of those that found it, the ones whose answer cites it.",
    "false_trigger_rate": "Of the gate's questions that no correction answers, those that a correction came first for "
    "or was cited for; lower is better.",
    "retention": "Of the oldest corrections, those that their own question still finds.",
    "correction_lag_p50": "Half of the corrections were live this long after they were accepted, or sooner.",
    "correction_lag_p95": "The same of 95% of them.",
}
