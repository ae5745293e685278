"""Markdown and MDX."""

import time

import pytest

from ingest.reading.formats.markdown import from_markdown


def lines(markdown: str, *, mdx: bool = False) -> list[str]:
    return [line.strip() for line in from_markdown(markdown, mdx=mdx).text.splitlines() if line.strip()]


def test_ordinary_markdown_stays_as_it_is() -> None:
    source = """# Pump

A *b* `<c>` [d][e] [f](g.md "h")[^1] List<String> 2 < 3 & a_b <your-name> <T>

- item
  ```sh
  # comment
  ```

| a | b |
|---|:-:|
| 1 | `x` |

    indented <b>

~~~
<!-- code -->
import x from 'y'
:::note

[e]: https://e.example
[^1]: Note.
"""
    content = from_markdown(source)
    assert content.text == source
    assert (content.title, content.removed) == ("Pump", ())


def test_the_title_is_the_first_heading_that_is_no_code() -> None:
    assert from_markdown("Intro\n\n```\n# no heading\n```\n\n# Pump `x` <b>manual</b> #\n\n## Reset\n").title == (
        "Pump x manual"
    )
    assert from_markdown('<h1 align="center">Pump</h1>\n\n## Reset\n').title == "Pump"
    assert from_markdown("No heading.").title == ""


@pytest.mark.parametrize(
    ("heading", "title"),
    [
        ("# [0.9.2](https://example.org/a_b) - 2024", "0.9.2 - 2024"),
        ("# Learn C#", "Learn C#"),
        ("# *New* in `a_b` \\#3 &amp; ~~x~~", "New in a_b #3 & ~~x~~"),
        ("# Your <name> here", "Your <name> here"),
        ("Two\nlines\n===", "Two lines"),
    ],
)
def test_the_title_reads_as_text(heading: str, title: str) -> None:
    assert from_markdown(f"{heading}\n\nText.\n").title == title


def test_a_heading_that_is_a_picture_alone_gives_no_title() -> None:
    logo = '# <a href="https://pump.example"><img src="logo.png" height="48px" /></a>'
    assert from_markdown(f"{logo}\n\nIt pumps.\n\n## Install\n").title == "Install"
    assert from_markdown("# [](https://pump.example)\n\nIt pumps.\n").title == ""


def test_front_matter_with_a_fault_gives_the_title_and_stays_as_text() -> None:
    content = from_markdown("---\ntitle: Linux: first steps\ntags: [a, b\n---\n\n# Install\n")
    assert content.title == "Linux: first steps"
    assert content.text == "title: Linux: first steps\ntags: [a, b\n\n\n# Install\n"


def test_what_only_programs_read_goes_and_labels_of_shortcodes_stay() -> None:
    source = """[//]: # (a comment)
[comment]: <> (another)
[page]: https://example.org

{: .note }
Text.

{{< tabs "id" >}}
{{< tab "Linux" >}}
apt
{{< /tab >}}
{{< youtube "q1" >}}
"""
    assert lines(source) == ["[page]: https://example.org", "Text.", "Linux", "apt"]


def test_what_components_say_in_expressions_and_fields_stays() -> None:
    source = """import {
  A,
  B } from "x";

<FAQ className={"a b c"} items={[{q: "Is it waterproof at all?", a: 'Only the lid.', id: "x"}]} />

<ParamField path="user_id" type="string" required>The user.</ParamField>
"""
    assert lines(source, mdx=True) == ["Is it waterproof at all?", "Only the lid.", "**user_id – string** The user."]


def test_underlined_headings_become_headings_with_signs() -> None:
    source = "Pump\n====\n\nText.\n\n> Reset\n> -----\n\nMore.\n\n- item\n---\n\ntwo\nlines\n---\n"
    assert from_markdown(source).text == ("# Pump\n\nText.\n\n> ## Reset\n\nMore.\n\n- item\n---\n\ntwo\nlines\n---\n")


@pytest.mark.parametrize(
    ("front", "language"), [("lang: de", "de"), ("language: pt-BR", "pt-BR"), ("lang: [de, fr]", ""), ("tags: x", "")]
)
def test_front_matter_names_the_language(front: str, language: str) -> None:
    assert from_markdown(f"---\n{front}\n---\nText.\n").language == language


def test_front_matter_gives_the_title_and_only_its_sentences_stay() -> None:
    content = from_markdown('---\ntitle: "The pump"\ndescription: How to reset it safely\ntags: [x]\n---\n# Other\n')
    assert content.title == "The pump"
    assert content.text == "description: How to reset it safely\n\n# Other\n"
    assert from_markdown('+++\ntitle = "The pump"\ndraft = true\n+++\nText.\n').title == "The pump"
    assert from_markdown("---\ntitle: 2024\n---\nText.\n").text == "Text.\n"


