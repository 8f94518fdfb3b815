#!/usr/bin/env python3
"""docs/durability-card.md from what the runs have written.

  durability_card.py [SUMMARY...]      takes these summaries in, one JSON object a line, and writes the card
  durability_card.py --check           fails when the card is not what its figures say

The figures stand in docs/durability-card.ndjson. A run replaces an earlier one of the same thing; runs of the simulator
or of a fuzzer over other seeds add up.
"""
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
CARD = ROOT / "docs" / "durability-card.md"
FIGURES = ROOT / "docs" / "durability-card.ndjson"

OPENING = """# Durability card

What was done to the store, how often, and what was lost. Made by `./dev card` from the summaries that the runs write;
how they work and how to run them stands in [simulation.md](simulation.md), what is promised in
[guarantees.md](guarantees.md).
"""


def key_of(result):
    """Two results with the same key are runs of the same thing."""
    names = {"simulation": ("first_seed", "length"), "powercut": ("filesystem", "synced", "seed"),
             "syscalls": ("fault",),
             "kills": (), "broken_engine": ("name",), "fuzz": ("target", "seed")}
    return (result["kind"], *(result.get(name) for name in names[result["kind"]]))


def read(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def merged(old, new):
    by_key = {key_of(result): result for result in [*old, *new]}
    return [by_key[key] for key in sorted(by_key, key=str)]


def count(value):
    return f"{value:,}"


def hours(seconds):
    return f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{seconds / 60:.0f} min"


def table(head, rows):
    lines = [" | ".join(head), " | ".join("---" for _ in head), *(" | ".join(row) for row in rows)]
    return "\n".join(f"| {line} |" for line in lines) + "\n"


def simulated(runs):
    names = {name for run in runs for name, value in run.items() if isinstance(value, int)}
    total = {name: sum(run.get(name, 0) for run in runs) for name in names}
    rows = [("lives, each from a seed of its own", count(total["seeds"])),
            ("power cuts, each with recovery and comparison", count(total["power_cuts"])),
            ("of them during a recovery, or soon after one", count(total["cuts_during_recovery_or_after_it"])),
            ("openings of a store", count(total["openings"])),
            ("steps of clients", count(total["steps"])),
            ("appends acknowledged", count(total["acknowledged"])),
            ("appends refused, each as the model says", count(total["refused"])),
            ("disk errors and full disks", count(total["disk_faults"])),
            ("bits flipped on the disk, of which the store told", f"{count(total.get('flipped_bits', 0))}, "
             f"{count(total.get('flipped_bits_told', 0))}"),
            ("time of one core", hours(total["seconds"])),
            ("**violations**", f"**{count(total['violations'])}**")]
    notes = [f"\n* {run['note']}\n" for run in runs if "note" in run]
    return "## Simulated machines\n\n" + table(("what", "how often"), rows) + "".join(notes)


def broken(results):
    rows = [(f"`{one['name']}`", one["what"], f"{one['seconds']:.1f} s" if one["caught"] else "**not found**")
            for one in results]
    return ("## Engines broken on purpose\n\nWhat the simulator says is worth as much as what it finds in an engine"
            " that is wrong.\n\n" + table(("engine", "what is broken", "found after"), rows))


def filesystems(results):
    rows = [(one["filesystem"], "as it is" if one["synced"] else "control: no sync reaches the device",
             count(one["points"]), count(one["lost"]), count(one["other_findings"]),
             count(one.get("file_system_repaired", 0)), hours(one["seconds"]))
            for one in sorted(results, key=lambda one: (one["filesystem"], not one["synced"], one.get("seed", 0)))]
    notes = [f"\n* {one['filesystem']}, seed {one['seed']}: {one['first_finding']}\n" for one in results
             if "first_finding" in one]
    return "## Power cuts on real file systems\n\n" + table(
        ("file system", "store", "cuts", "with acknowledged events lost", "other findings",
         "after the file system's own repair", "time"), rows) + "".join(notes)


def processes(results):
    rows = []
    for one in results:
        what, times = ("SIGKILL at a random moment", one["rounds"]) if one["kind"] == "kills" else (
            f"{one['fault']} at the n-th system call, for every n", one["indices"])
        rows.append((what, count(times), count(one["lost"]), hours(one["seconds"])))
    return "## Processes\n\n" + table(("what", "how often", "with something lost", "time"), rows)


def fuzzed(results):
    rows = []
    for target in sorted({one["target"] for one in results}):
        runs = [one for one in results if one["target"] == target]
        total = {name: sum(one[name] for one in runs) for name in ("executions", "findings", "seconds")}
        rows.append((f"`{target}`", count(total["executions"]), count(total["findings"]), hours(total["seconds"])))
    return ("## Any bytes into every parser\n\nlibFuzzer with AddressSanitizer and UndefinedBehaviorSanitizer.\n\n"
            + table(("fuzzer", "inputs", "findings", "time"), rows))


def card(results):
    of = {kind: [one for one in results if one["kind"] == kind] for kind in
          ("simulation", "broken_engine", "powercut", "syscalls", "kills", "fuzz")}
    parts = [OPENING]
    for makes, found in ((simulated, of["simulation"]), (broken, of["broken_engine"]), (filesystems, of["powercut"]),
                         (processes, of["syscalls"] + of["kills"]), (fuzzed, of["fuzz"])):
        if found:
            parts.append(makes(found))
    return "\n".join(parts)


def main(words):
    old = read(FIGURES) if FIGURES.exists() else []
    if words == ["--check"]:
        if not CARD.exists() or CARD.read_text(encoding="utf-8") != card(old):
            print("docs/durability-card.md is not what its figures say: ./dev card")
            return 1
        return 0
    results = merged(old, [result for word in words for result in read(pathlib.Path(word))])
    FIGURES.write_text("".join(json.dumps(result) + "\n" for result in results), encoding="utf-8")
    CARD.write_text(card(results), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
