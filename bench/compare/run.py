#!/usr/bin/env python3
"""The same workloads on stele and on its rivals, in one run, on one machine, with durable acknowledgements.

Starts each rival's server on loopback, on a free port, in a temporary directory; ends it by its process id. For every
row the machine's own limit is measured first, then every rival in turn, so that a disk in a mood meets all of them.
What is measured and what the columns mean: docs/benchmarks.md. Called by `./dev bench compare`.
"""
import argparse
import json
import os
import pathlib
import pwd
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

# workload, form, writers, batch
ROWS = {
    "W1": [("append", form, writers, 1) for form in ("blocking", "async") for writers in (1, 16, 64, 256)
           if (form, writers) != ("async", 1)],
    "W2": [("append", "blocking", 1, 100), ("append", "blocking", 16, 100)],
    "W3": [("replay", "", 1, 1)],
    "W4": [("load", "", 1, 1)],
    "W6": [("rebuild", "", 1, 1), ("rebuild", "own", 1, 1), ("rebuild", "each", 1, 1)],
}
EVENTS_PER_STREAM = 100
WAIT_SECONDS = 30
# Filled once per rival; these are slow at it, and their rates do not depend on the number.
SLOW_FILLERS = {"postgres": 10, "redis": 5, "nats": 10}


def say(text):
    print(f":: {text}", file=sys.stderr, flush=True)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Server:
    """A rival's server process: its own directory, its own port, ended by its own id."""

    def __init__(self, directory):
        self.directory = directory
        self.port = free_port()
        self.process = None

    def start(self, command):
        log = open(self.directory / "server.log", "ab")
        self.process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        until = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < until and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f"{command[0]} did not start; see {self.directory / 'server.log'}")

    def stop(self):
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(WAIT_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Postgres(Server):
    """initdb refuses root, so as root it is run by the user `postgres` that the package made."""

    def start_all(self):
        found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres"))
        if not found:
            raise RuntimeError("PostgreSQL is not installed")
        binaries = found[-1].parent
        data = self.directory / "data"
        self.become = []
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            for path in (self.directory, self.directory / "server.log"):
                path.touch() if path.suffix else None
                os.chown(path, user.pw_uid, user.pw_gid)
            self.become = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        subprocess.run([*self.become, binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8",
                        "--locale=C"], check=True, stdout=subprocess.DEVNULL, cwd=self.directory)
        settings = {"listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": self.directory,
                    "max_connections": 400, "shared_buffers": "1GB", "wal_buffers": "64MB", "max_wal_size": "8GB",
                    "checkpoint_timeout": "30min", "fsync": "on", "synchronous_commit": "on",
                    "wal_sync_method": "fdatasync", "jit": "off", "autovacuum": "on"}
        command = [*self.become, binaries / "postgres", "-D", data]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        self.start(command)
        until = time.monotonic() + WAIT_SECONDS  # it listens a moment before it answers
        while subprocess.run([binaries / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]).returncode:
            if time.monotonic() > until:
                raise RuntimeError("PostgreSQL does not answer")
            time.sleep(0.05)

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)  # fast shutdown
            self.process.wait(WAIT_SECONDS)


class Redis(Server):
    def start_all(self):
        self.start(["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.directory),
                    "--appendonly", "yes", "--appendfsync", "always", "--save", "", "--protected-mode", "no",
                    "--auto-aof-rewrite-percentage", "0"])


class Nats(Server):
    def start_all(self):
        settings = self.directory / "nats.conf"
        told = subprocess.run(["nats-server", "--version"], capture_output=True, text=True).stdout
        version = tuple(int(part) for part in re.findall(r"\d+", told)[:2])
        self.syncs = version >= (2, 10)
        always = "sync_interval: always, " if self.syncs else ""
        settings.write_text(f'listen: "127.0.0.1:{self.port}"\n'
                            f'jetstream {{ {always}store_dir: "{self.directory}/store", max_file_store: 64GB }}\n')
        self.start(["nats-server", "-c", str(settings)])


# name, driver, server, environment of the driver
RIVALS = [
    ("stele", "stele", None, {}),
    ("SQLite", "sqlite", None, {}),
    ("RocksDB", "rocksdb", None, {}),
    ("LMDB", "lmdb", None, {}),
    ("PostgreSQL", "postgres", Postgres, {}),
    ("PostgreSQL, queue", "postgres", Postgres, {"STELE_COMPARE_QUEUE": "1"}),
    ("Redis Streams", "redis", Redis, {}),
    ("NATS JetStream", "nats", Nats, {}),
]


