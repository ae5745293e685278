"""HTML to Markdown."""

import time
from pathlib import Path

import pytest

from ingest.reading.formats.html import decode_html, from_html, read


def lines(html: str) -> list[str]:
    return [line.strip() for line in from_html(html).text.splitlines() if line.strip()]


def text(html: str) -> str:
    return " ".join(from_html(html).text.split())


PAGE = """<!doctype html><html><head><title>Pump  site</title><style>p {}</style></head><body>
<h1>Pump</h1><p>It has <b>two</b>
modes.</p><h2>Reset <em>it</em></h2><ul><li>Hold.</li><li>Release.</li></ul>
<pre><code class="language-sh">line 1
  # line 2</code></pre><table><tr><th>Mode</th><th>Watts</th></tr><tr><td>Eco</td><td>5</td></tr></table>
<script>alert(1)</script><template>later</template><noscript>no script</noscript></body></html>"""


def test_a_page_becomes_headings_lists_code_and_tables() -> None:
    assert from_html(PAGE).title == "Pump site"
    assert from_html(PAGE).text.split("\n") == [
        "# Pump", "", "It has **two** modes.", "", "## Reset *it*", "", "- Hold.", "- Release.", "",
        "```sh", "line 1", "  # line 2", "```", "",
        "| Mode | Watts |", "| --- | --- |", "| Eco | 5 |", "",
    ]  # fmt: skip
    assert from_html(PAGE).removed == ()


def test_a_page_without_a_title_is_titled_by_its_heading() -> None:
    assert from_html("<h1>Pump</h1><p>Text").title == "Pump"
    assert from_html("<svg><title>icon</title></svg><h1>Pump</h1>").title == "Pump"


@pytest.mark.parametrize(
    ("html", "language"),
    [
        ('<html lang="de-AT"><body><p>Text</p></body></html>', "de-AT"),
        ('<body lang="fr"><p>Text</p></body>', "fr"),
        ('<html lang><p lang="de">Text</p>', ""),
        ("<p>Text</p>", ""),
    ],
)
def test_a_page_names_its_language(html: str, language: str) -> None:
    assert from_html(html).language == language


def test_tags_that_html_lets_out_are_supplied() -> None:
    page = """<title>Prices</title><h1>Prices</h1><p>Two sizes.<ul><li>Hat<li>Coat</ul>
    <table><tr><th>Size<th>Price<tr><td>Small<td>11<tr><td>Big<td>17</table>"""
    assert lines(page) == [
        "# Prices", "Two sizes.", "- Hat", "- Coat",
        "| Size | Price |", "| --- | --- |", "| Small | 11 |", "| Big | 17 |",
    ]  # fmt: skip
    assert text("<dl><dt>Fuse<dd>Type F<dt>Lamp<dd>Type L</dl>") == "**Fuse** Type F **Lamp** Type L"


def test_what_a_page_shows_on_a_click_is_kept() -> None:
    page = """<div class=tab hidden>first</div><div style="display:none">second</div><div aria-hidden="true">third</div>
    <details><summary>Why?</summary>Because.</details><dialog>fourth</dialog>"""
    assert text(page) == "first second third **Why?** Because. fourth"


def test_only_menus_and_banners_about_cookies_are_taken_out_and_they_are_reported() -> None:
    page = """<header>Shop <a href=/>home</a></header><nav><a href=/a>One</a> <a href=/b>Two</a></nav>
    <div class="cookie-banner">We use cookies. <button>Fine</button></div><aside>Beside.</aside>
    <main>Main. <div class="cookie-notice">About our cookie policy.</div></main><p>After.<footer>Call 555.</footer>"""
    content = from_html(page)
    assert " ".join(content.text.split()) == "Shop home Beside. Main. About our cookie policy. After. Call 555."
    assert [(removal.what, removal.count, removal.lines) for removal in content.removed] == [
        ("navigation", 1, ("One Two",)),
        ("cookie banners", 1, ("We use cookies. Fine",)),
    ]


def test_a_menu_stays_where_it_is_all_there_is_or_where_most_of_it_is_no_link() -> None:
    assert text("<nav><ol><li><a href=1>Start</a><li><a href=2>Reset</a></ol></nav>") == "1. Start 2. Reset"
    assert "Turn the valve" in text("<nav><a href=1>x</a><p>Turn the valve to the left first.</nav><p>After it.")


