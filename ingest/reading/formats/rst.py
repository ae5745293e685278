"""reStructuredText to Markdown: docutils reads it, with the roles and directives of Sphinx, which it does not know."""

import re
from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.core import publish_doctree, publish_from_doctree
from docutils.parsers.rst import Directive, directives, roles
from docutils.parsers.rst.languages import en
from docutils.parsers.rst.states import Inliner

from ingest.reading.formats.html import from_html
from ingest.reading.raw import Content, decode

_SETTINGS = {
    "_disable_config": True,  # no docutils.conf that lies about
    "file_insertion_enabled": False,
    "raw_enabled": True,  # what is raw HTML goes through the reader for HTML
    "doctitle_xform": False,
    "docinfo_xform": False,
    "initial_header_level": 1,
    "report_level": 1,  # messages hold the source of what docutils refuses
    "halt_level": 6,
    "warning_stream": False,
    "embed_stylesheet": False,
    "stylesheet_path": "",
    "math_output": "LaTeX",
    "smart_quotes": False,
    "output_encoding": "unicode",
    "line_length_limit": 10_000_000,
}
_DIRECTIVE = re.compile(r"^[ \t]*\.\.[ \t]+(?:\|[^|\n]{1,200}\|[ \t]+)?([\w:.+-]+)::(?:[ \t]|$)", re.MULTILINE)
_ROLE = re.compile(r":([\w:.+-]+):`|`:([\w:.+-]+):")
_PARAGRAPH = re.compile(r"\n[ \t]*\n")
_MARKS = re.compile(r"[*`|_:\[]+")
_MOST_MARKS = 3000  # in one paragraph
_MOST_NESTED = 10  # substitutions that hold substitutions
_CODE = (
    "code",
    "code-block",
    "sourcecode",
    "highlight-block",
    "prompt",
    "terminal",
    "doctest",
    "testcode",
    "testoutput",
    "jupyter-execute",
    "jupyter-input",
    "jupyter-output",
    "ipython",
)
_UNSEEN = (
    "index",
    "highlight",
    "contents",
    "currentmodule",
    "py:currentmodule",
    "default-domain",
    "module",
    "py:module",
    "tabularcolumns",
    "testsetup",
    "testcleanup",
)
_LEADS = {
    "class": "class",
    "py:class": "class",
    "exception": "exception",
    "py:exception": "exception",
    "versionadded": "Added in version",
    "versionchanged": "Changed in version",
    "deprecated": "Deprecated since version",
    "seealso": "See also",
    "todo": "To do",
    "literalinclude": "Included file:",
    "include": "Included file:",
}


_VERSIONS = ("versionadded", "versionchanged", "versionremoved", "deprecated")
_REMARKS = (*_VERSIONS, "include", "literalinclude")
_OPTIONS = ("type", "value", "default")  # that pages show
_LABELS = ("seealso", "todo")
_OPTION = re.compile(r"^[ \t]*:([\w-]+):[ \t]*(.*)$", re.MULTILINE)
_SIGNATURE = re.compile(r"[A-Z(.]")


def read(path: Path) -> Content:
    return from_rst(decode(path.read_bytes()))


def from_rst(text: str) -> Content:
    """The text as Markdown. Whatever docutils refuses stays as it is written; files that it includes are named."""
    if _is_costly(text):
        return Content(title="", text=text)
    _register(text)
    try:
        document = publish_doctree(text, settings_overrides=_SETTINGS)
        _clean(document)
        html = publish_from_doctree(document, writer="html5", settings_overrides=_SETTINGS)
    except (RecursionError, AssertionError, AttributeError, LookupError, TypeError, ValueError, RuntimeError):
        return Content(title="", text=text)  # no reader could do better than show the source
    content = from_html(html)
    title = document.next_node(nodes.title)
    return Content(title=" ".join(title.astext().split()) if title else "", text=content.text, removed=content.removed)


def _is_costly(text: str) -> bool:
    """Whether docutils could need more than time in proportion to the text: it looks for the end of each mark through
    the whole paragraph, and puts substitutions into substitutions."""
    nested = sum(line.count("|") > 3 for line in text.splitlines() if line.lstrip().startswith(".. |"))
    return nested > _MOST_NESTED or any(len(_MARKS.findall(part)) > _MOST_MARKS for part in _PARAGRAPH.split(text))


def _clean(document: nodes.document) -> None:
    """Takes docutils' messages out, and puts the source in their place where they hold any."""
    for node in list(document.findall(nodes.system_message)):
        node.parent.replace(node, [child for child in node if isinstance(child, nodes.literal_block)])
    document.parse_messages.clear()
    document.transform_messages.clear()
    for section in list(document.findall(nodes.section)):
        if "system-messages" in section["classes"] and section.parent is not None:
            section.parent.remove(section)
    for problem in list(document.findall(nodes.problematic)):
        problem.parent.replace(problem, nodes.Text(problem.astext()))
    for kind in list(document.findall(nodes.classifier)):
        kind.insert(0, nodes.Text(": "))
    for quote in list(document.findall(nodes.block_quote)):
        if all(isinstance(child, nodes.bullet_list | nodes.enumerated_list) for child in quote):
            quote.parent.replace(quote, list(quote))  # a list that stands indented
    _drop_names_of_what_follows(document)
    for block in list(document.findall(nodes.literal_block)):
        language = next((name for name in block["classes"] if name != "code"), "")
        html = f'<pre><code class="language-{escape(language)}">{escape(block.astext())}</code></pre>'
        block.parent.replace(block, nodes.raw("", html, format="html"))
    for code in list(document.findall(nodes.literal)):
        code.parent.replace(code, nodes.raw("", f"<code>{escape(code.astext())}</code>", format="html"))