@pytest.mark.parametrize(
    "source",
    [
        "---\nTurn the centrifuge off.\n---\nMore.\n",
        "---\n\nFreezer\n\n---\n",
        "---\n- a\n- b\n---\nText\n",
        "---\ntitle: [broken\n---\nText\n",
        "---\ntitle: never closed\n",
        "+++\nno toml\n+++\nText\n",
    ],
)
def test_a_text_that_begins_with_a_rule_loses_nothing(source: str) -> None:
    kept = from_markdown(source).text
    assert all(line in kept for line in source.split("\n") if line.strip("-"))


def test_a_warning_that_looks_like_a_field_is_kept() -> None:
    assert "never open the lid" in from_markdown("---\nWarning: never open the lid\n---\nText.\n").text


def test_comments_and_pictures_in_place_go_and_what_pictures_show_stays() -> None:
    source = (
        "a <!-- b\nc --> d ![chart](data:image/png;base64,AAAA 'x') ![map][m]\n\n<!--\n# e\n-->\n\n"
        "[m]: data:image/png;base64,BBBB\n"
    )
    assert lines(source) == ["a  d chart map"]
    assert "![photo](photo.png)" in from_markdown("![photo](photo.png)").text


def test_blocks_of_html_become_markdown_where_they_stand() -> None:
    source = """> <table>
> <tr><td>a<td>b
>
> </table>

- item

  <div>

  **in** it

  </div>

<details>
<summary>More</summary>

Hidden `x`.

</details>

<p align="center">Centred <img src="a.png" alt="logo"></p>
"""
    assert lines(source) == [
        "> | a | b |", "> | --- | --- |", "- item", "**in** it", "**More**", "Hidden `x`.", "Centred logo",
    ]  # fmt: skip


def test_tags_in_a_line_go_and_what_they_say_stays() -> None:
    source = (
        "<kbd>Ctrl</kbd> H<sub>2</sub>O 10<sup>-5</sup> a<br>b &euro;5 &lt;T&gt; "
        '<a name="x"></a><a href="mailto:a@b.example">mail</a> <a href="#y">here</a> <img src=x alt="a key">\n\n'
        "| a<br>b |\n|---|\n| <b>c</b>&#124;d |\n"
    )
    assert lines(source) == [
        "Ctrl H2O 10^-5 a", "b €5 <T> [mail](mailto:a@b.example) here a key", "| a b |", "|---|", "| c&#124;d |",
    ]  # fmt: skip


def test_admonitions_and_tabs_of_all_dialects_keep_title_and_text() -> None:
    source = """:::note Careful
Colons.
:::

::: {.callout-tip title="Quarto"}
Braces.
:::

!!! warning "Hot"
    Indented.

    ```
    # code
    ```

    === "Linux"
        On Linux.

??? question
    Folded.

> [!IMPORTANT]
> Quoted.
"""
    assert lines(source) == [
        "**Note: Careful**", "Colons.", "**Tip: Quarto**", "Braces.", "**Warning: Hot**", "Indented.",
        "```", "# code", "```", "**Linux**", "On Linux.", "**Question**", "Folded.", "> **Important**", "> Quoted.",
    ]  # fmt: skip


def test_marks_in_code_and_marks_without_an_indented_text_are_left_alone() -> None:
    for source in (
        "```\n:::note\n!!! note\n    x\n{% tab %}\n```\n",
        "!!! really\nnot indented\n",
        "=== Not a tab\n    code\n",
    ):
        assert from_markdown(source).text == source


def test_template_tags_on_lines_of_their_own_go_and_are_reported() -> None:
    content = from_markdown(
        '{{< tab title="Windows" >}}\nText.\n{{< /tab >}}\n\nWrite {% raw %} here and {{ name }}.\n'
    )
    assert [line for line in content.text.split("\n") if line] == [
        "Windows",
        "Text.",
        "Write {% raw %} here and {{ name }}.",
    ]
    assert [(removal.what, removal.count) for removal in content.removed] == [("template tags", 2)]


MDX = """import Tabs from '@theme/Tabs';
import './x.css'
export const meta = {
  a: 1,

  b: 2,
}

{/* a comment
over lines */}

# Install

<Tabs groupId="os">
  <TabItem value="linux" label="Linux">

  ```bash
  # no heading <T>
  ```

  </TabItem>
  <TabItem value="mac">Use brew.</TabItem>
</Tabs>

<Note>Be **careful** with {props.x}</Note>

<Card
  title="Card"
  icon={<Icon name="x"/>}
  onClick={() => a > b}
>
  Inner.
</Card>

<Steps>
### First
- one
- two
</Steps>
"""


def test_components_go_and_what_they_hold_and_show_stays() -> None:
    assert lines(MDX, mdx=True) == [
        "# Install", "**Linux**", "```bash", "# no heading <T>", "```", "**mac**", "Use brew.",
        "Be **careful** with {props.x}", "Card", "Inner.", "### First", "- one", "- two",
    ]  # fmt: skip