HEAD = """<head><title>2. Reset</title><link rel=prev href=1.html title="1. Start"><link rel=next href=3.html
    title="3. Care"><link rel=home href=index.html title="Pump manual"></head>"""
PREVIOUS, NEXT, HOME = (
    "<a href=1.html>Prev</a>",
    "<a href=3.html><img src=n.png alt=Next></a>",
    "<a href=index.html>Home</a>",
)


@pytest.mark.parametrize(
    ("top", "bottom"),
    [
        (
            f"<div><table><tr><th colspan=2>2. Reset<tr><td>{PREVIOUS}<td>{NEXT}</table><hr></div>",
            f"<table><tr><td>{PREVIOUS}<td><td>{NEXT}<tr><td>1. Start<td>{HOME}<td>3. Care</table>",
        ),
        (f"<p>Next: {NEXT}, Previous: {PREVIOUS} [{HOME}]</p><hr>", f"<center>&lt;&lt; {PREVIOUS} | {NEXT}</center>"),
        ('<div>Next: <a rel="next" accesskey=n href=x.html>Care</a></div>', ""),
        ('<div class="navbar"><a href=a>News</a> <a href=b>Shop</a></div>', '<p><a href=9 rel="up">Top</a></p>'),
        (*["<table><tr><td><a href=a>News</a><td><a href=b>Shop</a></table>"] * 2,),
    ],
)
def test_what_only_leads_to_the_pages_beside_and_above_is_taken_out_and_reported(top: str, bottom: str) -> None:
    content = from_html(f"{HEAD}<body>{top}<div><h1>2. Reset</h1><p>Hold the button.</div>{bottom}</body>")
    assert content.text.replace("---", "").split() == ["#", "2.", "Reset", "Hold", "the", "button."]
    assert [removal.what for removal in content.removed] == ["navigation"]
    assert content.removed[0].count == len(content.removed[0].lines) == 1 + bool(bottom)


@pytest.mark.parametrize(
    "kept",
    [
        f"<p>See the chapter before: {PREVIOUS} explains it.</p>",
        f"<table><tr><td>{PREVIOUS}<td>Starts the pump<tr><td>{NEXT}<td>Cleans it</table>",
        f"<ul><li><a href=0.html>Preface</a><li>{PREVIOUS}</ul>",
        "<table><tr><td><a href=a>Model A</a><td><a href=b>Model B</a></table>",
        f"<h2>{PREVIOUS}</h2>",
    ],
)
def test_links_to_the_pages_beside_stay_in_what_says_more(kept: str) -> None:
    for page in (f"{kept}<h1>2. Reset</h1><p>Hold.", f"<h1>2. Reset</h1><p>Hold.</p>{kept}"):
        content = from_html(f"{HEAD}<body>{page}</body>")
        assert content.removed == ()
        assert {"Prev", "Model"} & set(content.text.split())


@pytest.mark.parametrize(
    "menu",
    [
        "<div class=header><p>Next: <a href='#s3' accesskey=n rel=next>Care</a>, Previous: <a href='#s1' rel=prev>Start"
        "</a>, Up: <a href='#top' rel=up>Pump</a> &nbsp; [<a href='#toc' rel=contents>Contents</a>]</p></div>",
        "<div id=navigation><h2>Modules</h2><ul><li><a href=a.html>Valve</a><li><a href=b.html>Hose</a></ul></div>",
        "<div id=navigation><h1>Pump</h1><ul><li><a href=a.html>Valve</a><li><a href=b.html>Hose</a></ul></div>",
        "<div class='site global-nav'><a href=i.html>Home</a> | <a href=t.html>Index</a></div>",
        "<div id=sidebar><div role=navigation><a href=1.html>Next</a></div><h3>Last update:</h3><p>Nov 11</div>",
    ],
)
def test_a_menu_within_the_page_goes_by_what_the_page_says_of_its_links_or_calls_it(menu: str) -> None:
    content = from_html(f"<h1>2. Reset</h1><p>Hold the button.</p>{menu}<h2>Care</h2><p>Clean it.")
    assert content.text.split() == ["#", "2.", "Reset", "Hold", "the", "button.", "##", "Care", "Clean", "it."]
    assert [(removal.what, removal.count) for removal in content.removed] == [("navigation", 1)]


