"""Runs what a page shows: one temporary directory and at most one server per page, closed with the page.

A page speaks of the address localhost:2113 (or 127.0.0.1:2113); here the server listens on a free port instead,
and the two are exchanged in what is run and in what comes back. In shown output `…` stands for anything: within a
line for some text, on a line of its own for any lines. Layout (blanks, line breaks) does not matter.
"""
import http.client
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

SHOWN = re.compile(r"\b(localhost|127\.0\.0\.1):2113\b")
START = re.compile(r"^(?:\./run|stele (?:serve|demo))\b")
REQUEST = re.compile(r"^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) (\S+)")


def same(shown, got):
    """Whether the output is what the page shows."""
    pieces = [re.escape("".join(piece.split())) for piece in shown.split("…")]
    return re.fullmatch(".*?".join(pieces), "".join(got.split()), re.S) is not None


class Session:
    def __init__(self, binaries):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="stele-docs-"))
        self.server = None
        self.port = None
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("STELE_")}
        self.environment |= {"PATH": f"{binaries}:{os.environ['PATH']}", "HOME": str(self.directory),
                             "NO_COLOR": "1", "LC_ALL": "C.UTF-8"}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def stop(self):
        if self.server:
            self.server.send_signal(signal.SIGTERM)
            try:
                self.server.wait(30)
            except subprocess.TimeoutExpired:
                self.server.kill()
                self.server.wait()
        self.server = None

    def here(self, text):
        """The command as it runs here: a free port, and the `stele` under test wherever the page says it was built."""
        text = text.replace("build/release/bin/stele", "stele")
        return SHOWN.sub(lambda match: f"{match[1]}:{self.port}", text)

    def there(self, text):
        return re.sub(rf"\b{self.port}\b", "2113", text) if self.port else text

    def start(self, command="./run"):
        """Starts the server a page shows (without one: the demo) and returns what it printed until it was ready."""
        self.stop()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        command = re.sub(r"^\./run", "stele demo --no-traffic", self.here(command))
        if " demo" in command and "--dir" not in command:
            command += " --dir demo-data"
        if "--listen" not in command:
            command += f" --listen 127.0.0.1:{self.port}"
        output = self.directory / "server.out"
        with output.open("w") as out:
            self.server = subprocess.Popen(["bash", "-c", f"exec {command}"], cwd=self.directory, stdout=out,
                                           stderr=subprocess.STDOUT, env=self.environment, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while not self.ready():
            if self.server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"`{command}` did not become ready:\n{output.read_text()}")
            time.sleep(0.05)
        return self.there(output.read_text())

    def ready(self):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except OSError:
            return False

    def serve(self, text):
        """Makes sure that a server runs when the text speaks of one."""
        if not self.server and SHOWN.search(text):
            self.start()

    def shell(self, script, seconds=60.0, endless=False):
        """(exit code, output). An endless command is ended after its seconds, and that is no failure."""
        self.serve(script)
        with subprocess.Popen(["bash", "-c", self.here(script)], cwd=self.directory, env=self.environment, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              start_new_session=True) as running:
            try:
                output, code = running.communicate(timeout=seconds)[0], running.returncode
            except subprocess.TimeoutExpired:
                os.killpg(running.pid, signal.SIGINT if endless else signal.SIGKILL)
                output = running.communicate()[0]
                code = 0 if endless else f"none after {seconds:.0f} s"
        return code, self.there(output)

    def exchange(self, request):
        """(status, headers, body) of a request as a page shows it: request line, headers, blank line, body."""
        self.serve("localhost:2113")
        head, _, body = request.partition("\n\n")
        method, target = REQUEST.match(head).groups()
        headers = dict(line.split(": ", 1) for line in head.splitlines()[1:] if ": " in line)
        headers.pop("Host", None)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request(method, target, body.strip().encode() or None, headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, self.there(answer.read().decode("utf-8", "replace"))
