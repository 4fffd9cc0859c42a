"""Pages of the site that are not in docs/, and links of pages that lead out of it.

README.md becomes the first page. The gallery comes from the patches and from assets/thumbnails.png. A link to another file of the project leads to
a copy of it, so that no link is dead without the repository.
"""

import json
import posixpath
import re
import shutil
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File
from mkdocs.structure.nav import Link

ROOT = Path(__file__).resolve().parent.parent
# The pages of the library, if cargo doc has made them.
API = ROOT / "target/doc"
# Pages from files outside of docs/, by the path of the file.
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
    "assets/mini/README.md": "mini.md",
    "nodes/README.md": "library.md",
}
SHEET = "assets/thumbnails.png"
# The sheet of thumbnails: its columns, and the size of a picture. src/ui/panels/browser.rs has the same.
COLUMNS, WIDTH, HEIGHT = 12, 96, 64
# A link or a picture, outside of code.
LINK = re.compile(r"(`[^`]*`)|(!?\[(?:[^\[\]]|\[[^\]]*\])*\])\(([^()\s]+)\)")
FENCE = re.compile(r"^\s*(```|~~~)")
# The place of copied files in the site.
COPIES = "project/"


def patches():
    """All patches, in the order of the sheet: the examples, the works, the help patches."""
    folders = [ROOT / "patches", ROOT / "patches/works", ROOT / "patches/help"]
    return [path for folder in folders for path in sorted(folder.glob("*.json"))]


def gallery():
    """The page of all patches: picture, title, description, command."""
    lines = ["# Gallery", ""]
    lines += ["Every patch of the project with a picture of its first seconds on mini. The window shows the same: press L.", ""]
    headings = {"patches": "Examples", "works": "Works", "help": "Help patches"}
    folder = None
    for place, path in enumerate(patches()):
        if path.parent.name != folder:
            lines += ["</div>", ""] if folder else []
            folder = path.parent.name
            lines += [f"## {headings[folder]}", "", '<div class="gallery" markdown="0">']
        patch = json.loads(path.read_text())
        meta, name = patch.get("meta", {}), path.relative_to(ROOT).as_posix()
        left, top = place % COLUMNS * WIDTH, place // COLUMNS * HEIGHT
        lines.append(
            f'<figure><a href="../{COPIES}{quote(name)}" class="thumbnail" style="background-position: -{2 * left}px -{2 * top}px"'
            f' aria-label="{escape(meta.get("title", name))}"></a><figcaption><strong>{escape(meta.get("title", path.stem))}</strong>'
            f'<span>{escape(meta.get("description", ""))}</span><code>bendrack {escape(name)}</code></figcaption></figure>'
        )
    return "\n".join(lines + ["</div>", ""])


def on_files(files, config):
    for source, page in PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text()))
    files.append(File.generated(config, "gallery.md", content=gallery()))
    files.append(File.generated(config, "gallery.css", abs_src_path=str(ROOT / "site/gallery.css")))
    files.append(File.generated(config, SHEET, abs_src_path=str(ROOT / SHEET)))
    files.append(File.generated(config, "icon.png", abs_src_path=str(ROOT / "packaging/icons/128.png")))
    for path in patches():
        copy(path.relative_to(ROOT).as_posix(), files, config)
    # Links in generated and other pages may need more copies, and copies come before pages are drawn.
    for file in list(files):
        if file.is_documentation_page() and file.src_uri != "gallery.md":
            rewrite(file.content_string, file.src_uri, files, config)
    return files


def on_nav(nav, config, files):
    if (API / "bendrack/index.html").is_file():
        nav.items[-1].children.append(Link("API of the crates", "api/bendrack/index.html"))
    return nav


def on_post_build(config):
    if API.is_dir():
        shutil.copytree(API, Path(config.site_dir) / "api", dirs_exist_ok=True, ignore=shutil.ignore_patterns(".lock"))
    dead = dead_links(Path(config.site_dir))
    if dead:
        raise PluginError("dead links:\n" + "\n".join(dead))


class Links(HTMLParser):
    """The links and the anchors of a page."""

    def __init__(self, text):
        super().__init__()
        self.links, self.anchors = set(), set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name in ("href", "src") and value:
                self.links.add(value)
            elif name in ("id", "name") and value:
                self.anchors.add(value)


def dead_links(site):
    """Links of built pages to files or anchors that are not there. MkDocs itself sees the links of Markdown only."""
    found = {path: Links(path.read_text()) for path in site.rglob("*.html") if "api" not in path.relative_to(site).parts and path.name != "404.html"}
    dead = []
    for page, links in found.items():
        for link in sorted(links.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc or link.startswith("data:"):
                continue
            to = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            to = to / "index.html" if to.is_dir() else to
            if not to.is_file() or parts.fragment and to in found and unquote(parts.fragment) not in found[to].anchors:
                dead.append(f"{page.relative_to(site)}: {link}")
    return dead


def on_page_markdown(markdown, page, config, files):
    if page.file.src_uri == "gallery.md":
        return markdown
    return rewrite(markdown, page.file.src_uri, files, config)


def origin(page):
    """The path of the page's file in the project."""
    sources = {page: source for source, page in PAGES.items()}
    return sources.get(page, f"docs/{page}")


def copy(path, files, config):
    """The place of a file of the project in the site; none if there is no such file."""
    if not (ROOT / path).is_file():
        return None
    place = COPIES + path + (".txt" if path.endswith((".md", ".rs", ".py", ".toml", "Makefile")) or "." not in posixpath.basename(path) else "")
    if files.get_file_from_path(place) is None:
        files.append(File.generated(config, place, abs_src_path=str(ROOT / path)))
    return place


def target(link, page, files, config):
    """A link of a page in the site; none if it leads to a folder, which the site does not have."""
    if re.match(r"[a-z]+:|#|/", link):
        return link
    path, mark, anchor = link.partition("#")
    path = posixpath.normpath(posixpath.join(posixpath.dirname(origin(page)), path))
    if path in PAGES:
        place = PAGES[path]
    elif path.startswith("docs/") and (ROOT / path).is_file():
        place = path.removeprefix("docs/")
    elif path.startswith("docs/") and (ROOT / path / "README.md").is_file():
        place = path.removeprefix("docs/") + "/README.md"
    else:
        place = copy(path, files, config)
        if place is None and not (ROOT / path).exists():
            # mkdocs names it as a dead link.
            return link
        if place is None:
            return None
    return posixpath.relpath(place, posixpath.dirname(page) or ".") + mark + anchor


def rewrite(markdown, page, files, config):
    """The text of a page, whose links lead to pages and copies."""

    def replace(match):
        code, text, link = match.groups()
        if code:
            return code
        found = target(link, page, files, config)
        if found is None:
            return text.strip("![]")
        return f"{text}({found})"

    lines, fenced = [], False
    for line in markdown.split("\n"):
        fenced ^= bool(FENCE.match(line))
        lines.append(line if fenced else LINK.sub(replace, line))
    return "\n".join(lines)