@pytest.mark.parametrize(
    "kept",
    [
        "<p>Next: <a href='#s3' rel=next>Care</a>, which tells how to clean it, <a href='#s1' rel=prev>Start</a>.</p>",
        "<aside class=sidebar><p>See also</p><ul><li><a href=a.html>Valve</a><li><a href=b.html>Hose</a></ul></aside>",
        "<div class=navigate-menu><a href=a.html>Valve</a> <a href=b.html>Hose</a></div>",
        "<ul><li><a href=a.html>Valve</a><li><a href=b.html>Hose</a></ul>",
    ],
)
def test_links_within_the_page_stay_where_nothing_proves_that_they_are_a_menu(kept: str) -> None:
    content = from_html(f"<h1>2. Reset</h1><p>Hold the button.</p>{kept}<h2>Care</h2><p>Clean it.")
    assert content.removed == ()
    assert {"Valve", "Care,"} & set(content.text.replace("[", " ").replace("]", " ").split())


def test_around_the_main_part_that_a_page_names_links_to_pages_go_and_ways_to_reach_people_stay() -> None:
    page = "<div><ul><li><a href=a.html>Valve</a><li><a href=b.html>Hose</a></ul><p>Of the year 2020.</p></div>"
    main = "<main><h1>Reset</h1><p>Hold the button until the lamp is red, then let it go.</main>"
    contact = "<p><a href='mailto:a@example.org'>Write to us</a></p>"
    content = from_html(f"<div>{page.replace('<p>Of the year 2020.</p>', '')}{main}</div>{contact}")
    assert content.removed[0].lines == ("Valve Hose",)
    assert "Write to us" in content.text
    assert from_html(f"<div>{page}<p>Hold the button.</div>").removed == ()


def test_a_page_of_links_to_other_pages_keeps_them() -> None:
    assert text(f"{HEAD}<body><p>{PREVIOUS} | {NEXT}</p></body>") == "Prev | Next"


def test_rows_and_headings_that_cells_span_say_so_in_each_row() -> None:
    page = """<table><tr><th rowspan=2>Day<th colspan=2>Price<tr><th>Child<th>Adult
    <tr><td rowspan=2>Monday<td>4<td>9<tr><td>5<td>10<tr><td colspan=2>closed<td>-</table>"""
    assert lines(page) == [
        "| Day | Price Child | Price Adult |", "| --- | --- | --- |",
        "| Monday | 4 | 9 |", "| Monday | 5 | 10 |", "| closed |  | - |",
    ]  # fmt: skip


def test_lines_and_items_in_a_cell_stay_apart_and_a_bar_in_it_divides_no_cells() -> None:
    page = "<table><tr><td>a|b<td>Mon<br>Tue<td><ul><li>x<li>y</ul></table>"
    assert lines(page)[0] == r"| a\|b | Mon Tue | x ; y |"


def test_tables_that_only_place_things_become_their_blocks_and_an_inner_table_stays_one() -> None:
    page = "<table><tr><td><h2>Left</h2>menu<td><pre>a\nb</pre><table><tr><td>1<td>2</table></table>"
    assert lines(page) == ["## Left", "menu", "```", "a", "b", "```", "| 1 | 2 |", "| --- | --- |"]


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("10<sup>-5</sup> m<sup>2</sup>", "10^-5 m^2"),
        ("x<sup>n+1</sup>, 2<sup>10</sup>", "x^(n+1), 2^10"),
        ("the 1<sup>st</sup>", "the 1st"),
        ('note<sup><a href="#f1">1</a></sup> and <a href="#f2"><sup>2</sup></a>', "note[1] and [2]"),
        ("H<sub>2</sub>O, x<sub>i</sub>, log<sub>2</sub>8", "H2O, x_i, log_2 8"),
        ("<del>50</del> <ins>60</ins> <s>70</s>", "60 ~~70~~"),
        ('<abbr title="World Health Organization">WHO</abbr>', "WHO (World Health Organization)"),
        ("<ruby>漢<rp>(</rp><rt>kan</rt><rp>)</rp></ruby>", "漢(kan)"),
        ("&euro;50 &lt;T&gt; &amp; a_b_c 2*3", "€50 <T> & a_b_c 2*3"),
        ("<math><msup><mi>x</mi><mn>2</mn></msup><mo>+</mo><mfrac><mn>1</mn><mi>yz</mi></mfrac></math>", "x^2+1/(yz)"),
        (
            '<span><span><math><mi>E</mi><annotation encoding="application/x-tex">E=mc^2</annotation></math></span>'
            '<span aria-hidden="true">E=mc2</span></span>',
            "E=mc^2",
        ),
    ],
)  # fmt: skip
def test_signs_that_change_what_a_text_says_are_kept(html: str, expected: str) -> None:
    assert text(f"<p>{html}</p>") == expected


