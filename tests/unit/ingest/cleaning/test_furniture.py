"""Running heads and page numbers, and lines that only look like them."""

from collections.abc import Callable

import pytest

from ingest.cleaning.furniture import without_furniture
from ingest.reading.raw import PAGE_BREAK

BODY = "\n".join(
    f"Sentence {word} of this page tells what nobody else tells."
    for word in ("one", "two", "three", "four", "five", "six")
)
ROMAN = ("i", "ii", "iii", "iv", "v", "vi")


def book(page: Callable[[int], str], pages: int = 6) -> str:
    return f"\n{PAGE_BREAK}\n".join(page(number) for number in range(1, pages + 1))


def unchanged(text: str) -> bool:
    return without_furniture(text) == (text, ())


def test_page_numbers_go_and_are_listed() -> None:
    text, removed = without_furniture(book(lambda page: f"{BODY} {'x' * page}\nPage {page} of 6"))
    assert "Page" not in text
    assert text.count(BODY) == 6
    assert [(removal.count, removal.lines[:2]) for removal in removed] == [(6, ("Page 1 of 6", "Page 2 of 6"))]


@pytest.mark.parametrize(
    "form", ["{}", "- {} -", "Seite {}", "p. {}", "[{}]", "{} / 6", "第{}页", "стр. {}", "{} von 6"]
)
def test_a_page_number_may_be_written_in_many_ways(form: str) -> None:
    text, removed = without_furniture(book(lambda page: f"{form.format(page + 10)}\n{BODY}"))
    assert text == book(lambda page: BODY)
    assert removed[0].count == 6


def test_roman_numbers_count_and_numbers_may_begin_again() -> None:
    text, _ = without_furniture(book(lambda page: f"{BODY}\n{ROMAN[page - 1] if page < 4 else page - 3}"))
    assert text == book(lambda page: BODY)


def test_a_running_head_of_several_lines_stays_where_it_stands_first() -> None:
    text, removed = without_furniture(book(lambda page: f"Handbook of pumps\nFirst edition 2024\n\n{BODY}\n{page}"))
    assert text.count("Handbook of pumps") == text.count("First edition 2024") == 1
    assert text.count(BODY) == 6
    assert (removed[0].count, removed[0].lines[:2]) == (5 + 5 + 6, ("Handbook of pumps", "First edition 2024"))


def test_left_and_right_pages_may_have_heads_of_their_own() -> None:
    def page(number: int) -> str:
        return f"{f'{number} / 8  Handbook of pumps' if number % 2 else f'All about valves  {number}'}\n{BODY}"

    text, removed = without_furniture(book(page, 8))
    assert (text.count("Handbook"), text.count("valves"), removed[0].count) == (1, 1, 6)


@pytest.mark.parametrize(
    "line",
    [
        lambda page: f"Error code {(17, 21, 34, 48, 51, 60)[page - 1]}",
        lambda page: f"Error code {page + 16}",  # counts, but no pages
        lambda page: f"Model {4400 + 10 * page}",
        lambda page: (17, 21, 34, 48, 51, 60)[page - 1],
        lambda page: f"Lesson {page}",
        lambda page: f"Ventil {page}: rot",
    ],
)
def test_a_line_whose_numbers_do_more_than_count_pages_stays(line: Callable[[int], str]) -> None:
    assert unchanged(book(lambda page: f"{line(page)}\n{BODY}"))
    assert unchanged(book(lambda page: f"{BODY}\n{line(page)}"))


def test_a_line_on_fewer_than_three_pages_or_60_percent_of_them_stays() -> None:
    assert unchanged(book(lambda page: f"Warning of heat\n{BODY}", 2))
    assert unchanged(book(lambda page: f"{'Warning of heat' if page < 6 else f'Other {chr(90 + page)}'}\n{BODY}", 10))


