"""What belongs together in a page of HTML stays together in Markdown, and what only leads elsewhere goes."""

import pytest

from ingest.reading.formats.html import from_html


def lines(html: str) -> list[str]:
    return [line for line in from_html(html).text.splitlines() if line.strip()]


def test_members_of_a_class_stay_below_it() -> None:
    page = """<dl><dt>class Pump</dt><dd>It pumps.<dl><dt>start(speed)</dt><dd>Starts it.</dd>
        <dt>stop()</dt><dt>halt()</dt><dd>Stops it.</dd></dl></dd><dt>class Valve</dt><dd>It closes.</dd></dl>"""
    assert lines(page) == [
        "- **class Pump**",
        "  It pumps.",
        "  - **start(speed)**",
        "    Starts it.",
        "  - **stop()**",
        "    **halt()**",
        "    Stops it.",
        "- **class Valve**",
        "  It closes.",
    ]


@pytest.mark.parametrize("inside", ["<p>Or this.</p>", "<h3>More</h3>"])
def test_definitions_keep_what_no_list_of_items_can_hold(inside: str) -> None:
    page = f"<dl><dt>a<dd>A.<dl><dt>b<dd>B.</dl>{inside}</dd></dl>"
    wrapped = f"<dl>{inside}<dt>a<dd>A.<dl><dt>b<dd>B.</dl></dl>"
    for html in (page, wrapped):
        assert all(word in from_html(html).text for word in ("**a**", "A.", "**b**", "B.", inside[-9:-5].lstrip(">")))


def test_deep_definitions_take_no_time_that_grows_as_a_square() -> None:
    assert "word" in from_html("<dl><dt>a<dd>b" * 2000 + "word").text


def test_headings_in_a_list_are_headings_of_the_page() -> None:
    page = "<ul><li><h3>Methods</h3><ul><li><section><h4>run</h4>Runs it.</section></ul></ul><ul><li>x<li>y</ul>"
    assert lines(page) == ["### Methods", "#### run", "Runs it.", "- x", "- y"]
    assert lines("<ol><li><h3>Open</h3>Turn.</ol>")[0] == "1. ### Open", "a step keeps its number"


def test_a_first_row_that_nothing_calls_a_header_is_a_row_as_the_others() -> None:
    assert lines("<table><tr><td>-a<td>All.<tr><td>-b<td>Both.</table>") == [
        "|  |  |",
        "| --- | --- |",
        "| -a | All. |",
        "| -b | Both. |",
    ]
    assert (
        lines("<table><tr><td><b>Option</b><td><b>Use</b><tr><td>-a<td>All.</table>")[0] == "| **Option** | **Use** |"
    )


def test_rows_between_headings_in_a_table_stay_rows() -> None:
    page = """<table><tr><td colspan=2><h2>Functions</h2></td></tr><tr><td>int</td><td>open (path)</td></tr>
        <tr><td></td><td>Opens it.</td></tr><tr><td colspan=2> </td></tr><tr><td>void</td><td>close ()</td></tr>
        <tr><td colspan=2><h2>Types</h2></td></tr><tr><td><p>One.</p><p>Two.</p></td><td>Three.</td></tr></table>"""
    assert lines(page) == [
        "## Functions",
        "|  |  |",
        "| --- | --- |",
        "| int | open (path) |",
        "|  | Opens it. |",
        "| void | close () |",
        "## Types",
        "One.",
        "Two.",
        "Three.",
    ]


def test_code_whose_lines_end_with_line_breaks_is_one_block() -> None:
    page = "<p><code>a = 1<br>  b = 2<br/>c</code></p><table><tr><th>x<tr><td><code>d<br>e</code></table>"
    assert lines(page)[:5] == ["```", "a = 1", "  b = 2", "c", "```"]
    assert lines(page)[-1] == "| `d e` |"


MENU = "<table><tr><td>[<a href=#top> &lt; </a>]<td>[<a href=#toc>Contents</a>]<td>[ Up ]</table>"


def test_links_to_pages_that_stand_three_times_on_a_page_are_a_menu_and_stay_once() -> None:
    menu = MENU.replace("[ Up ]", "[<a href=#up>Up</a>]")
    content = from_html(f"<p>Zero.</p>{menu}<p>One.</p>{menu}<p>Two.</p>{menu}<p>Three.</p>")
    assert content.text.split("\n\n") == [
        *("Zero.", "| [ < ] | [Contents] | [Up] |\n| --- | --- | --- |", "One.", "Two.", "Three.\n"),
    ]
    assert [(removal.what, removal.count) for removal in content.removed] == [("navigation", 2)]


