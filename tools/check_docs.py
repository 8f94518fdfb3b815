#!/usr/bin/env python3
"""Pages tell the truth: links lead somewhere, every sample is compiled or run. docs/development.md has the rules.

Usage: check_docs.py --bin FOLDER [PAGE...]     FOLDER holds the `stele` that samples call
"""
import argparse
import json
import pathlib
import re
import sys
import textwrap

import doc_session
import markdown
import tree

PROSE = {"text", "ebnf", "mermaid", "diff"}
SHELL = {"sh", "bash", "shell"}
COMPILED = ("include/", "src/", "examples/", "tests/", "bench/")
BY_CI = re.compile(r"^(\./(run|test|dev|\.ci/run)\b.*|git clone\b.*|cd\b.*|#.*|)$")


def snippet(path, name):
    """The lines between `// [name]` and `// [/name]` (also # and --), or the whole file without a name."""
    text = tree.text_of(path)
    if not name:
        return text
    found = re.search(rf"^[^\n\w]*\[{re.escape(name)}\][ \t]*\n(.*?)^[^\n\w]*\[/{re.escape(name)}\]", text, re.S | re.M)
    return textwrap.dedent(found[1]) if found else None


def check_file_sample(block, _):
    """A sample with file=PATH[#NAME] stands there word for word; without #NAME anywhere in the file."""
    name, _, part = block.attributes["file"].partition("#")
    path = pathlib.PurePath(name)
    if not (tree.ROOT / path).is_file():
        return f"{name} does not exist"
    if block.language in ("cpp", "c++") and not name.startswith(COMPILED):
        return f"{name} is not compiled by anything"
    there = snippet(path, part)
    if there is None:
        return f"{name} has no part [{part}]"
    shown = textwrap.dedent(block.text).strip()
    same = shown == there.strip() if part else shown in textwrap.dedent(there)
    return None if same else f"differs from {block.attributes['file']}"


def check_json(block, _):
    documents = block.text.splitlines() if block.language == "ndjson" else [block.text]
    try:
        for document in documents:
            json.loads(re.sub(r",?\s*…(?=\s*[\]},])", "", document))
    except ValueError as why:
        return f"is not JSON: {why}"
    return None


def commands_of(text):
    """(command, shown output) of a console block: `$ ` begins a command, a backslash or `> ` continues it."""
    command, shown = None, []
    for line in text.splitlines():
        if line.startswith("$ ") or line == "$":
            if command is not None:
                yield command, "\n".join(shown)
            command, shown = line[2:], []
        elif command is not None and not shown and (command.endswith("\\") or line.startswith("> ")):
            command += "\n" + line.removeprefix("> ")
        elif command is not None:
            shown.append(line)
    if command is not None:
        yield command, "\n".join(shown)


def check_console(block, session):
    seconds = float(block.attributes.get("seconds", 60))
    for command, shown in commands_of(block.text):
        if BY_CI.match(command) and not command.startswith("./run"):
            continue
        if doc_session.START.match(command) and "--help" not in command:
            code, got = 0, session.start(command)
        else:
            code, got = session.shell(command, seconds, "seconds" in block.attributes)
        if shown.strip() and not doc_session.same(shown, got):
            return f"`{command}` prints something else:\n{textwrap.indent(got, '    ')}"
        if not shown.strip() and code != 0:
            return f"`{command}` ends with {code}:\n{textwrap.indent(got, '    ')}"
    return None


def check_script(block, session):
    if all(BY_CI.match(line.strip()) for line in block.text.splitlines()):
        return None
    code, got = session.shell(f"set -euo pipefail\n{block.text}")
    return None if code == 0 else f"ends with {code}:\n{textwrap.indent(got, '    ')}"


def check_http(block, session):
    """Requests, each with the answer it gets: status, the headers shown, body."""
    parts = re.split(r"^(?=(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) /)", block.text, flags=re.M)
    for part in filter(str.strip, parts):
        request, _, answer = part.partition("\nHTTP/1.1 ")
        if not doc_session.REQUEST.match(request):
            return "does not begin with a request line"
        status, headers, body = session.exchange(request)
        head, _, shown = answer.partition("\n\n")
        got = f"{status}\n{headers}\n{body}"
        if head and head.split()[0] != str(status):
            return f"answers {got}"
        for line in head.splitlines()[1:]:
            name, _, value = line.partition(":")
            if name.strip() != "…" and not doc_session.same(value, headers.get(name, "")):
                return f"header {name} is {headers.get(name)!r}"
        if shown.strip() and not doc_session.same(shown, body):
            return f"answers {got}"
    return None


def check_block(block, session):
    """Why this sample is not true, or nothing."""
    if "skip" in block.attributes:
        return None if len(block.attributes["skip"]) > 3 else "skip= needs the reason"
    if "file" in block.attributes:
        return check_file_sample(block, session)
    if block.language in PROSE:
        return None
    checks = {"json": check_json, "ndjson": check_json, "console": check_console, "http": check_http}
    check = check_script if block.language in SHELL else checks.get(block.language)
    if not check:
        return (f"a '{block.language}' sample names the compiled file it stands in: file=PATH#NAME" if block.language
                else "a block names its language (`text` for what is no code)")
    try:
        return check(block, session)
    except (RuntimeError, OSError) as why:
        return str(why)


def check_links(page, prose, pages, findings):
    for line, target in markdown.links(prose):
        file, _, anchor = target.partition("#")
        at = (tree.ROOT / page.parent / file).resolve() if file else tree.ROOT / page
        if file.startswith("/") or not at.exists():
            findings.add(page, line, f"dead link: {target}")
        elif anchor and at.suffix == ".md":
            there = pages.get(pathlib.PurePath(at.relative_to(tree.ROOT)))
            if there is not None and anchor not in markdown.anchors(there[1]):
                findings.add(page, line, f"no such heading: {target}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("pages", nargs="*", type=pathlib.PurePath)
    options = parser.parse_args()
    findings, samples, skipped = tree.Findings(), 0, 0
    pages = {path: markdown.read(tree.text_of(path)) for path in tree.files() if path.suffix == ".md"}
    for page, (blocks, prose) in pages.items():
        if options.pages and page not in options.pages:
            continue
        check_links(page, prose, pages, findings)
        with doc_session.Session(pathlib.Path(options.bin).resolve()) as session:
            for block in blocks:
                samples += 1
                skipped += "skip" in block.attributes
                if why := check_block(block, session):
                    findings.add(page, block.line, f"{block.language} sample {why}")
    return findings.finish(f"{len(pages)} pages, {samples} samples ({skipped} skipped with a reason), no dead links")


if __name__ == "__main__":
    sys.exit(main())
