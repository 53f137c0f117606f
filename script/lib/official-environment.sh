# Sourced, in the repository's root: a Python environment with official F5-TTS, at $venv. Says so and leaves
# PyTorch out where no build for CPUs can be had.
venv=$PWD/.build-interop
needs=script/interop
whisper=script/speech/requirements-whisper.txt
mark=$(cat "$needs"/requirements-*.txt "$whisper" script/lib/official-environment.sh | sha256sum)
if [[ ! -e $venv/ready || $(cat "$venv/ready") != "$mark" ]]; then
    echo "Installing what the checks are made against" >&2
    rm -rf "$venv"
    if ! python3 -m venv "$venv" 2>/dev/null; then
        echo "Python 3.11 or newer with its venv module is needed (python3-venv)" >&2
        exit 1
    fi
    pip=("$venv/bin/pip" install --quiet --disable-pip-version-check)
    "${pip[@]}" --requirement "$needs/requirements-clients.txt" --requirement "$whisper"
    # The packages' default is a build for CUDA, gigabytes of it: only a build for CPUs will do.
    if "${pip[@]}" --no-deps torch==2.13.0+cpu 2>"$venv/torch.log"; then
        "${pip[@]}" --requirement "$needs/requirements-torch.txt"
        "${pip[@]}" --no-deps --requirement "$needs/requirements-official.txt"
        # Its native parts want CUDA; the transforms that F5-TTS uses are Python.
        rm -f "$venv"/lib/python3*/site-packages/torchaudio/lib/*.so
    fi
    echo "$mark" >"$venv/ready"
fi
export PYTHONDONTWRITEBYTECODE=1
if ! "$venv/bin/python" -c 'import torch' 2>/dev/null; then
    echo "SKIPPED what needs PyTorch and official F5-TTS, because no CPU build of torch 2.13.0 can be had here" \
        "(name an index that has one in PIP_EXTRA_INDEX_URL, and remove $venv)"
fi
