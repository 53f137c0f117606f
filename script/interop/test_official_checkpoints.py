"""What `skald models convert` writes, read by PyTorch and by the official loader."""

import pytest
from conftest import FIXTURES, skald

official = pytest.importorskip("official", reason="no CPU build of PyTorch here", exc_type=ImportError)
import torch  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

SOURCES = ["model_last.pt", "pretrained_ema_only.pt", "pretrained_ema.safetensors", "legacy_nonzip_ema_only.pt"]
BUFFERS = ("mel_spec.",)


def plain(tensors) -> dict[str, torch.Tensor]:
    """Parameters by their bare names, without bookkeeping and prefixes."""
    found = {}
    for name, tensor in tensors.items():
        name = name.removeprefix("ema_model.")
        if name not in ("initted", "step", "update") and not name.startswith(BUFFERS):
            found[name] = tensor
    return found


def read(path) -> dict[str, dict[str, torch.Tensor]]:
    """Both kinds of weights that a file holds, as PyTorch or safetensors reads them."""
    if path.suffix == ".safetensors":
        tensors = load_file(path)
        kind = "ema" if any(name.startswith("ema_model.") for name in tensors) else "raw"
        return {kind: plain(tensors)}
    content = torch.load(path, map_location="cpu", weights_only=True)
    kinds = {"ema": "ema_model_state_dict", "raw": "model_state_dict"}
    return {kind: plain(content[key]) for kind, key in kinds.items() if key in content}


def same(found, expected):
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        assert found[name].dtype == tensor.dtype, name
        assert found[name].shape == tensor.shape, name
        assert torch.equal(found[name], tensor), name


def network():
    import json

    from f5_tts.model import CFM

    described = json.loads((FIXTURES / "checkpoints/arch.json").read_text())
    backbone = official.BACKBONES[described["backbone"]]
    return CFM(
        transformer=backbone(
            **described["arch"], text_num_embeds=described["text_num_embeds"], mel_dim=100
        ),
        mel_spec_kwargs=dict(
            n_fft=1024, hop_length=256, win_length=1024, n_mel_channels=100, target_sample_rate=24000
        ),
    )


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("weights", [None, "ema", "raw"])
@pytest.mark.parametrize("source", SOURCES)
def test_converted_weights_load(tmp_path, source, weights, suffix, report):
    original = read(FIXTURES / "checkpoints" / source)
    if weights is not None:  # raw of an EMA-only file is its EMA
        expected = {weights: original.get(weights, original["ema"])}
    elif suffix == ".pt":
        expected = original
    else:
        expected = {"ema": original["ema"]}
    out = tmp_path / f"converted{suffix}"
    flags = ["--weights", weights] if weights else []
    skald("models", "convert", FIXTURES / "checkpoints" / source, out, *flags)
    written = read(out)
    assert written.keys() == expected.keys()
    model = network()
    for kind, tensors in expected.items():
        same(written[kind], tensors)
        loaded = official.utils_infer.load_checkpoint(model, str(out), "cpu", use_ema=kind == "ema")
        state = plain(loaded.state_dict())
        same({name: state[name] for name in tensors}, tensors)
        report(f"convert {source} {' '.join(flags)} to {suffix}: {len(tensors)} {kind} tensors, bit for bit")


@pytest.mark.parametrize("dtype, kind", [("bf16", torch.bfloat16), ("f16", torch.float16)])
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_converted_number_formats(tmp_path, dtype, kind, suffix):
    source = FIXTURES / "checkpoints/pretrained_ema.safetensors"
    out = tmp_path / f"converted{suffix}"
    skald("models", "convert", source, out, "--dtype", dtype)
    expected = {
        # Constants are not parameters: they keep what precision they have.
        name: tensor if name.endswith("inv_freq") else tensor.to(kind)
        for name, tensor in read(source)["ema"].items()
    }
    for tensors in read(out).values():
        same(tensors, expected)


def test_a_converted_model_speaks_the_same(models, tmp_path):
    """The way there and back again changes no sample."""
    files = []
    for weights in (models / "tiny_v1/model.safetensors", None):
        folder = tmp_path / f"model{len(files)}"
        folder.mkdir()
        for name in ("config.yaml", "vocab.txt"):
            (folder / name).write_bytes((models / "tiny_v1" / name).read_bytes())
        if weights:
            (folder / "model.safetensors").write_bytes(weights.read_bytes())
        else:
            skald("models", "convert", models / "tiny_v1/model.safetensors", folder / "model.pt")
        out = tmp_path / f"{len(files)}.wav"
        skald("speak", "Good morning.", "--model", folder, "--nfe", 4, "--seed", 1, "-o", out)
        files.append(out.read_bytes())
    assert files[0] == files[1]


