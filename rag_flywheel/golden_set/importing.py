"""Judged questions of another corpus or tool, with what answers them at its place in our documents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from eval.questions.golden import Case
from ingest.corrections import accepted
from rag_flywheel.domain import DocumentId, Evidence
from rag_flywheel.domain.ids import OURS
from rag_flywheel.domain.readers import Reader
from rag_flywheel.errors import InvalidInput
from rag_flywheel.golden_set.changes import NewQuestion, imported_case
from rag_flywheel.golden_set.finding import NamedPassage, Place, find
from rag_flywheel.golden_set.listing import judged_cases, read_corpus
from rag_flywheel.services import Services


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedQuestion:
    """A question as it comes in."""

    name: str  # its id there
    new: NewQuestion
    passages: tuple[str, ...]  # names of passages that answer it, besides the documents of `new`


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """The questions as cases, and what could not be made one."""

    cases: tuple[Case, ...]
    skipped: tuple[str, ...]  # corrections and confirmed answers of this deployment, which are judged here already
    unfound: tuple[tuple[str, str], ...]  # the id of a case and the name of a passage that answers it
    left_out: tuple[str, ...]  # cases of which nothing that answers them was found


def placed(
    questions: Sequence[ImportedQuestion], passages: Sequence[NamedPassage], *, reader: Reader, services: Services
) -> Placed:
    """Raises InvalidInput for a question that names a passage which did not come with it, and what `imported_case`
    raises. The sources are read where there are passages to be found, of what the reader may read.
    """
    here = _of_here(questions, services)
    wanted = {name for question in questions if question.name not in here for name in question.passages}
    missing = wanted - {passage.name for passage in passages}
    if missing:
        raise InvalidInput(f"{len(missing)} passages are named by a question and did not come with it: send all")
    sought = [passage for passage in passages if passage.name in wanted]
    found = _found(sought, reader, services) if sought else {}
    cases, unfound, left_out = [], [], []
    for question in questions:
        if question.name in here:
            continue
        case_id = f"golden:{question.name}"
        unfound += [(case_id, name) for name in question.passages if name not in found]
        places = [found[name] for name in question.passages if name in found]
        if question.passages and not places and not question.new.documents:
            left_out.append(case_id)
        else:
            cases.append(imported_case(question.name, _with(question.new, places)))
    return Placed(cases=tuple(cases), skipped=tuple(sorted(here)), unfound=tuple(unfound), left_out=tuple(left_out))


def _of_here(questions: Sequence[ImportedQuestion], services: Services) -> set[str]:
    """Those that an export of this very deployment calls so: they are no cases of the golden set to be added."""
    named = {question.name for question in questions if question.name.startswith(OURS)}
    return named & {case.case_id for case, _ in judged_cases(services)} if named else set()


def _found(passages: Sequence[NamedPassage], reader: Reader, services: Services) -> Mapping[str, Place]:
    corpus = read_corpus(services).corpus
    same = {DocumentId(out.name): out.same_as for out in corpus.skipped if out.same_as is not None}
    documents = [*corpus.documents, *accepted(services.ledger.corrections()).documents]
    return find(
        [_of_same(passage, same) for passage in {passage.name: passage for passage in passages}.values()],
        [document for document in documents if reader.reads(document.document_id, document.groups)],
    )


def _of_same(passage: NamedPassage, same: Mapping[DocumentId, DocumentId]) -> NamedPassage:
    """A passage of a document that was dropped as a duplicate is one of the document that says the same."""
    name = passage.document_id
    return passage if name is None or name not in same else replace(passage, document_id=same[name])


def _with(new: NewQuestion, places: Sequence[Place]) -> NewQuestion:
    whole = [place for place in places if not isinstance(place, Evidence)]
    spans = [place for place in places if isinstance(place, Evidence)]
    return replace(new, documents=(*new.documents, *whole), evidence=(*new.evidence, *spans))
