"""Hooks of MkDocs: pages from outside docs/, the API reference, links, tabs, and a look at what was built."""

import logging
import posixpath
import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

sys.path.insert(0, str(Path(__file__).parent))

import api
import text

log = logging.getLogger("mkdocs.hooks.site")

ROOT = Path(__file__).parents[2]

#: Pages of the repository that are outside docs/: their places there and on the site.
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "bench/README.md": "bench/README.md",
    "bench/results": "bench/results/README.md",
    **{f"bench/results/{path.name}": f"bench/results/{path.name}" for path in (ROOT / "bench" / "results").iterdir()},
}

#: What holds for all of the reference.
ERRORS = (
    "Values and shapes that cannot be are a `ValueError`, arguments of another kind a `TypeError`; it names the owner, "
    "the argument, its value and what was expected, and nothing has changed then. What else is raised is said there."
)

_LOADS = re.compile(
    r'<(?:script|img|iframe|source)\b[^>]*\bsrc="(?:https?:)?//[^"]*"|<link\b(?![^>]*rel="canonical")[^>]*//[^>]*>'
)

#: What mkdocstrings puts behind an argument that has no description.
_NOTHING = re.compile(r'\s*–\s*<div class="doc-md-description">\s*</div>')

_identifiers: dict[str, str] = {}


def on_config(config: Any) -> Any:
    """The navigation gets the reference's pages."""
    _identifiers.update(api.identifiers())
    for section in config.nav:
        if "Reference" in section:
            section["Reference"] = [{page.title: f"reference/{page.uri}.md"} for page in api.pages()]
    return config


def on_files(files: Files, config: Any) -> Files:
    """Pages from elsewhere, and those of the reference."""
    for source, uri in PAGES.items():
        if source == "bench/results":
            files.append(File.generated(config, uri, content=_reports()))
        elif uri.endswith(".md"):
            files.append(File.generated(config, uri, content=(ROOT / source).read_text()))
        else:
            files.append(File.generated(config, uri, abs_src_path=str(ROOT / source)))
    for page in api.pages():
        files.append(File.generated(config, f"reference/{page.uri}.md", content=_reference(page)))
    return files


def _reports() -> str:
    """The list that a repository shows for the folder."""
    lines = ["# Reports", "", "Each with the machine that it was made on.", ""]
    for path in sorted((ROOT / "bench" / "results").glob("*.md")):
        title = re.search(r"^# (.+)", path.read_text(), re.M)
        lines.append(f"- [{title[1] if title else path.stem}]({path.name})")
    return "\n".join(lines)


def _reference(page: api.Page) -> str:
    names = api.public_names()
    lines = [f"# {page.title}", "", page.introduction, "", ERRORS, ""]
    for name in page.names:
        shown = api.members(name, names[name])
        lines += [f"::: {name}", "    options:", f"      members: {shown or 'false'}"]
        lines += [f"      inherited_members: {shown or 'false'}", ""]
    return "\n".join(lines)


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Links lead to where things are on the site, marked blocks of code become tabs."""
    source = next((source for source, uri in PAGES.items() if uri == page.file.src_uri), f"docs/{page.file.src_uri}")

    def lead(target: str) -> str:
        there = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        place = PAGES.get(there)
        if place is None:
            place = there.removeprefix("docs/") if there.startswith("docs/") else None
        if place is None or files.get_file_from_path(place) is None:
            return target  # MkDocs says that it leads nowhere, if it is a link
        return posixpath.relpath(place, posixpath.dirname(page.file.src_uri) or ".")

    return text.tabs(text.links(markdown, lead))


def on_page_content(html: str, page: Any, config: Any, files: Files) -> str:
    """Names from the API lead to the reference. And a look for code that was not read as such."""
    if "<p>```" in html:
        log.warning("%s has a block of code that is shown as text", page.file.src_uri)
    if page.file.src_uri.startswith("reference/"):
        return _NOTHING.sub("", html)
    return text.code_links(html, _identifiers)


def on_post_page(output: str, page: Any, config: Any) -> str:
    """Nothing comes from the network."""
    for found in _LOADS.findall(output):
        log.warning("%s loads something from the network: %s", page.file.src_uri, found)
    return output