def test_pictures_are_what_they_show_and_forms_what_they_say() -> None:
    assert text('<p>Press <img src="data:image/png;base64,AAAA" alt="the red button">.<img src=x.png>') == (
        "Press the red button."
    )
    form = """<label>Name <input placeholder="Your name"></label> <input type=submit value="Send">
    <input type=hidden value=x>
    <select><option>Red<option>Blue</select><button>Reset</button>"""
    assert text(form) == "Name Your name Send Red / Blue Reset"


def test_links_keep_the_targets_that_an_answer_may_need() -> None:
    page = """<a href="mailto:help@pump.example">Mail</a> <a href="tel:+4930">call</a>
    <a href="/fw/pump.zip">firmware</a> <a href="https://pump.example/x">site</a> <a href="next.html#a">next</a>
    <a href="/guide/">guide</a> <a href="#top">top</a>
    <a href="https://pump.example/y">https://pump.example/y</a> <a href="javascript:x()">menu</a>"""
    assert text(page) == (
        "[Mail](mailto:help@pump.example) [call](tel:+4930) [firmware](/fw/pump.zip) [site](https://pump.example/x) "
        "next guide top https://pump.example/y menu"
    )


def test_a_very_long_address_is_left_out_whole_and_told_of() -> None:
    address = "https://shop.example.org/find?" + "q=spare+parts&" * 20
    content = from_html(f'<p>See <a href="{address}">all spare parts</a> and <a href="/x#{"y" * 300}">more</a>.</p>')
    assert content.text.strip() == "See all spare parts and more."
    [removal] = content.removed
    assert (removal.what, removal.count, removal.lines) == (
        "addresses longer than 200 characters",
        1,
        (address[:300],),
    )


def test_the_sign_of_a_link_to_a_heading_is_no_part_of_it() -> None:
    assert lines('<h2>Reset<a class="headerlink" href="#reset" title="Link">¶</a></h2>') == ["## Reset"]


def test_a_line_of_text_that_looks_like_markdown_stays_text() -> None:
    assert lines("<p># no heading<p>- no item") == ["\\# no heading", "\\- no item"]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b'<meta charset="iso-8859-1">\x8050 caf\xe9', "€50 café"),
        (b'<meta charset="ascii">\x93so\x94', "“so”"),
        (b'<meta http-equiv=Content-Type content="text/html; charset=windows-1251">\xcd\xe0\xf1\xee\xf1', "Насос"),
        ('<meta charset="utf-16">café'.encode(), "café"),
        ('<meta charset="iso-8859-1">café'.encode(), "café"),
        ('<meta charset="nonsense">café'.encode(), "café"),
        (b'<!-- <meta charset="koi8-r"> --><meta charset="latin1">\x80', "€"),
        ('<meta charset="shift_jis">電源'.encode("shift_jis"), "電源"),
        ("\ufeff<p>café".encode("utf-16"), "café"),
        ('<?xml version="1.0" encoding="iso-8859-15"?><p>\u20ac'.encode("iso-8859-15"), "€"),
    ],
)
def test_a_page_is_decoded_as_browsers_do(data: bytes, expected: str) -> None:
    assert decode_html(data).endswith(expected)


def test_elements_that_xhtml_closes_by_themselves_swallow_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.xhtml"
    path.write_text(
        '<?xml version="1.0"?><html><head><title/><script src="x"/></head><body><div/><p>a<br/>b &lt; '
        "<![CDATA[c < d]]></p></body></html>"
    )
    assert " ".join(read(path).text.split()) == "a b < c < d"


