"""Parts of the questions that must hold on their own: by source, by language, and by the asker's group.

A mean over all questions hides who is served badly. So each case is told which file its answer is in, in which language
that is written, and which group of people asked, where the application says so.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from eval.questions.golden import ASKED, Case
from rag_flywheel.domain import CORRECTION_PREFIX, Chunk, DocumentId, Interaction, InteractionId, ReviewedCorrection
from rag_flywheel.search.languages import language_of


def with_parts(cases: Sequence[Case], chunks: Iterable[Chunk], groups: Mapping[str, str]) -> list[Case]:
    """The cases, each with its source, its language and the group of its asker; None for what cannot be told.

    `chunks`: give those of both versions, the candidate's first, or what a version lost would count nowhere. `groups`:
    the asker's group by case id, as `asker_groups` tells. A case whose answer is in several files has no source, and
    one whose answer is in several languages no language. A correction is no source, and its language counts only where
    no other document answers.
    """
    named = {document for case in cases for document in case.relevant_documents}
    pieces: dict[DocumentId, list[Chunk]] = defaultdict(list)
    for chunk in chunks:
        if chunk.document_id in named and chunk.confirmed is None:
            pieces[chunk.document_id].append(chunk)
    languages: dict[DocumentId, str | None] = {}

    def language(document: DocumentId) -> str | None:
        if document not in languages:
            in_order = sorted(pieces[document], key=lambda chunk: chunk.start)
            languages[document] = language_of("\n".join(chunk.text for chunk in in_order))
        return languages[document]

    def placed(case: Case) -> Case:
        held = [document for document in sorted(case.relevant_documents) if document in pieces]
        sources = [document for document in held if not pieces[document][0].is_correction]
        return replace(
            case,
            source=_only(pieces[document][0].source for document in sources),
            language=_only(language(document) for document in sources or held),
            asker_group=groups.get(case.case_id),
        )

    return [placed(case) for case in cases]


def asker_groups(
    confirmed: Iterable[Interaction],
    reviewed: Iterable[ReviewedCorrection],
    interaction: Callable[[InteractionId], Interaction],
) -> dict[str, str]:
    """The asker's group by the id of each case that is made of these, as `with_parts` takes it.

    A correction's is the group of whoever asked, and not of whoever corrected. Raises what `interaction` raises.
    """
    found = {f"confirmed:{asked.interaction_id}": asked.group for asked in confirmed}
    for entry in reviewed:
        name, group = entry.correction.correction_id, interaction(entry.correction.interaction_id).group
        found |= {f"{CORRECTION_PREFIX}{name}": group, f"{ASKED}:{name}": group}
    return {case_id: group for case_id, group in found.items() if group is not None}


def parts(cases: Sequence[Case], minimum: int) -> Mapping[str, frozenset[str]]:
    """The ids of the cases in each part of at least `minimum`: "source docs/a.md", "language de", "group beta".

    A file with fewer questions is counted with the other such files of its folder, as "source docs/", and a folder with
    too few with its parent's. Where all have one source, language or group there is nothing to tell apart, and no
    part of that kind; askers whose group is not known count as a group for that, but are no part.
    """
    kinds = {
        "source": _rolled_up(_by_value(cases, lambda case: case.source), minimum),
        "language": _by_value(cases, lambda case: case.language),
        "group": _by_value(cases, lambda case: case.asker_group),
    }
    alone = {kind for kind, values in kinds.items() if len(values) == 1}
    if any(case.asker_group is None for case in cases):
        alone.discard("group")
    return {
        f"{kind} {name}": ids
        for kind, values in kinds.items()
        if kind not in alone
        for name, ids in sorted(values.items())
        if len(ids) >= minimum
    }


def _only(values: Iterable[str | None]) -> str | None:
    """The one value among them, None where there are several or none."""
    distinct = {value for value in values if value is not None}
    return distinct.pop() if len(distinct) == 1 else None


def _by_value(cases: Sequence[Case], value: Callable[[Case], str | None]) -> dict[str, frozenset[str]]:
    """The ids of the cases by the value they have; cases without one are left out."""
    found: dict[str, set[str]] = defaultdict(set)
    for case in cases:
        if (has := value(case)) is not None:
            found[has].add(case.case_id)
    return {name: frozenset(ids) for name, ids in found.items()}


def _rolled_up(files: Mapping[str, frozenset[str]], minimum: int) -> dict[str, frozenset[str]]:
    """The files with enough questions, and for the others the innermost folder that has enough of them, else the top.

    A folder's name ends with a slash.
    """
    found = {PurePosixPath(name): ids for name, ids in files.items()}
    whole = set(found)
    for depth in range(max((len(path.parts) for path in found), default=0), 0, -1):
        for path in [path for path, ids in found.items() if len(path.parts) == depth and len(ids) < minimum]:
            ids = found.pop(path)
            found[path.parent] = found.get(path.parent, frozenset()) | ids
    return {f"{path}" if path in whole else f"{path}/": ids for path, ids in found.items()}