def test_heads_that_change_with_the_chapter_go_where_their_numbers_count_the_pages() -> None:
    def page(number: int) -> str:
        chapter = "Valves" if number < 5 else "Pumps"
        if number in (1, 5):
            return f"# {1 + number // 5} {chapter}\n{BODY}\n{number}"
        return f"{f'{number}   The manual' if number % 2 else f'Chapter 1: {chapter}   {number}'}\n{BODY}"

    text, removed = without_furniture(book(page, 12))
    assert "Chapter" not in text
    assert [line for line in text.split("\n") if line.strip("\f") and line not in BODY] == [
        "# 1 Valves",
        "3   The manual",  # said nowhere else
        "# 2 Pumps",
    ]
    assert removed[0].count == 11


def test_heads_without_numbers_go_where_most_pages_repeat_them_and_the_chapter_is_named_so() -> None:
    def page(number: int) -> str:
        title = ("Valves", "Pumps", "Hoses")[(number - 1) // 4]
        start = f"# {title}\nAll about it.\n" if number % 4 == 1 else f"{title}\n"
        return f"{start}{BODY}"

    text, removed = without_furniture(book(page, 12))
    assert removed[0].count == 9
    assert text.count("# ") == 3
    assert text.count(BODY) == 12


SECTIONS = ("Valves", "Pumps", "Hoses", "Seals", "Filters", "Taps")


def test_feet_that_name_each_pages_own_section_go_where_their_numbers_count_the_pages() -> None:
    def page(number: int, foot: str = "") -> str:
        return f"This is {'x' * number}.\n## {SECTIONS[number - 1]}\n{BODY}{foot}"

    def numbered(number: int) -> str:
        name = SECTIONS[number - 1]
        return page(number, f"\n{name}   {number}" if number % 2 else f"\n{number}   {name}")

    text, removed = without_furniture(book(numbered))
    assert text == book(page)
    assert removed[0].count == 6


def test_a_chapters_title_goes_from_the_only_page_that_repeats_it_where_the_other_pages_repeat_theirs() -> None:
    def page(number: int) -> str:
        name = SECTIONS[(number - 1) // 3]
        return f"# {name}\n{BODY}" if number % 3 == 1 else f"{name}\n{BODY}"

    text, removed = without_furniture(book(page, 14))
    assert removed[0].count == 9
    assert [line for line in text.split("\n") if "Filters" in line] == ["# Filters"]


def test_a_head_in_bigger_letters_that_stays_where_it_stands_first_is_no_heading() -> None:
    text, _ = without_furniture(book(lambda page: f"# Pumps\n{BODY}\n###### All rights reserved: Pumps | {page}", 8))
    assert text.count("All rights") == 1
    assert "###### All" not in text


@pytest.mark.parametrize("title", ["{}   {}", "{} | {}"])
def test_numbered_titles_of_pages_stay_though_a_table_of_contents_names_them(title: str) -> None:
    names = ("Start", "Filling", "Heat", "Noise", "Leaks", "Dirt", "Rust", "Ends")
    contents = "\n".join(f"{number} {name} ... {number}" for number, name in enumerate(names, 1))
    assert unchanged(
        f"Contents\n{contents}\nThat is all.\n{PAGE_BREAK}\n"
        + book(lambda page: f"{title.format(page, names[page - 1])}\n{BODY}", 8)
    )


def test_a_section_number_that_happens_to_be_the_pages_stays() -> None:
    def page(number: int) -> str:
        return f"{number + 3}\n{BODY}\n{'4.9' if number == 6 else 'So it ends ' + 'x' * number}"

    text, _ = without_furniture(book(page, 8))
    assert "4.9" in text


def test_feet_of_slides_that_are_built_up_on_several_pages_go() -> None:
    text, removed = without_furniture(book(lambda page: f"{BODY}\nPumps for all   {(page + 1) // 2} / 9", 12))
    assert text == book(lambda page: f"{BODY}\nPumps for all   1 / 9" if page == 1 else BODY, 12)
    assert removed[0].count == 11


def test_no_more_than_15_percent_of_a_page_goes() -> None:
    short = book(lambda page: f"The head of the page\nOnly this little line {page * page}.")
    assert unchanged(short)


def test_the_work_grows_with_the_text_alone() -> None:
    long = book(lambda page: "same line\n" * 2000, 100)
    text, removed = without_furniture(long)
    assert removed[0].count <= 100 * 24
    assert text.count("same line") >= 100 * 1900