@pytest.mark.parametrize("tag", ["div", "b", "table><tr><td", "ul><li", "blockquote", "font", "section", "x-y"])
def test_tags_nested_absurdly_deep_lose_no_text(tag: str) -> None:
    begun = time.monotonic()
    result = text(f"<p>before<{tag}>" + f"<{tag}>" * 10_000 + "deep</p><p>after")
    assert "before" in result
    assert "deep" in result
    assert "after" in result
    assert time.monotonic() - begun < 20


def test_old_pages_that_never_close_their_fonts_keep_headings_and_tables() -> None:
    page = "<font size=2>x " * 300 + "<h2>Later</h2><table><tr><td>1<td>2</table>"
    assert "## Later" in lines(page)
    assert "| 1 | 2 |" in lines(page)


def test_a_table_of_cells_that_span_everything_grows_no_square() -> None:
    page = "<table>" + "<tr><td rowspan=0 colspan=1000>x" * 3000 + "</table>"
    assert len(from_html(page).text) < 3_000_000


def test_numbers_beside_lines_of_code_go_and_are_reported() -> None:
    content = from_html(
        '<table><tr><td class="linenos"><pre>1\n2</pre></td><td class="code"><pre>a = 1\nb = 2</pre></td></tr></table>'
        '<pre><span class="lineno">1</span>def f(): ...</pre><p>See <span class="lineno">5</span></p>'
    )
    assert content.text.split("\n") == [
        "```", "a = 1", "b = 2", "```", "", "```", "def f(): ...", "```", "", "See 5", "",
    ]  # fmt: skip
    assert [(removal.what, removal.count) for removal in content.removed] == [("line numbers", 2)]


def test_a_label_stands_with_what_it_is_about() -> None:
    page = '<div class="admonition"><p class="admonition-title">Note</p>\n<p>Be <b>careful</b>.</p></div>'
    assert from_html(page).text.strip() == "**Note:** Be **careful**."


def test_headings_by_role_are_headings_and_the_title_has_no_sign_of_its_anchor() -> None:
    page = '<h1>Pump <a class="headerlink" href="#pump">¶</a></h1><div role="heading" aria-level="3">Reset</div>'
    content = from_html(page)
    assert (content.title, content.text.split("\n")) == ("Pump", ["# Pump", "", "### Reset", ""])


def test_several_rows_of_headers_become_one() -> None:
    page = (
        "<table><thead><tr><th rowspan=2>Model<th colspan=2>Power <b>W</b></tr><tr><th>Min<th>Max</tr></thead>"
        "<tr><td>A<td>1<td>2</table>"
    )
    assert lines(page) == ["| Model | Power W Min | Power W Max |", "| --- | --- | --- |", "| A | 1 | 2 |"]


def test_a_line_that_opens_a_heading_is_no_bold_text_around_it() -> None:
    opens = "<summary><section id=reset><a href=#reset>§</a><h3>Reset</h3></section></summary>"
    page = f"<details open>{opens}Hold it.</details>"
    assert lines(page) == ["### Reset", "Hold it."]


def test_terms_are_bold_unless_they_are_code() -> None:
    page = """<dl><dt>Version 1.2 <i>(new)</i><dd>It runs.<dt><code>--all</code><dd>All.
        <dt><b>-f</b>, <b>--file</b>=<i>x</i><dd>F.</dl>"""
    assert lines(page) == ["**Version 1.2 (new)**", "It runs.", "`--all`", "All.", "**-f, --file=x**", "F."]


def test_a_menu_of_pictures_is_navigation() -> None:
    page = (
        "<table class=navigation><tr><td><a href=1><img alt=Prev></a><td><a href=2><img alt=Up></a><th>Manual</table>"
    )
    assert text(f"{page}<p>Turn it.") == "Turn it."


def test_lists_keep_the_numbers_that_their_items_say_and_count_down_where_they_do() -> None:
    page = "<ol start=4><li>Open<ol><li value=7>bolt</ol><li>Turn<li value=9>Close<li>Test</ol>"
    assert lines(page) == ["4. Open", "7. bolt", "5. Turn", "9) Close", "10) Test"]
    assert lines("<ol reversed><li>three<li>two<li>one</ol>") == ["3. three", "2) two", "1. one"]
    assert lines("<ol><li value=x>one<li value=99999999999999>two</ol>") == ["1. one", "2. two"]


