"""Starts `skald serve` on a free port and waits until it is healthy."""

import json
import re
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
BINARY = REPOSITORY / ".build/release/skald"


class Server:
    """A context: the server runs inside it. Leaving it asks the server to drain and end."""

    def __init__(self, *arguments, log: Path):
        self.url = None
        self.log = log
        self.command = [str(BINARY), "serve", "--port", "0", *map(str, arguments)]

    def __enter__(self):
        start = time.monotonic()
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log)
        while not self._healthy():
            if self.process.poll() is not None or time.monotonic() - start > 120:
                self.process.kill()
                raise RuntimeError(f"the server did not start:\n{self.log.read_text()}")
            time.sleep(0.05)
        self.seconds_to_start = time.monotonic() - start
        return self

    def __exit__(self, kind, *_):
        self.process.terminate()
        try:
            status = self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        if kind is None and status != 0:
            raise RuntimeError(f"SIGTERM ended the server with status {status}")

    def _healthy(self) -> bool:
        # The log says which port it is.
        found = re.search(r"url=(http://127\.0\.0\.1:\d+)\s", self.log.read_text())
        if not found:
            return False
        self.url = found[1]
        try:
            with urllib.request.urlopen(self.url + "/health", timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def speech(self, **fields) -> bytes:
        """The audio that `POST /v1/audio/speech` answers with."""
        request = urllib.request.Request(
            self.url + "/v1/audio/speech",
            json.dumps(fields).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=600) as answer:
            return answer.read()

    def peak_memory(self) -> float:
        """The most resident memory so far, in GiB."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 2**20
        raise RuntimeError("the system does not tell a process's peak memory")
