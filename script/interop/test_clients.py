"""The `openai` package, unchanged, against our server."""

import io
import time

import av
import numpy as np
import openai
import pytest
import soundfile
from conftest import HEART, reference_text, skald

TEXT = (
    "The kettle is on, and the bread is still warm. Sit down for a moment, and tell me what the "
    "sea was like this morning. They say that the wind turns at noon, that the boats will be late, "
    "and that nobody minds. We have all the time in the world, and butter, and plum jam, and a fire. "
    "When you have eaten, we can walk along the cliff as far as the old lighthouse and back again."
)
SPEECH = {"model": "tiny_v1", "voice": "heart", "input": TEXT}
EXACT = {"seed": 7, "nfe_step": 16}


@pytest.fixture(scope="module")
def client(server):
    with openai.OpenAI(base_url=server + "/v1", api_key="none", max_retries=0) as client:
        yield client


def stream(client, **arguments):
    """The bytes of a streamed response, its content type, and when its pieces came, seconds from the request."""
    pieces, times, start = [], [], time.monotonic()
    with client.audio.speech.with_streaming_response.create(**arguments) as response:
        kind = response.headers["content-type"]
        for piece in response.iter_bytes():
            pieces.append(piece)
            times.append(time.monotonic() - start)
    return b"".join(pieces), kind, times


def decoded(data: bytes, kind: str) -> tuple[np.ndarray, int]:
    """Samples and rate, as FFmpeg's libraries decode them; a stream may not know its length."""
    if kind == "pcm":
        return np.frombuffer(data, "<i2").astype(np.float32) / 32768, 24000
    with av.open(io.BytesIO(data)) as container:
        frames = [frame.to_ndarray() for frame in container.decode(audio=0)]
        rate = container.streams.audio[0].rate
    samples = np.concatenate(frames, axis=1)[0]
    if samples.dtype == np.int16:
        samples = samples.astype(np.float32) / 32768
    return samples, rate


@pytest.fixture(scope="module")
def expected(models, tmp_path_factory):
    """What the command line says with the same seed."""
    path = tmp_path_factory.mktemp("speak") / "speech.wav"
    skald(
        "speak", TEXT, "--models", models, "--model", "tiny_v1", "--voice", "heart",
        "--seed", EXACT["seed"], "--nfe", EXACT["nfe_step"], "-o", path,
    )  # fmt: skip
    return soundfile.read(path, dtype="float32")[0]


@pytest.mark.parametrize(
    "kind, content", [("wav", "audio/wav"), ("pcm", "audio/pcm"), ("flac", "audio/flac"), ("mp3", "audio/mpeg")]
)
def test_speech_streams(client, expected, kind, content, report):
    data, found, times = stream(client, **SPEECH, response_format=kind, extra_body=EXACT)
    assert found.split(";")[0] == content
    samples, rate = decoded(data, kind)
    assert rate == 24000
    if kind == "mp3":  # the codec pads, and is not exact
        assert abs(len(samples) - len(expected)) < 0.1 * rate
        assert 0.9 < samples.std() / expected.std() < 1.1
    else:
        assert np.array_equal(samples, expected), "a stream must hold what `speak` writes"
    spread = times[-1] - times[0]
    # The second of two chunks is nearly half of the work, however fast that is done.
    assert spread > 0.1 * times[-1], "all pieces came at once: nothing was streamed"
    report(f"openai, {kind}: {len(samples) / rate:.2f} s of audio, first piece {spread:.2f} s before the last")


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100, 48000])
def test_any_sample_rate(client, expected, rate):
    data, _, _ = stream(
        client, **SPEECH, response_format="wav", extra_body=EXACT | {"sample_rate": rate}
    )
    samples, found = decoded(data, "wav")
    assert found == rate
    assert abs(len(samples) / rate - len(expected) / 24000) < 2 / rate


def test_the_default_format_is_mp3(client):
    response = client.audio.speech.create(**SPEECH | {"input": "Good morning to you."})
    assert response.response.headers["content-type"].split(";")[0] == "audio/mpeg"
    samples, _ = decoded(response.read(), "mp3")
    assert np.abs(samples).max() > 0.001


def test_speed_shortens(client):
    short, long = (
        decoded(stream(client, **SPEECH, response_format="pcm", speed=speed)[0], "pcm")[0]
        for speed in (2.0, 1.0)
    )
    assert 0.4 < len(short) / len(long) < 0.65


def test_models_are_listed(client):
    assert "tiny_v1" in [model.id for model in client.models.list()]
    assert client.models.retrieve("tiny_v1").object == "model"


def test_a_voice_is_made_spoken_and_deleted(client):
    with open(HEART / "reference.wav", "rb") as audio:
        made = client.post(
            "/audio/voices",
            cast_to=object,
            body={"name": "Interop", "ref_text": reference_text()},
            files={"audio_sample": ("heart.wav", audio, "audio/wav")},
            options={"headers": {"Content-Type": "multipart/form-data"}},
        )
    assert made["object"] == "audio.voice"
    own, heart = (
        stream(
            client, model="tiny_v1", input="Good morning to you.", response_format="pcm",
            voice=voice, extra_body=EXACT,
        )[0]
        for voice in (made["id"], "heart")
    )  # fmt: skip
    assert own == heart, "the same recording and text are the same voice"
    client.delete(f"/audio/voices/{made['id']}", cast_to=object)
    with pytest.raises(openai.NotFoundError):
        client.audio.speech.create(model="tiny_v1", input="Gone.", voice=made["id"])


@pytest.mark.parametrize(
    "change, error, parameter",
    [
        ({"voice": "nobody"}, openai.NotFoundError, "voice"),
        ({"model": "nothing"}, openai.NotFoundError, "model"),
        ({"input": ""}, openai.BadRequestError, "input"),
        ({"input": "a" * 4097}, openai.BadRequestError, "input"),
        ({"speed": 9.0}, openai.BadRequestError, "speed"),
        ({"response_format": "opus"}, openai.BadRequestError, "response_format"),
    ],
)
def test_errors_are_what_the_client_knows(client, change, error, parameter):
    with pytest.raises(error) as caught:
        client.audio.speech.create(**SPEECH | change)
    assert caught.value.param == parameter
    assert caught.value.body["message"]


def test_a_client_that_leaves_stops_its_work(client):
    with client.audio.speech.with_streaming_response.create(
        **SPEECH | {"input": TEXT * 8}, response_format="pcm", extra_body={"nfe_step": 64}
    ) as response:
        next(response.iter_bytes())
    start = time.monotonic()
    client.audio.speech.create(
        model="tiny_v1", voice="heart", input="Next.", response_format="pcm", extra_body=EXACT
    )
    assert time.monotonic() - start < 10