def test_first_rows_of_headers_alone_are_one_also_without_a_head() -> None:
    page = "<table><tr><th rowspan=2>Model<th colspan=2>Power<tr><th>Min<th>Max<tr><th>P1<td>1<td>5<tr><th>P2<td>2<td>6"
    assert lines(page) == [
        "| Model | Power Min | Power Max |",
        "| --- | --- | --- |",
        "| P1 | 1 | 5 |",
        "| P2 | 2 | 6 |",
    ]
    assert len(lines("<table><tr><th>a<th>b<tr><th>c<th>d</table>")) == 3, "with nothing below, no row is lost"


def test_drawings_say_what_they_show_unless_they_adorn_a_link() -> None:
    drawing = "<svg><title>Flow</title><desc>Tank to pump</desc><path d='M0'/></svg>"
    assert text(f"<p>See: {drawing}.</p>") == "See: Flow Tank to pump."
    assert text(f"<p>See <button>Copy {drawing}</button><span aria-hidden=true>{drawing}</span>.</p>") == "See Copy ."


BOOK = """<title>Book</title><body><div><h2>Keyboard shortcuts</h2><div><p>Press <kbd>S</kbd> to search</p></div></div>
<div id=page>{above}<ul role=menu><li><button>Light</button><li><button>Rust</button></ul>
<form><input type=search placeholder="Search this book"></form>
<main><h1>Install</h1><p>Press <kbd>F1</kbd>, then <button>Start</button>. It takes a while, so wait for the green lamp.
</p></main><footer><button>Top</button> Call 555-0100.</footer></div>"""


def test_what_operates_the_page_goes_where_it_stands_outside_of_its_main_part() -> None:
    content = from_html(BOOK.format(above=""))
    assert [line for line in content.text.splitlines() if line] == [
        "# Install",
        "Press `F1`, then Start. It takes a while, so wait for the green lamp.",
        "Top Call 555-0100.",
    ]
    [removal] = content.removed
    assert (removal.what, removal.count) == ("controls of the page", 2)
    assert removal.lines == ("Keyboard shortcuts Press S to search", "Light Rust")


def test_pages_whose_main_part_is_not_most_of_them_keep_all_that_they_say() -> None:
    assert "Light" in from_html(BOOK.format(above=f"<p>{'more words than in the main part ' * 20}</p>")).text
    assert "Light" in from_html(BOOK.format(above="").replace("main>", "div>")).text


def test_many_controls_outside_of_the_main_part_cost_no_more_than_their_number() -> None:
    def seconds(count: int) -> float:
        page = f"<main>{'<p>word word word' * count}</main><div>{'<button>a</button> b c' * count}</div>"
        start = time.process_time()
        from_html(page)
        return time.process_time() - start

    assert seconds(8000) < 8 * max(seconds(2000), 0.05)


def test_links_of_a_menu_that_have_a_key_may_lead_further_than_to_the_pages_beside() -> None:
    menu = (
        "<table><tr><th colspan=3>Reset<tr><td><a accesskey=u href=c.html title=Commands>Up</a><th>Commands"
        "<td><a accesskey=n href=3.html>Next</a></table>"
    )
    head = '<title>Reset</title><link rel=next href=3.html title="Care">'
    assert lines(f"{head}{menu}<h1>Reset</h1><p>Hold it.") == ["# Reset", "Hold it."]
    assert "Read me" in text(f"{head}{menu.replace('Commands<td>', 'Read me<td>')}<h1>Reset</h1><p>Hold it.")


def test_a_term_over_several_lines_is_one_and_what_sets_letters_divides_no_words() -> None:
    assert lines("<dl><dt><a name=j>json\n</a>,<dt>json0<dd>They show the graph.</dl>")[0] == "**json ,**"
    assert (
        text("<p><font>Of <b>files</b>.\n\n</font>\nIf the\n<b>option</b> is set")
        == "Of **files**. If the **option** is set"
    )


def test_a_program_whose_lines_are_blocks_is_code() -> None:
    page = (
        "<div class=fragment><div class=line><span>if</span> (x &lt; 0) {</div><div class=line>    go();</div>"
        "<div class=line>}</div></div><!-- end --><p>It goes."
    )
    assert from_html(page).text == "```\nif (x < 0) {\n    go();\n}\n```\n\nIt goes.\n"
