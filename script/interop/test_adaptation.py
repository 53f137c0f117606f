"""The `openai` package's files and fine-tuning jobs, unchanged, against our server."""

import io
import json
import time
import urllib.request
import zipfile

import numpy as np
import openai
import pytest
import soundfile

WORDS = "the quick brown fox jumps over the lazy dog and then it sleeps again "


def clip(seconds: float, seed: int) -> np.ndarray:
    """Something that has the outlines of speech: syllables with rests between them."""
    rate, syllable, rest, edge = 24000, 0.17, 0.06, 0.15
    time = np.arange(int(seconds * rate)) / rate
    phase = (time - edge) % (syllable + rest)
    spoken = (time >= edge) & (phase < syllable) & (time - phase + syllable < seconds - edge)
    pitch = 2 * np.pi * (110 + 5 * seed) * time
    voice = np.sin(pitch) + 0.5 * np.sin(2 * pitch + 1) + 0.3 * np.sin(5 * pitch + 2)
    noise = np.random.default_rng(seed).uniform(-5e-4, 5e-4, len(time))
    return np.where(spoken, np.sin(np.pi * phase / syllable) * voice / 6, 0) + noise


def recordings() -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        table = ["audio_file|text"]
        for index in range(7):
            seconds = 1.1 + 0.1 * index
            wave = io.BytesIO()
            soundfile.write(wave, clip(seconds, index + 1), 24000, format="WAV")
            file.writestr(f"wavs/{index}.wav", wave.getvalue())
            table.append(f"wavs/{index}.wav|{WORDS[: int(14 * seconds)].strip()}.")
        file.writestr("metadata.csv", "\n".join(table))
    return archive.getvalue()


@pytest.fixture(scope="module")
def client(server):
    with openai.OpenAI(base_url=server + "/v1", api_key="none", max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def training_file(client):
    return client.files.create(file=("ada.zip", recordings()), purpose="fine-tune")


def finished(client, job_id: str):
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        job = client.fine_tuning.jobs.retrieve(job_id)
        if job.status in ("succeeded", "failed", "cancelled"):
            return job
        time.sleep(0.1)
    raise AssertionError(f"still {job.status}: {client.fine_tuning.jobs.list_events(job_id).data}")


def test_files(client, training_file):
    assert training_file.object == "file"
    assert training_file.status == "processed"
    assert training_file.bytes == len(client.files.content(training_file.id).content)
    others = [client.files.create(file=("x.zip", recordings()), purpose="fine-tune") for _ in range(3)]
    # The client asks for page after page.
    listed = [file.id for file in client.files.list(limit=2, purpose="fine-tune")]
    assert listed[:4] == [file.id for file in reversed([training_file, *others])]
    assert client.files.retrieve(others[0].id).filename == "x.zip"
    for file in others:
        assert client.files.delete(file.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(others[0].id)
    with pytest.raises(openai.APIStatusError) as refusal:
        client.files.create(file=("x.zip", b"PK\3\4 and then rubbish"), purpose="fine-tune")
    assert refusal.value.status_code in (400, 415)
    with pytest.raises(openai.BadRequestError) as refusal:
        client.files.create(file=("x.zip", recordings()), purpose="batch")
    assert refusal.value.param == "purpose"


def test_a_job(client, server, training_file):
    job = client.fine_tuning.jobs.create(
        model="tiny_v1",
        training_file=training_file.id,
        suffix="ada",
        seed=7,
        metadata={"from": "interop"},
        method={
            "type": "supervised",
            "supervised": {
                "hyperparameters": {
                    "n_epochs": "auto",
                    "updates": 6,
                    "check_every": 2,
                    "lora_rank": 4,
                    "batch_frames": 250,
                }
            },
        },
    )
    assert job.status in ("queued", "validating_files", "running")
    job = finished(client, job.id)
    assert job.status == "succeeded", job.error
    assert job.metadata == {"from": "interop"}
    assert job.seed == 7
    assert job.finished_at >= job.created_at
    assert job.id in [job.id for job in client.fine_tuning.jobs.list(limit=1)]

    events = list(client.fine_tuning.jobs.list_events(job.id, limit=3))
    numbers = [event.data for event in events if event.type == "metrics"]
    assert numbers[0]["step"] == 6
    assert any("valid_loss" in data for data in numbers)
    assert events[0].message == "The job has succeeded."

    checkpoints = list(client.fine_tuning.jobs.checkpoints.list(job.id))
    assert checkpoints and checkpoints[0].metrics.valid_loss > 0
    names = [client.files.retrieve(id).filename for id in job.result_files]
    assert "report.html" in names and "listen-before.wav" in names

    # By the model's name and by the voice that was published, raw and averaged.
    def speak(**changes):
        request = {"model": "tiny_v1", "voice": "ada", "input": "Good evening.", "response_format": "pcm"}
        extra = {"seed": 3, "nfe_step": 2, "weights": changes.pop("weights", None)}
        return client.audio.speech.create(**request | changes, extra_body=extra).content

    adapted = speak()
    assert adapted == speak(model=job.fine_tuned_model)
    assert adapted == speak(model=checkpoints[0].fine_tuned_model_checkpoint)
    assert adapted in (speak(weights="raw"), speak(weights="ema"))
    assert adapted != speak(voice="ada@0")
    with pytest.raises(openai.NotFoundError):
        speak(model=job.fine_tuned_model + "x")


def test_events_as_they_come(client, server, training_file):
    job = client.fine_tuning.jobs.create(
        model="tiny_v1",
        training_file=training_file.id,
        hyperparameters={"updates": 20, "batch_frames": 250},
    )
    events = f"{server}/v1/fine_tuning/jobs/{job.id}/events?stream=true"
    with urllib.request.urlopen(events, timeout=60) as answer:
        assert answer.headers["content-type"] == "text/event-stream"
        lines = [line.decode().strip() for line in answer if line.startswith(b"data: ")]
    assert lines.pop() == "data: [DONE]"
    streamed = [json.loads(line.removeprefix("data: ")) for line in lines]
    listed = [event.id for event in client.fine_tuning.jobs.list_events(job.id, limit=100)]
    assert [event["id"] for event in streamed] == listed[::-1]


def test_pause_resume_cancel(client, training_file):
    job = client.fine_tuning.jobs.create(
        model="tiny_v1", training_file=training_file.id, hyperparameters={"updates": 100000}
    )
    assert client.fine_tuning.jobs.pause(job.id).status == "paused"
    assert client.fine_tuning.jobs.resume(job.id).status == "queued"
    assert client.fine_tuning.jobs.cancel(job.id).status == "cancelled"
    with pytest.raises(openai.BadRequestError):
        client.fine_tuning.jobs.cancel(job.id)
    with pytest.raises(openai.NotFoundError):
        client.fine_tuning.jobs.retrieve("ftjob-none")
    with pytest.raises(openai.BadRequestError) as refusal:
        client.fine_tuning.jobs.create(model="tiny_v1", training_file="file-none")
    assert refusal.value.param == "training_file"
