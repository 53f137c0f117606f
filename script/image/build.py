#!/usr/bin/env python3
"""Performs the last stage of docker/Dockerfile in a Debian root: build.py ROOT BINARY

BINARY stands for what the build stage made. Writes two scripts beside the root's programs, /run-image
and /run-healthcheck, that do as the image's user what Docker would do with the finished image.
"""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from dockerfile import Image, instructions, perform

REPOSITORY = Path(__file__).resolve().parents[2]
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    root, binary = Path(sys.argv[1]), Path(sys.argv[2])

    def run(line: str, image: Image):
        environment = {"PATH": PATH, "DEBIAN_FRONTEND": "noninteractive"} | image.environment
        for name in ("http_proxy", "https_proxy", "no_proxy"):
            if name in os.environ:
                environment[name] = os.environ[name]
        print(f"RUN {line}", flush=True)
        result = subprocess.run(
            ["chroot", root, "/bin/sh", "-c", line],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        if result.returncode:
            sys.exit(result.stdout.decode(errors="replace") + f"\nfailed: RUN {line}")

    def copy(sources: list[str], target: str, stage: str | None):
        print(f"COPY {' '.join(sources)} {target}", flush=True)
        destination = root / target.lstrip("/")
        if stage is not None:
            destination.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(binary, destination)
            return
        for source in sources:
            # What git tracks is what a fresh clone, and so the build context, would hold.
            listing = ["git", "ls-files", "-z", "--", source]
            files = subprocess.check_output(listing, cwd=REPOSITORY).decode().split("\0")
            for file in filter(None, files):
                inside = Path(file).relative_to(source) if file != source else Path(file).name
                (destination / inside).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(REPOSITORY / file, destination / inside)

    _, steps = instructions(REPOSITORY / "docker/Dockerfile", "runtime")
    image = perform(steps, run, copy)
    if image.user == "root":
        sys.exit("the image must not run as root")
    environment = " ".join(shlex.quote(f"{k}={v}") for k, v in image.environment.items())
    for name, command in (
        ("run-image", shlex.join(image.entrypoint + image.command) + ' "$@"'),
        ("run-healthcheck", shlex.join(image.healthcheck)),
    ):
        script = root / name
        script.write_text(
            f"#!/bin/sh\ncd {shlex.quote(image.directory)}\n"
            f"exec setpriv --reuid {image.user} --regid {image.user} --init-groups --no-new-privs \\\n"
            f'    env -i PATH={PATH} {environment} ${{PORT:+SKALD_PORT="$PORT"}} {command}\n'
        )
        script.chmod(0o755)


if __name__ == "__main__":
    main()
