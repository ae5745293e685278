"""What tells a person's words and records again without holding them."""

from rag_flywheel.privacy.traces import MOST, Traces, digests_of, distinctive

KEY = b"k" * 32
WROTE = "The ladder leans behind the shed that I painted."


def traces(*others: str, names: frozenset[str] = frozenset()) -> Traces:
    return Traces(names=names, digests=distinctive([WROTE], others, KEY), key=KEY)


def test_five_words_in_a_row_are_known_again_whatever_stands_around_them() -> None:
    theirs = traces().theirs()
    assert theirs.wrote("Yesterday: THE LADDER, leans behind the door")
    assert not theirs.wrote("the ladder leans beside the shed")


def test_what_others_wrote_too_is_no_trace_of_anybody() -> None:
    assert not traces(WROTE).theirs().wrote(WROTE)
    assert traces("the ladder leans behind the").theirs().wrote("behind the shed that I")


def test_a_short_text_is_known_as_a_whole_and_a_very_short_one_not() -> None:
    assert len(list(digests_of("reset my router", KEY))) == 1
    assert list(digests_of("thank you", KEY)) == []


def test_without_the_key_nobody_can_try_a_text_out() -> None:
    assert not set(digests_of(WROTE, KEY)) & set(digests_of(WROTE, b"another key"))


def test_an_id_is_known_alone_in_a_document_s_name_and_inside_a_text() -> None:
    long = "3f2a9c01b7d43f2a9c01b7d43f2a9c01"
    theirs = traces(names=frozenset({"k1", long})).theirs()
    assert all(theirs.names(text) for text in ("k1", "correction:k1", "correction:k1#0", f"about {long}: done"))
    assert not any(theirs.names(text) for text in ("k11", "about k1 and others", long + "0"))


def test_of_a_very_long_text_only_so_many_digests_are_kept() -> None:
    assert len(distinctive([" ".join(str(number) for number in range(3 * MOST))], (), KEY)) <= MOST
