"""Reads as much of the Dockerfile language as docker/Dockerfile uses; refuses the rest."""

import json
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Image:
    """What a stage says about the processes that run in it."""

    environment: dict[str, str] = field(default_factory=dict)
    directory: str = "/"
    user: str = "root"
    healthcheck: list[str] = field(default_factory=list)
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)


def instructions(path: Path, stage: str) -> tuple[str, list[tuple[str, str]]]:
    """The base image of a stage, and its instructions as (KEYWORD, rest of the line)."""
    text = "\n".join(l for l in path.read_text().splitlines() if not l.lstrip().startswith("#"))
    base, found = None, []
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        if not line.strip():
            continue
        keyword, _, rest = line.strip().partition(" ")
        if keyword == "FROM":
            if base is not None:
                break
            words = rest.split()
            if words[1:] == ["AS", stage]:
                base = words[0]
        elif base is not None:
            found.append((keyword, rest.strip()))
    if base is None:
        raise SystemExit(f"{path} has no stage {stage}")
    return base, found


def perform(steps, run, copy) -> Image:
    """Carries a stage out with `run(shell line, image)` and `copy(sources, target, from stage)`."""
    image = Image()
    for keyword, rest in steps:
        match keyword:
            case "RUN":
                run(rest, image)
            case "COPY":
                words = shlex.split(rest)
                stage = words.pop(0).removeprefix("--from=") if words[0].startswith("--from=") else None
                if words[0].startswith("--"):
                    raise SystemExit(f"COPY {words[0]} is not known here")
                copy(words[:-1], words[-1], stage)
            case "ENV":
                image.environment |= dict(word.split("=", 1) for word in shlex.split(rest))
            case "WORKDIR":
                image.directory = rest
            case "USER":
                image.user = rest
            case "ENTRYPOINT":
                image.entrypoint = json.loads(rest)
            case "CMD":
                image.command = json.loads(rest)
            case "HEALTHCHECK":
                image.healthcheck = json.loads(rest.partition(" CMD ")[2])
            case "EXPOSE" | "VOLUME":
                pass  # they matter only to Docker's network and storage
            case _:
                raise SystemExit(f"{keyword} is not known here")
    return image
