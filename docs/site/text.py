"""What becomes of the text of pages and docstrings on its way to the site.

Pages are plain Markdown that reads well on a repository's own pages, and docstrings are plain text with Sphinx's roles.
Here they get what only the site has: tabs, links between parts of the repository, links to the API reference.
"""

import re
from collections.abc import Callable, Mapping

_FENCE = re.compile(r"^(```+|~~~+).*?^\1[ \t]*$", re.M | re.S)
_TABS = re.compile(r'(?:^```\w+ tab="[^"\n]+"[^\n]*\n.*?^```[ \t]*\n+)+', re.M | re.S)
_TAB = re.compile(r'^```(\w+) tab="([^"\n]+)"[^\n]*\n(.*?)^```[ \t]*\n', re.M | re.S)
_MARKS = re.compile(r'^(```\w+)(?: \w+="[^"\n]*")+[ \t]*$', re.M)
_TARGET = re.compile(r"(?<=\]\()([^)\s#]+)(?=[)#])")
_CODE = re.compile(r"<(a|pre|h\d)\b.*?</\1>|<code>([A-Za-z_][\w.]*)((?:\([^<]*)?)</code>", re.S)
_ROLE = re.compile(r":(?:class|meth|func|attr|mod|exc|data):`~?([^`]+)`|``(.+?)``")
_OTHERS = re.compile(r"^Other Parameters\n-+\n(?:.+\n?)+", re.M)
_NAME = re.compile(r"\s*\*{0,2}\w+(, \*{0,2}\w+)*( :.*)?$")


def outside_fences(text: str, change: Callable[[str], str]) -> str:
    """The text with all changed but blocks of code."""
    parts, end = [], 0
    for fence in _FENCE.finditer(text):
        parts += [change(text[end : fence.start()]), fence[0]]
        end = fence.end()
    return "".join([*parts, change(text[end:])])


def tabs(text: str) -> str:
    """Blocks of code that follow each other as tabs, where they are marked: ```` ```python tab="PyTorch" ````.

    Other marks (``needs="torch"``) are for the tests, and are left out.
    """

    def block(match: re.Match[str]) -> str:
        made = []
        for language, title, code in _TAB.findall(match[0]):
            inside = "".join(f"    {line}" if line.strip() else line for line in code.splitlines(keepends=True))
            made.append(f'=== "{title}"\n\n    ```{language}\n{inside}    ```\n')
        return "\n".join(made) + "\n"

    return _MARKS.sub(r"\1", _TABS.sub(block, text))


def links(text: str, lead: Callable[[str], str]) -> str:
    """The text with each target of a link led to where it is on the site."""
    return outside_fences(text, lambda part: _TARGET.sub(lambda match: lead(match[1]), part))


def code_links(html: str, identifiers: Mapping[str, str]) -> str:
    """The page, with names from the API in its text (``nn.ReLU``, ``trainer.fit(...)``) leading to the reference."""

    def link(match: re.Match[str]) -> str:
        found = identifiers.get(match[2] or "")
        return f'<autoref identifier="{found}">{match[0]}</autoref>' if found else match[0]

    return _CODE.sub(link, html)


def docstring(text: str, find: Callable[[str], str | None]) -> str:
    """A docstring as Markdown: roles as links, formulas without emphasis. ``find`` gives a name's identifier."""

    def role(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        found = find(name) if match[1] else None
        shown = f"`{name.removeprefix('lamella.')}`"
        return f"[{shown}][{found}]" if found else shown

    def line(text: str) -> str:
        if text.lstrip().startswith(">>>") or text.lstrip().startswith("..."):
            return text
        if not text.startswith(" "):
            text = _types(text)
        parts, end = [], 0
        escape = (lambda part: part) if _NAME.match(text) else (lambda part: re.sub(r"([*<])", r"\\\1", part))
        for match in _ROLE.finditer(text):
            parts += [escape(text[end : match.start()]), role(match)]
            end = match.end()
        return "".join([*parts, escape(text[end:])])

    text = re.sub(r"\s*::$", ":", text, flags=re.M)  # before a block of code, which is indented in Markdown, too
    # Of these mkdocstrings shows no default unless it is part of the type.
    text = _OTHERS.sub(lambda match: match[0].replace(", default ", "; default "), text)
    return "\n".join(map(line, text.split("\n")))


def _types(line: str) -> str:
    """A line whose type is no Python expression as one that nobody takes for such, so that it is shown as it is."""
    line = line.replace("array-like", "array\u2011like").replace(", (", ",\u00a0(").replace('" or', '"\u00a0or')
    names, colon, kind = line.partition(" : ")
    return names + colon + re.sub(r", (?!default|optional)", ",\u00a0", kind)
