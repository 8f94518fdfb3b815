#!/usr/bin/env python3
"""Engines that are broken on purpose, for the simulator to find: a source with a few of its lines changed.

  broken_engine.py --list              the names
  broken_engine.py NAME OUTPUT         writes the changed source
  broken_engine.py --check             every change still applies, exactly once

What is changed stands in tests/simulation/broken/engines.json. A change that no longer applies is an error, not a
broken engine less.
"""
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TABLE = ROOT / "tests" / "simulation" / "broken" / "engines.json"


def engines():
    return {engine["name"]: engine for engine in json.loads(TABLE.read_text(encoding="utf-8"))}


def changed(engine):
    """The text of the broken source."""
    text = (ROOT / engine["file"]).read_text(encoding="utf-8")
    for old, new in engine["changes"]:
        count = text.count(old)
        if count != 1:
            raise SystemExit(f"{engine['name']}: {engine['file']} has {count} times, instead of once: {old!r}\n"
                             f"mend the table: {TABLE.relative_to(ROOT)}")
        text = text.replace(old, new)
    return text


def main(words):
    all_of_them = engines()
    if words == ["--list"]:
        print("\n".join(f"{name} {engine['file']}" for name, engine in all_of_them.items()))
    elif words == ["--check"]:
        for engine in all_of_them.values():
            changed(engine)
    elif len(words) == 2 and words[0] in all_of_them:
        output = pathlib.Path(words[1])
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(changed(all_of_them[words[0]]), encoding="utf-8")
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