def test_an_import_goes_from_markdown_only_where_the_text_uses_what_it_brings() -> None:
    assert lines("import Tip from './tip';\n\n<Tip>Rest.</Tip>\n") == ["Rest."]
    assert lines("import Tip from './tip';\n\nSo it is done.\n")[0] == "import Tip from './tip';"


@pytest.mark.parametrize(
    "source",
    [
        "<a " * 50_000, "<div>\n\n" * 20_000, "<table>\n<tr>\n\n" * 20_000, "export const {\n\n" * 50_000,
        "{/*" * 50_000,
        "<A a={" * 50_000, "`" * 200_000, "[" * 200_000, "> " * 50_000, "---\na: " + "[" * 50_000 + "\n---\n",
        "".join(" " * min(4 * depth, 2000) + '!!! note "x"\n' for depth in range(1000)), "{% " * 50_000, ":::" * 50_000,
    ],
)  # fmt: skip
def test_text_that_is_all_beginnings_takes_no_longer_than_its_length_asks(source: str) -> None:
    begun = time.monotonic()
    from_markdown(source, mdx=True)
    assert time.monotonic() - begun < 15


def test_a_summary_does_not_melt_into_what_it_opens() -> None:
    assert lines("<details><summary>Why?</summary>Because it is hot.</details>\n") == ["**Why?**", "Because it is hot."]


def test_a_link_by_reference_leads_where_its_definition_says_and_the_definition_is_not_shown() -> None:
    source = """See [the `x` docs][A b], [Rules][] and [`run`], ![a picture][Pic] and [the same][pic].

[a  B]: http://x.example/z "Title"
[rules]: rules.md#all
[`run`]: <run.md>
[pic]: pic.png
[unused]: never.md

    [rules]: code
"""
    assert from_markdown(source).text.split("\n") == [
        "See [the `x` docs](http://x.example/z), [Rules](rules.md#all) and [`run`](run.md), ![a picture][Pic] and "
        "[the same](pic.png).",
        "",
        "[pic]: pic.png",
        "[unused]: never.md",
        "",
        "    [rules]: code",
        "",
    ]


def test_badges_and_links_that_show_nothing_go_and_other_pictures_stay() -> None:
    content = from_markdown(
        "# Pump\n\n[![Build](https://img.shields.io/a.svg)](https://ci.example.org) ![Logo](logo.png)\n"
        "[![Ver][v]][n]\n\n<a href='https://a.example.org'><img src=a.png></a> It pumps, "
        "<a href='https://b.example.org'><img src=b.png alt=Map></a>.\n\n"
        "[v]: https://badge.example.org/v.svg\n[n]: https://example.org\n"
    )
    assert " ".join(content.text.split()).startswith("# Pump ![Logo](logo.png) It pumps, [Map](https://b.example.org).")
    assert [(removal.what, removal.count) for removal in content.removed] == [("badges", 2)]


def test_linked_pictures_that_are_named_badges_go_from_a_heading_and_other_pictures_of_badges_stay() -> None:
    content = from_markdown(
        "# pump <sup>[![Version Badge][v]][n]</sup>\n\nIt shows ![an open badge](open.png).\n\n"
        "[v]: https://badg.example.org/v.svg\n[n]: https://example.org\n"
    )
    assert content.title == "pump"
    assert content.text.split("\n")[0].strip() == "# pump"
    assert "![an open badge](open.png)" in content.text


def test_a_linked_picture_of_a_badge_stays_with_its_link_unless_it_comes_as_badges_do() -> None:
    picture = "[![Visitor badge](visitor.png)](https://example.org/visitor.md)"
    photo = "[![Old badge](https://example.org/old.png)](https://example.org/old.md)"
    source = f"Wear one:\n\n{picture}\n\n{photo}\n"
    assert from_markdown(source).text == source
    asked = "[![Build badge](https://ci.example.org/build?branch=main)](https://ci.example.org)"
    drawn = "![Docs](https://img.shields.io/docs.svg)\n[![Build badge](build.png)](https://ci.example.org)"
    content = from_markdown(f"{source}\n{asked}\n\n{drawn}\n")
    assert content.text.strip() == source.strip()
    assert [(removal.what, removal.count) for removal in content.removed] == [("badges", 3)]


def test_shortcodes_in_blocks_of_html_go() -> None:
    source = (
        '<div class="row">\n  {{< placeholder width="20" text=" " >}}\n  Hello.\n</div>\n{{< /example >}}\n\nAfter it.'
    )
    assert from_markdown(source).text.split() == ["Hello.", "After", "it."]


def test_definitions_of_badges_go_with_them_and_those_of_pictures_stay() -> None:
    text = from_markdown("""# Pump\n\n[![npm][npm-src]][npm-href] ![Scheme][scheme]\n
[npm-src]: https://img.shields.io/npm/v/pump
[npm-href]: https://npmjs.com/package/pump
[scheme]: scheme.png
""").text
    assert "shields" not in text
    assert "npmjs.com" not in text
    assert "[scheme]: scheme.png" in text
