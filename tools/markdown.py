"""As much of Markdown as the checks need: fenced blocks with their attributes, headings' anchors, links."""
import dataclasses
import re
import shlex
import urllib.parse

FENCE = re.compile(r"^(?P<indent> {0,3})(?P<marks>`{3,})(?P<info>[^`]*)$")
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*$")
LINK = re.compile(r"\[[^\]]*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)|^\[[^\]]+\]:\s*(\S+)", re.M)


@dataclasses.dataclass
class Block:
    line: int         # of the opening fence
    language: str
    attributes: dict  # file=, skip=, seconds=, server= ...
    text: str


def read(text):
    """(blocks, the lines outside of blocks: blanked where a block stood)"""
    blocks, prose, opened = [], [], None
    for number, line in enumerate(text.splitlines(), 1):
        fence = FENCE.match(line)
        if opened is None and fence:
            words = shlex.split(fence["info"].strip())
            attributes = dict(word.split("=", 1) for word in words[1:] if "=" in word)
            opened = (fence["marks"], Block(number, words[0] if words else "", attributes, ""))
        elif opened and fence and fence["marks"].startswith(opened[0]) and not fence["info"].strip():
            blocks.append(opened[1])
            opened = None
        elif opened:
            opened[1].text += line + "\n"
        prose.append("" if opened or fence else line)
    if opened:
        blocks.append(opened[1])
    return blocks, prose


def anchors(prose):
    """The anchors a page offers, as the usual forges make them from its headings."""
    seen, found = {}, set()
    for line in prose:
        if heading := HEADING.match(line):
            plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[1].replace("`", "").replace("*", ""))
            slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
            found.add(slug if slug not in seen else f"{slug}-{seen[slug]}")
            seen[slug] = seen.get(slug, 0) + 1
        found.update(re.findall(r'<a (?:id|name)="([^"]+)"', line))
    return found


def links(prose):
    """(line, target) of every link that stays inside the tree."""
    for number, line in enumerate(prose, 1):
        for match in LINK.finditer(re.sub(r"`[^`]*`", "", line)):
            target = urllib.parse.unquote(match[1] or match[2])
            if not re.match(r"[a-z][a-z0-9+.-]*:", target):
                yield number, target