def test_files_to_download_stay_however_often_their_links_read_the_same() -> None:
    files = "<p><a href=v{}.zip>ZIP</a> <a href=v{}.msi>MSI</a></p>"
    page = "".join(f"<h2>Version {number}</h2>{files.format(number, number)}" for number in range(4))
    assert all(f"v{number}.msi" in from_html(page).text for number in range(4))


@pytest.mark.parametrize(
    ("foot", "goes"),
    [
        ("<p>© 2015-2022, Pump developers.</p>", True),
        ("<footer><p><small>Copyright &copy; 2009 T. Castle. All Rights Reserved.</small></p></footer>", True),
        (
            "<address class=footer>Generated on Thu Jan 5 2023 by <a href=https://x.org>doxygen</a> 1.9.4</address>",
            True,
        ),
        ("<div>©2017, N. H. | Powered by <a href=https://x.org>Sphinx 5.3.0</a> &amp; Alabaster 0.7.12</div>", True),
        ("<p>© Copyright 2023, Pump. Last updated on March 31, 2023. Created using Sphinx 5.3.0.</p>", True),
        ("<p>© Copyright 2023, Pump. Last updated on March 31, 2023. Write to a@example.com.</p>", False),
        ("<footer>© 2024 ACME. Call 0800 123 456.</footer>", False),
        ("<p>&copy; Copyright 2020, A. Writer. Created using <a href=https://x.org>Sphinx</a> 5.0.2.</p>", True),
        ("<p>(a) One.</p><p>(b) Two.</p><p>(c) The supplier shall pay.</p>", False),
        ("<div><p>(c) The supplier must give notice within a month.</p><p>Signed by both.</p></div>", False),
        ("<p>Copyright 2020 Acme. Warning: never open the case while it is plugged in.</p>", False),
        ("<footer>Licences for Doxygen are ordered from Ms Smith in room Berlin.</footer>", False),
        ("<p>Copyright infringements are to be reported to the office.</p>", False),
        ("<p>We write our pages with Doxygen.</p>", False),
        ("<footer>Open from Monday to Friday.</footer>", False),
    ],
)
def test_a_page_ends_without_its_copyright_notice_and_its_generator_s_mark_alone(foot: str, goes: bool) -> None:
    page = f"<head><meta name=generator content='Doxygen 1.9.4'></head><body><p>Turn it.</p>{foot}</body>"
    content = from_html(page)
    assert (content.text.strip() == "Turn it.") is goes
    assert bool(content.removed) is goes


def test_a_program_of_a_block_a_line_is_code_without_its_numbers_and_hints() -> None:
    rows = "".join(f"<div class=line><span class=lineno> {n}</span>{code}</div>" for n, code in ((7, "{"), (8, "}")))
    content = from_html(f"<div class=fragment>{rows}<div class=ttc>pump Definition pump.h:7</div></div><p>End.")
    assert [line for line in content.text.splitlines() if line] == ["```", "{", "}", "```", "End."]
    assert {removal.what for removal in content.removed} == {"line numbers", "hints in programs"}


def test_a_grid_of_blocks_that_names_its_columns_is_a_table() -> None:
    cells = [("table-header col-first", "Type"), ("table-header col-last", "Method"), ("col-first", "void")]
    grid = "".join(
        f"<div class='{names}'>{said}</div>" for names, said in [*cells, ("col-last", "<code>stop()</code>")]
    )
    assert lines(f"<div class=summary-table>{grid}</div>") == [
        "| Type | Method |",
        "| --- | --- |",
        "| void | `stop()` |",
    ]


def test_a_foot_of_links_and_a_sidebar_with_parts_of_the_page_are_menus() -> None:
    parts = "".join(f"<li><a href=#{part}>{part}</a>" for part in ("care", "reset", "test"))
    links = "<a href=https://x.org/a>About</a> <a href=https://x.org/b>Brand</a> Apache 2.0"
    page = f"<h1>Pump</h1><p>Turn it.</p><div class=docs-sidebar><ul>{parts}</ul></div><footer>{links}</footer>"
    assert from_html(page).text.split() == ["#", "Pump", "Turn", "it."]
    languages = "<ul role=menu><li><a href=/de/>Deutsch</a></ul><ul><li><a href=b.html>Hoses</a></ul>"
    page = f"<h1>Pump</h1><p>Turn it.</p><div class=docs-sidebar>{languages}</div>"
    assert from_html(page).text.split() == ["#", "Pump", "Turn", "it."]
    more = '<p>Call <a href="tel:555">555</a> <a href=care.html>when the pump stands still</a></p>'
    assert "555" in from_html(page.replace(languages, languages + more)).text
    called = f"<h1>Pump</h1><p>Turn it.</p><footer>{links} Call 555</footer>"
    assert "555" in from_html(called).text


