#!/usr/bin/env python3
"""What must not stand in the tree: words left for later, coroutines, the machine's own paths, calls the engine may
not make, lines that are too long, files that do not say what they are, switched-off findings without a reason.
"""
import re
import sys

import tree

WIDEST = 120
LATER = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
COROUTINE = re.compile(r"\bco_(await|return|yield)\b")
MACHINE = re.compile(r"(?<![\w.$}~-])/(home|ro" r"ot|work)/\w")
NOLINT = re.compile(r"NOLINT(?!END)(?:NEXTLINE|BEGIN)?(?:\([^)]*\))?(?P<reason>:? ?\w?)")
DEAD_CODE = re.compile(r"^\s*// ?(?:(?:if|for|while|switch) ?\(.*\) ?\{?|return\b.*;|[\w:<>*&]+ \w+ = .*;"
                       r"|[\w.:>-]+\(.*\);|\})$")

# The engine meets files, clock and randomness only through src/io, so that a seed can replay a whole life.
ENGINE = {
    re.compile(r"(?<![\w>])::\s*(open|openat|read|write|pread|pwrite|pwritev|fsync|fdatasync|mmap|munmap|ftruncate|"
               r"fallocate|posix_fallocate|unlink|rename|flock|fcntl|stat|fstat|getpid)\s*\("): "a system call",
    re.compile(r"\b(system|steady|high_resolution)_clock\s*::\s*now\b"): "a clock of its own",
    re.compile(r"\b(clock_gettime|gettimeofday|time)\s*\(\s*(NULL|nullptr|0|CLOCK_\w+)"): "a clock of its own",
    re.compile(r"\brandom_device\b|\b(s?rand|getrandom|arc4random)\s*\("): "randomness of its own",
    re.compile(r"std\s*::\s*filesystem\s*::\s*(?!path\b)\w+"): "a file operation of its own",
    re.compile(r"\b[io]?fstream\b|\b(fopen|fwrite|fread)\s*\("): "a file operation of its own",
    re.compile(r"\bsleep_(for|until)\s*\(|\busleep\s*\("): "sleeping instead of waiting",
    re.compile(r"#\s*include\s*<(unistd\.h|fcntl\.h|sys/[\w/]+\.h|fstream|random)>"): "a header that only src/io needs",
}


def lines_with(pattern, text):
    for match in pattern.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, match


def check_cpp(path, findings):
    text = tree.text_of(path)
    code = tree.code_only(text)
    comments = tree.comments_only(text)
    for line, match in lines_with(COROUTINE, code):
        findings.add(path, line, f"{match[0]}: no coroutines (g++ 12 frees everyday ones twice)")
    comment_lines = ["", *comments.splitlines()]
    for line, match in lines_with(NOLINT, comments):
        if not re.match(r": \w", match["reason"]) and not comment_lines[line - 1].strip():
            findings.add(path, line, "NOLINT needs a reason: `// NOLINT(check): why`, or the line above")
    opening = re.match(r"(?://.*\n)*", text)[0].count("\n")
    if opening == 0:
        findings.add(path, 1, "opens without the comment that says what the file is and is not")
    if path.suffix == ".cpp" and path.parts[0] in tree.PRODUCT_FOLDERS:
        for number, line in enumerate(comments.splitlines(), 1):
            if DEAD_CODE.match(line):
                findings.add(path, number, "looks like code that was commented out")
    if path.parts[:2] == ("src", "engine"):
        for pattern, what in ENGINE.items():
            for line, match in lines_with(pattern, code):
                findings.add(path, line, f"{match[0].strip()}: {what}; the engine goes through src/io")


def main():
    findings = tree.Findings()
    count = 0
    for path in tree.files():
        ours = path.suffix in (".hpp", ".cpp", ".py", ".sh", ".cmake", ".txt") or path.name in ("run", "test", "dev")
        if not ours and path.suffix not in (".md", ".json", ".yml", ".yaml", ".supp", ".sql"):
            continue
        count += 1
        text = tree.text_of(path)
        for pattern, what in ((LATER, "left for later"), (MACHINE, "a path of one machine")):
            for line, match in lines_with(pattern, text):
                findings.add(path, line, f"{match[0]}: {what}")
        if ours and path.name != "packages.txt":
            for number, line in enumerate(text.splitlines(), 1):
                if len(line) > WIDEST:
                    findings.add(path, number, f"{len(line)} columns, at most {WIDEST}")
        if path.suffix in (".hpp", ".cpp") and path.parts[0] in tree.CODE_FOLDERS:
            check_cpp(path, findings)
    return findings.finish(f"{count} files: nothing that must not be there")


if __name__ == "__main__":
    sys.exit(main())
