"""reStructuredText."""

import time

import pytest

from ingest.reading.formats.rst import from_rst


def lines(text: str) -> list[str]:
    return [line.strip() for line in from_rst(text).text.splitlines() if line.strip()]


def test_headings_code_tables_and_notes_become_markdown() -> None:
    source = """.. _top:

Pump
====

Reset
-----

Hold ``KEY_1`` for |time|.

.. |time| replace:: ten seconds

.. code-block:: bash
   :linenos:

   # hold
   $ hold

.. warning:: Hot.

====  ====
Mode  W
====  ====
Eco   5
====  ====
"""
    assert from_rst(source).title == "Pump"
    assert lines(source) == [
        "# Pump", "## Reset", "Hold `KEY_1` for ten seconds.", "```bash", "# hold", "$ hold", "```",
        "**Warning:** Hot.", "| Mode | W |", "| --- | --- |", "| Eco | 5 |",
    ]  # fmt: skip


def test_roles_and_directives_that_docutils_does_not_know_keep_their_text() -> None:
    source = """See :ref:`the guide <guide>`, :doc:`/install`, :class:`~a.B`, :issue:`12` and |undefined|.

.. tabs::

   .. tab:: Linux

      Use apt.

.. toctree::
   :maxdepth: 2

   Install it <install>
   faq

.. versionadded:: 1.2
.. index:: hidden
.. function:: foo(a)

   Does it.
"""
    assert lines(source) == [
        "See the guide, /install, a.B, issue 12 and |undefined|.", "**Linux**", "Use apt.", "- Install it", "- faq",
        "*Added in version 1.2*", "**foo(a)**", "Does it.",
    ]  # fmt: skip


def test_what_docutils_refuses_stays_as_it_is_written_and_none_of_its_messages_does() -> None:
    source = """Title
=====

Bad
---
Text *open and `x <y>`_ and :nope:`z`.

.. include:: /etc/hostname

.. image:: a.png
   :nonsense: 1
   :alt: The valve

.. csv-table:: Rates
   :file: rates.csv

Odd
~~~~~
 indented
back
"""
    text = from_rst(source).text
    assert "System Message" not in text
    for kept in ("Text *open", "Included file: /etc/hostname", ":alt: The valve", "rates.csv", "indented", "back"):
        assert kept in text


def test_raw_html_is_read_as_html() -> None:
    assert lines(".. raw:: html\n\n   <p>Hold <b>it</b>.</p><script>x()</script>\n") == ["Hold **it**."]


@pytest.mark.parametrize(
    "source",
    [
        "*a " * 20_000,
        "".join(f".. |a{n}| replace:: |a{n - 1}| |a{n - 1}|\n" for n in range(1, 30)) + "\n|a29|\n",
        "".join("  " * depth + "- x\n\n" for depth in range(400)),
    ],
)
def test_text_that_would_keep_docutils_busy_or_break_it_stays_as_it_is_written(source: str) -> None:
    begun = time.monotonic()
    assert from_rst(source).text == source
    assert time.monotonic() - begun < 10


def test_signatures_methods_of_http_and_types_of_options_stay() -> None:
    source = """.. class:: Pump(mode)

   A pump.

.. http:get:: /pumps

   All pumps.

.. confval:: speed
   :type: int
   :default: ``5``

   Turns.

.. deprecated:: 3.2
   Use y.

.. class:: styled

Text.
"""
    assert lines(source) == [
        "**class Pump(mode)**", "A pump.", "**GET /pumps**", "All pumps.", "**speed**", "Type: int", "Default: `5`",
        "Turns.", "*Deprecated since version 3.2: Use y.*", "Text.",
    ]  # fmt: skip


def test_code_without_an_empty_line_before_it_stays() -> None:
    assert lines(".. code-block:: bash\n   ls -l\n   pwd\n") == ["```bash", "ls -l", "pwd", "```"]


def test_cells_that_a_page_runs_are_code_and_what_sets_tests_up_or_names_a_style_is_not_shown() -> None:
    source = """.. testsetup::

   import pump

.. rst-class:: wide

Start it:

.. jupyter-execute::
   :hide-output:

   for each in pumps:
       each.start()
"""
    assert lines(source) == ["Start it:", "```", "for each in pumps:", "each.start()", "```"]


def test_an_indented_list_is_no_quotation() -> None:
    assert lines("Ways:\n\n  - first\n  - second\n") == ["Ways:", "- first", "- second"]


def test_a_list_of_the_headings_is_left_to_them() -> None:
    assert lines("Pump\n####\n\n.. contents:: Here\n   :local:\n\nStart\n=====\n\nPress.") == [
        "# Pump",
        "## Start",
        "Press.",
    ]


def test_a_term_stands_apart_from_its_kind_and_a_file_that_is_included_is_named() -> None:
    assert lines("eggs : int\n   How many.") == ["**eggs: int**", "How many."]
    assert lines("Intro.\n\n.. include:: common.txt\n   :start-after: x\n") == ["Intro.", "*Included file: common.txt*"]
    assert lines(".. include:: <isonum.txt>\n\nText.") == ["Text."]
    assert lines(".. deprecated:: 3.1\n   Use *foo*.") == ["*Deprecated since version 3.1: Use foo.*"]


def test_what_stands_below_a_picture_may_be_several_paragraphs() -> None:
    assert lines(".. figure:: a.png\n   :alt: A pump\n\n   Caption.\n\n   Legend.") == ["A pump", "Caption.", "Legend."]


def test_what_one_should_see_too_is_labelled_in_its_own_paragraph() -> None:
    assert lines(".. seealso::\n\n   The guide.\n\nMore.") == ["**See also:** The guide.", "More."]
    assert lines(".. seealso:: The guide.\n\nMore.") == ["**See also:** The guide.", "More."]


def test_options_that_are_indented_further_are_no_heading() -> None:
    assert lines(".. change::\n    :tags: bug, sql\n    :tickets:\n\n  It is mended.") == ["It is mended."]


def test_the_name_of_a_setting_above_its_own_heading_does_not_end_the_section_before() -> None:
    source = "Top\n===\n\nOne\n---\n\nText.\n\n.. setting:: two\n\n``two``\n-------\n\nMore."
    assert lines(source) == ["# Top", "## One", "Text.", "## `two`", "More."]