def _drop_names_of_what_follows(document: nodes.document) -> None:
    """Takes out what only gives the next section a name to refer to it by, which its heading says too."""
    for parent in [document, *document.findall(nodes.section)]:
        for before, section in list(pairwise(parent.children)):
            last = before.children[-1] if isinstance(before, nodes.section) and before.children else before
            if not isinstance(last, nodes.container) or not isinstance(section, nodes.section):
                continue
            if last.parent is not None and last.astext() == section[0].astext():
                last.parent.remove(last)


# --- what Sphinx adds -----------------------------------------------------------------------------------------------


def _register(text: str) -> None:
    """Makes docutils, which keeps one table of them, know each directive and role of the text."""
    for name in set(_DIRECTIVE.findall(text)):
        if name.lower() in _CODE:
            directives.register_directive(name.lower(), _Code)
        elif name.lower() not in en.directives or name.lower() in (
            "class",
            "contents",
            "include",
        ):  # of Python, or for the style of what follows; a list of headings that are read themselves; other files
            directives.register_directive(name.lower(), _Unknown)
    for name in {before or after for before, after in _ROLE.findall(text)}:
        if name.lower() not in en.roles:
            roles.register_local_role(name.lower(), _role)


class _AnyOption(dict[str, Any]):
    """Options of any name, each as it is written."""

    def __bool__(self) -> bool:
        return True

    def __missing__(self, name: str) -> Any:
        return directives.unchanged


class _Unknown(Directive):
    """A directive as its argument and its content."""

    optional_arguments = 1
    final_argument_whitespace = True
    has_content = True
    option_spec: ClassVar[Any] = _AnyOption()

    def run(self) -> list[nodes.Node]:
        if self.name in _UNSEEN or (self.name == "include" and self.arguments[:1] and self.arguments[0][0] == "<"):
            return []  # what docutils itself brings holds no text
        if self.arguments and self.arguments[0].startswith(":"):  # options that are indented further than the rest
            self.options.update(_OPTION.findall(self.arguments.pop()))
        if self.name in _LABELS:
            return self._labelled()
        body = nodes.container()
        if shown := self._shown():
            found, messages = self.state.inline_text(shown, self.lineno)
            mark = nodes.emphasis if self.name in _REMARKS else nodes.strong  # a remark, or what is described below
            body += nodes.paragraph("", "", mark("", "", *found))
            body += messages
        for name in _OPTIONS:
            if value := self.options.get(name):
                found, messages = self.state.inline_text(f"{name.capitalize()}: {value}", self.lineno)
                body += [nodes.paragraph("", "", *found), *messages]
        if self.name == "toctree":
            body += nodes.bullet_list("", *(_entry(line) for line in self.content if line.strip()))
        else:
            self.state.nested_parse(self.content, self.content_offset, body, match_titles=True)
        return [body]

    def _labelled(self) -> list[nodes.Node]:
        """A note with its label, which is about this and nothing that follows."""
        body = nodes.admonition("", nodes.title("", _LEADS[self.name]))
        if self.arguments:
            found, messages = self.state.inline_text(" ".join(self.arguments), self.lineno)
            body += [nodes.paragraph("", "", *found), *messages]
        self.state.nested_parse(self.content, self.content_offset, body)
        return [body]

    def _shown(self) -> str:
        """What the first line says to the reader."""
        argument = " ".join(self.arguments)
        if self.name in ("only", "rst-class") or (self.name == "class" and not _SIGNATURE.search(argument)):
            return ""
        if self.name in _VERSIONS and len(parts := argument.split(None, 1)) == 2:
            argument = f"{parts[0]}: {parts[1]}"
        domain, _, kind = self.name.partition(":")
        lead = kind.upper() if domain == "http" else _LEADS.get(self.name, "")
        words = [lead, argument, self.options.get("caption") or self.options.get("title") or ""]
        return " ".join(" ".join(words).split())


class _Code(_Unknown):
    def run(self) -> list[nodes.Node]:
        caption = self.options.get("caption")
        language, _, below = "".join(self.arguments).partition("\n")  # where no empty line stands before the code
        text = "\n".join([*below.splitlines(), *self.content])
        block = nodes.literal_block(text, text, classes=["code", *language.split()[:1]])
        return [nodes.paragraph("", caption), block] if caption else [block]


def _entry(line: str) -> nodes.list_item:
    return nodes.list_item("", nodes.paragraph("", _label(line.strip())))


def _role(
    name: str,
    rawtext: str,
    text: str,
    lineno: int,
    inliner: Inliner,
    options: Mapping[str, Any] | None = None,
    content: Sequence[str] = (),
) -> tuple[list[Any], list[Any]]:
    shown = _label(nodes.unescape(text))
    return [nodes.inline(rawtext, f"{name} {shown}" if shown.isdigit() else shown)], []


def _label(text: str) -> str:
    """`Title <target>` as its title, and a name without the signs that say how to shorten it."""
    titled = re.fullmatch(r"(.+?)\s*<[^<>]+>", text, re.DOTALL)
    return titled[1] if titled else text.lstrip("~!")