def test_a_long_name_of_a_heading_takes_no_time_that_doubles_with_each_word() -> None:
    """An id such as Asciidoctor makes of a heading, with the letters `nav` in one of its words."""
    name = "_what_to_do_when_it_is_unavailable" + "_and_more" * 40
    page = f"<h2 id={name}!>Gone</h2><div class='{'a_' * 60}!'><p>Wait.</p></div>"
    assert lines(page) == ["## Gone", "Wait."]


def test_sidebars_within_sidebars_take_no_time_that_doubles_with_each() -> None:
    page = f"{'<div class=sidebar>' * 60}<a href=a.html>A</a>{'</div>' * 60}<p>Wait.</p>"
    assert lines(page)[-1] == "Wait."


DOXYGEN = """<head><title>Tank: pump Struct Reference</title><meta name=generator content="Doxygen 1.9.4"></head><body>
    <div id=top><div id=titlearea><table><tr><td><div id=projectname>Tank <span>1.2</span></div>
    <div id=projectbrief>Moves water.</div></table></div></div>
    <div id=nav-path class=navpath><ul><li class=navelem><a class=el href=dir_1.html>src</a></ul></div>
    <div class=header><div class=summary><a href="#pub-attribs">Data Fields</a></div>
    <div class=headertitle><div class=title>{title}
    <div class=ingroups><a class=el href=g.html>Pumps</a></div></div></div></div>
    <div class=contents><p>A pump. <a href="#details">More...</a></p>
    <div class=dynheader>Collaboration diagram for pump:</div>
    <div class=dyncontent><div class=center><img src=p.png usemap="#m" alt="Collaboration graph"></div>
    <map name=m><area href=v.html title=valve alt=""></map>
    <center><span class=legend>[<a href=l.html>legend</a>]</span></center></div>
    <p>See <a class=el href="#more">What is more...</a></div>"""


def test_a_page_of_doxygen_is_its_title_and_what_it_says() -> None:
    content = from_html(DOXYGEN.format(title="pump Struct Reference"))
    assert [line for line in content.text.splitlines() if line] == [
        "# pump Struct Reference",
        "Pumps",
        "A pump.",
        "Collaboration diagram for pump: valve",
        "See What is more...",
    ]
    [removed] = [removal for removal in content.removed if removal.what == "furniture of generated pages"]
    assert removed.lines == ("Tank 1.2 Moves water.", "src", "Data Fields", "More...")


def test_the_first_page_of_doxygen_still_says_what_the_project_is() -> None:
    assert any("Moves water." in line for line in lines(DOXYGEN.format(title="Tank Documentation")))


def test_the_names_of_doxygen_mean_nothing_in_other_pages() -> None:
    page = "<div id=titlearea>Pumps of 2024</div><div class=header><div class=summary>All stop at 5 °C.</div></div>"
    assert lines(f"<body>{page}<p>Read <a href='#end'>on...</a></p>") == [
        "Pumps of 2024",
        "All stop at 5 °C.",
        "Read on...",
    ]


def test_signatures_and_code_of_sphinx_have_no_links_to_each_other() -> None:
    page = """<dl><dt>stop()<a class="reference internal" href="_modules/p.html#stop"><span class=viewcode-link><span
        class=pre>[source]</span></span></a></dt><dd>Stops it.</dd></dl><div class=highlight><pre><a class=viewcode-back
        href="../p.html#stop">[docs]</a>def stop():
    pass</pre></div>"""
    text = from_html(page).text
    assert "[source]" not in text
    assert "[docs]" not in text
    assert "def stop():\n    pass" in text


@pytest.mark.parametrize(
    ("block", "goes"),
    [
        ("<ul><li><a href=x.html>Examples</a><li>Stopping the pump<li><a href=s.txt>View source</a></ul>", True),
        ("<ul><li><a href=x.html>Examples</a><li>Never open it while it runs<li><a href=s.txt>Source</a></ul>", False),
    ],
)
def test_the_way_to_a_page_ends_with_its_title_and_goes(block: str, goes: bool) -> None:
    page = f"<div role=navigation>{block}</div><h1>Stopping the pump<a href='#s'>¶</a></h1><p>{'Turn it. ' * 9}</p>"
    assert ("Examples" not in from_html(page).text) is goes


def test_a_link_back_to_the_first_page_is_no_content_at_a_page_s_end() -> None:
    page = "<p>Turn it, see <a href=index.html>the start</a>.</p>{}<p>Stop it.</p>{}"
    back = "<p><a href=index.html>[return]</a></p>"
    assert lines(page.format("", back)) == ["Turn it, see the start.", "Stop it."]
    assert lines(page.format(back, "")) == ["Turn it, see the start.", "[return]", "Stop it."]