class Rival:
    def __init__(self, name, driver, server, environment, root, options):
        self.name, self.driver = name, driver
        self.binary = options.bin / f"compare_{driver}"
        self.environment = {**os.environ, **environment}
        self.directory = root / re.sub(r"\W+", "-", name.lower())
        self.directory.mkdir()
        self.directory.chmod(0o755)
        self.server = server(self.directory) if server else None
        self.options = options
        self.filled = 0
        self.runs = 0
        self.versions = ""

    def start(self):
        if not self.binary.exists():
            raise RuntimeError("its driver was not built: the client library is missing")
        if self.server:
            self.server.start_all()
            if getattr(self.server, "syncs", False):
                self.environment["STELE_COMPARE_NATS_SYNC"] = "1"

    def stop(self):
        if self.server:
            self.server.stop()

    def drive(self, workload, form="blocking", writers=1, batch=1, events=0, streams=1, run=None):
        self.runs += 1
        words = [self.binary, "--workload", workload, "--form", form or "blocking", "--writers", str(writers),
                 "--batch", str(batch), "--events", str(events or 1), "--streams", str(streams), "--seconds",
                 str(self.options.seconds), "--run", run or f"r{self.runs}", "--dir", str(self.directory)]
        if self.server:
            words += ["--port", str(self.server.port)]
        done = subprocess.run(words, capture_output=True, text=True, env=self.environment)
        if done.returncode:
            return {"error": done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "it failed"}
        return json.loads(done.stdout)

    def fill(self):
        """The log that is replayed, loaded and rebuilt from."""
        events = self.options.events // SLOW_FILLERS.get(self.driver, 1)
        streams = max(1, events // EVENTS_PER_STREAM)
        line = self.drive("fill", events=events, streams=streams, run="filled")
        self.filled, self.streams = int(line.get("events", 0)), streams
        return line

    def measure(self, workload, form, writers, batch):
        if workload == "append":
            return self.drive(workload, form, writers, batch)
        if not self.filled:
            line = self.fill()
            if "error" in line:
                return line
        return self.drive(workload, form, writers, batch, events=self.filled, streams=self.streams, run="filled")


def value_of(workload, line):
    """What is compared, and whether more is better."""
    if workload == "load":
        return line.get("p50_us"), False
    return line.get("events_per_second"), True


def cell(number):
    if number is None:
        return "–"
    for size, unit in ((1e6, " M"), (1e3, " k")):
        if number >= size:
            return f"{number / size:.3g}{unit}"
    return f"{number:.3g}"


def ratio(ours, theirs, more_is_better):
    if not ours or not theirs:
        return "–"
    return f"{(ours / theirs if more_is_better else theirs / ours):.2f}"


def title_of(group, workload, form, writers, batch):
    if workload == "append":
        return f"{group} ×{writers}{' async' if form == 'async' else ''}{' of ' + str(batch) if batch > 1 else ''}"
    return f"{group} {workload}{', ' + form if form else ''}"


class Comparison:
    def __init__(self, options, root):
        self.options, self.root = options, root
        self.records = []
        wanted = options.rivals.split(",") if options.rivals else None
        self.rivals = [Rival(*rival, root, options) for rival in RIVALS
                       if not wanted or rival[1] in wanted or rival[1] == "stele"]
        self.limits = Rival("limits", "limits", None, {}, root, options)

    def start(self):
        running = []
        for rival in self.rivals:
            try:
                rival.start()
                running.append(rival)
            except (RuntimeError, OSError, KeyError, subprocess.CalledProcessError) as problem:
                say(f"{rival.name} is left out: {problem}")
                self.records.append({"rival": rival.name, "left_out": str(problem)})
                rival.stop()
        self.rivals = running

    def stop(self):
        for rival in self.rivals:
            rival.stop()

    def row(self, group, workload, form, writers, batch):
        lines = {}
        for _ in range(self.options.rounds):
            if workload == "append":
                lines.setdefault("limit", []).append(self.limits.drive(workload, form, writers, batch))
            for rival in self.rivals:
                say(f"{title_of(group, workload, form, writers, batch)} · {rival.name}")
                lines.setdefault(rival.name, []).append(rival.measure(workload, form, writers, batch))
        return {name: self.middle(workload, found) for name, found in lines.items()}

    @staticmethod
    def middle(workload, lines):
        """Of several rounds, the line with the median figure; an error when all were."""
        good = [line for line in lines if "error" not in line]
        if not good:
            return lines[-1]
        return sorted(good, key=lambda line: value_of(workload, line)[0] or 0)[(len(good) - 1) // 2]

    def run(self):
        machine = self.limits.drive("machine")
        self.records.insert(0, {"compare": "rivals", "seconds": self.options.seconds, "rounds": self.options.rounds,
                                "events": self.options.events, **machine})
        for group in self.options.rows.split(","):
            for workload, form, writers, batch in ROWS[group]:
                lines = self.row(group, workload, form, writers, batch)
                for name, line in lines.items():
                    self.records.append({"row": title_of(group, workload, form, writers, batch), "rival": name, **line})
        end = self.limits.drive("machine")
        self.records.append({"fdatasync_us_at_end": end.get("fdatasync_us")})


def table(records):
    """Markdown: a row per workload, a column per rival; under every figure how many times stele is better."""
    first = records[0]
    names = list(dict.fromkeys(record["rival"] for record in records if "row" in record and record["rival"] != "limit"))
    ends = [record["fdatasync_us_at_end"] for record in records if record.get("fdatasync_us_at_end")]
    yield (f"{first.get('machine', 'unknown machine')} · fdatasync of 300 B {first.get('fdatasync_us', 0):.0f} µs "
           f"(p99 {first.get('fdatasync_p99_us', 0):.0f}), at the end {statistics.median(ends or [0]):.0f} µs · "
           f"{first['seconds']} s a cell, median of {first['rounds']}")
    yield ""
    yield "| row | machine limit | " + " | ".join(names) + " | stele / best durable | stele / limit |"
    yield "|---" * (len(names) + 4) + "|"
    for row in dict.fromkeys(record["row"] for record in records if "row" in record):
        lines = {record["rival"]: record for record in records if record.get("row") == row}
        yield table_row(row, lines, names)
    yield ""
    for record in records:
        if "left_out" in record:
            yield f"* {record['rival']} was left out: {record['left_out']}"
    for name in names:
        told = {record["durability"] for record in records if record.get("rival") == name and "durability" in record}
        yield f"* {name}: {'; '.join(sorted(told)) or 'nothing was measured'}"


def table_row(row, lines, names):
    workload = next((line["workload"] for line in lines.values() if "workload" in line), "append")
    ours, more = value_of(workload, lines.get("stele", {}))
    limit, _ = value_of(workload, lines.get("limit", {}))
    durable = []
    cells = []
    for name in names:
        line = lines.get(name, {})
        value, _ = value_of(workload, line)
        shown = cell(value) + ("*" if line.get("durability", "").startswith("not durable") else "")
        if name != "stele" and value:
            shown += f" ({ratio(ours, value, more)}×)"
            if not line.get("durability", "").startswith("not durable"):
                durable.append(value)
        cells.append(shown)
    best = (max if more else min)(durable) if durable else None
    unit = "events/s" if more else "µs p50"
    return (f"| {row}, {unit} | {cell(limit)} | " + " | ".join(cells) +
            f" | {ratio(ours, best, more)} | {ratio(ours, limit, more)} |")


def parse_arguments():
    parser = argparse.ArgumentParser(prog="./dev bench compare", description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=pathlib.Path, required=True, help="where the drivers are")
    # Not /tmp: that may be memory, which has no disk to wait for.
    parser.add_argument("--dir", type=pathlib.Path, default="/var/tmp",
                        help="a directory on the disk to measure; everybody must be able to enter it")
    parser.add_argument("--rows", default=",".join(ROWS), help="which workloads: W1,W2,W3,W4,W6")
    parser.add_argument("--rivals", default="", help="only these drivers, e.g. sqlite,postgres")
    parser.add_argument("--seconds", type=float, default=2.0, help="per cell of W1, W2 and W4")
    parser.add_argument("--rounds", type=int, default=3, help="the median of so many is shown")
    parser.add_argument("--events", type=int, default=1_000_000, help="of the log that is replayed")
    parser.add_argument("--json", type=pathlib.Path, default=None, help="write every figure here, a line each")
    options = parser.parse_args()
    unknown = set(options.rows.split(",")) - set(ROWS)
    if unknown:
        parser.error(f"there is no workload {', '.join(sorted(unknown))}; there are {', '.join(ROWS)}")
    options.bin = options.bin.resolve()
    return options


def main():
    options = parse_arguments()
    root = pathlib.Path(tempfile.mkdtemp(prefix="stele-compare-", dir=options.dir))
    root.chmod(0o755)
    # SIGTERM unwinds like Ctrl-C, so that no server is left behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    comparison = Comparison(options, root)
    try:
        comparison.start()
        comparison.run()
    finally:
        comparison.stop()
        if options.json and comparison.records:
            options.json.write_text("".join(json.dumps(record) + "\n" for record in comparison.records))
        shutil.rmtree(root, ignore_errors=True)
    print("\n".join(table(comparison.records)))
    failed = [record for record in comparison.records
              if record.get("error") and "no such form" not in record["error"]]
    for record in failed:
        say(f"{record['row']} · {record['rival']}: {record['error']}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
