"""What answers: extractive, or a language model with what stands in for it."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rag_flywheel.adapters.breaker import Breaker
from rag_flywheel.adapters.models.cached_generator import CachedGenerator
from rag_flywheel.adapters.models.cached_rephraser import CachedRephraser
from rag_flywheel.adapters.models.encoder import BUNDLED
from rag_flywheel.adapters.models.fallback import FallbackGenerator, SparedSpeaker
from rag_flywheel.adapters.models.llama_index_llm import LlamaIndexSpeaker
from rag_flywheel.adapters.models.llm import ModelGenerator, Speaker
from rag_flywheel.adapters.models.openai_like import OpenAILikeSpeaker, Server
from rag_flywheel.adapters.privacy.masked_generator import MaskedGenerator
from rag_flywheel.answering import answerable
from rag_flywheel.answering.extractive import Extractive
from rag_flywheel.answering.follow_ups import rewriter
from rag_flywheel.answering.support import checking, nearness
from rag_flywheel.config import Config, Embedder, Secrets
from rag_flywheel.config import Generator as GeneratorSection
from rag_flywheel.config.source import with_variables
from rag_flywheel.errors import ConfigError, LanguageModelUnavailable
from rag_flywheel.ports import Cache, Encoder, Generator, Redactor, Rephraser


@dataclass(frozen=True, slots=True, kw_only=True)
class Generators:
    """`generator` is a cycle's, `answerer` that of people's questions: it leaves a language model alone for a while
    that does not answer, and lets another answer meanwhile. A cycle waits: answers of both cannot be compared.
    """

    generator: Generator
    answerer: Generator
    rephraser: Rephraser | None
    breakers: Sequence[Breaker] = ()


def generators(
    config: Config,
    secrets: Secrets,
    *,
    encoders: Callable[[Embedder], Encoder],
    redactor: Redactor,
    cache: Cache,
) -> Generators:
    """Raises ConfigError."""
    extractive = _extractive(config, encoders)
    if config.generator.kind == "extractive":
        return Generators(generator=extractive, answerer=extractive, rephraser=None)
    speaker, breaker = _speaker(config.generator, secrets), Breaker("language_model", LanguageModelUnavailable)
    waiting = _model(speaker, config, encoders)
    spared = _masked(_model(SparedSpeaker(speaker, breaker), config, encoders), config, cache, redactor)
    return Generators(
        generator=_masked(waiting, config, cache, redactor),
        answerer=spared if config.generator.fallback == "none" else FallbackGenerator(spared, extractive),
        rephraser=CachedRephraser(waiting, cache=cache),
        breakers=(breaker,),
    )


def _extractive(config: Config, encoders: Callable[[Embedder], Encoder]) -> Generator:
    settings = config.generator
    model = encoders(config.embedder)
    return Extractive(
        model,
        minimum_similarity=settings.minimum_similarity,
        sentences=settings.sentences,
        rule=answerable.Rule(weights=answerable.shipped(), refused=settings.wrong_refusals, doubted=settings.doubted)
        if is_bundled(model)
        else None,
    )


def is_bundled(model: Encoder) -> bool:
    """Whether its cosines are those that weights and bounds were fitted to."""
    return model.name.removeprefix("sentence-transformers/") == BUNDLED


def _model(speaker: Speaker, config: Config, encoders: Callable[[Embedder], Encoder]) -> ModelGenerator:
    settings = config.generator
    model = encoders(config.embedder)
    near = nearness(model) if is_bundled(model) else None
    return ModelGenerator(
        speaker,
        context_window=settings.context_window,
        max_tokens=settings.max_tokens,
        check=None if settings.unsupported == "keep" else checking(cut=settings.unsupported == "cut", near=near),
        fallback=rewriter(model),
    )


def _masked(model: ModelGenerator, config: Config, cache: Cache, redactor: Redactor) -> Generator:
    settings = config.generator
    if not settings.cached_answers:
        return MaskedGenerator(model, redactor)
    told = settings.model_dump_json(exclude={"fallback"})  # which changes no answer of the model
    remembering = CachedGenerator(model, cache=cache, most=settings.cached_answers, settings=told)
    return MaskedGenerator(remembering, redactor)


def _speaker(settings: GeneratorSection, secrets: Secrets) -> Speaker:
    if settings.kind == "llama_index":
        if not settings.llm:
            raise ConfigError("generator.kind is llama_index, which needs generator.llm")
        arguments = with_variables(settings.llm.get("args", {}), os.environ, where="generator.llm.args")
        return LlamaIndexSpeaker(
            str(settings.llm["class"]), arguments, timeout=settings.timeout, seconds=settings.answer_seconds
        )
    missing = [name for name in ("model", "url") if not getattr(settings, name)]
    if missing:
        raise ConfigError(
            "generator.kind is openai_like, which needs " + " and ".join(f"generator.{name}" for name in missing)
        )
    server = Server(
        model=settings.model,
        url=settings.url,
        api_key=secrets.llm_api_key,
        timeout=settings.timeout,
        seconds=settings.answer_seconds,
        retries=settings.retries,
        context_window=settings.context_window,
        max_tokens=settings.max_tokens,
        temperature=settings.temperature,
    )
    return OpenAILikeSpeaker(server)
