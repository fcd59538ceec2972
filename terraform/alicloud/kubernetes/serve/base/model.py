# Downloads one set of the model's weights with resume, checks every file's SHA-256 against the hub's, then marks it complete.
# Exit code 3: trying again cannot help.

import concurrent.futures
import fnmatch
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

MODEL, REVISION = "deepseek-ai/DeepSeek-R1", ""
TARGET = pathlib.Path("/srv/models") / "DeepSeek-R1"
MARK = TARGET / ".planner-complete"
TOKEN = pathlib.Path("/run/planner/hub-token")


def stop(why, code=3):
    print(why, file=sys.stderr)
    sys.exit(code)


def refused(error):
    status = getattr(getattr(error, "response", None), "status_code", 0)
    meaning = {401: "the hub refuses the token", 403: "the token may not read it", 404: "no such model or revision"}
    if not token:
        meaning |= {401: "the hub wants a token (--hf-token-secret), or has no such model", 403: "the hub wants a token (--hf-token-secret)"}
    why = f"{MODEL} {REVISION}: {meaning.get(status) or f'{type(error).__name__}: {error}'[:300].splitlines()[0]}"
    stop(why, 3 if status in meaning else 1)


def shards(files, glob):
    """The weights that `glob` finds, once: those that their index names, else shards before one file, without variants."""
    found = fnmatch.filter(files, glob)
    stem, end = glob.split("*")
    index = TARGET / f"{stem}{end}.index.json"
    if stem and index.name in files and index.exists():
        named = set(json.loads(index.read_text())["weight_map"].values())
        return named if named <= set(found) else stop("the index names files that the hub does not list")
    numbered = [name for name in found if re.fullmatch(rf"{stem}[-_]\d+-of-\d+{re.escape(end)}", name)]
    whole = [name for name in found if name == stem + end]
    return (numbered or whole if index.name in files else whole or numbered) or found


mark = MARK.read_text().split() if MARK.exists() else []
if mark[:1] == [MODEL] and mark[1:] and REVISION in ("", mark[1]):
    sys.exit(0)
token = TOKEN.read_text().strip() if TOKEN.exists() else None
TARGET.mkdir(parents=True, exist_ok=True)
try:
    from modelscope_hub import HubApi

    revision = REVISION or "master"
    hub = HubApi(token=token)
    listed = hub.list_repo_files(MODEL, "model", revision=revision)
    files = {f.path: (f.size or 0, f.sha256) for f in listed if not f.is_dir}
except Exception as error:
    refused(error)


def fetch(names):  # a gated model lists its files to everybody, and refuses here
    try:
        hub.download_repo(MODEL, "model", revision=revision, local_dir=TARGET, allow_patterns=sorted(names))
    except Exception as error:
        refused(error)


# Only plain names: nothing outside the folder, and no copies of the weights in folders of their own.
files = {name: known for name, known in files.items() if re.fullmatch(r"[\w.+-]*\w", name)}
# What else is large, or ends like weights, is the same weights in another format, or a state of training.
other = r".*\.(safetensors|bin|pth?|ckpt|h5|msgpack|ot|onnx\w*|gg\w+|npz|tflite|nemo|tar|gz|zip)"
small = {name for name, known in files.items() if known[0] < 1e8 and not re.fullmatch(other, name)}
if small:
    fetch(small)
training = r"(train|optim|sched|scaler|rng_|adapter|lora).*"
loaded = [name for name in files if not re.match(training, name)]
weights = []
for glob in "model*.safetensors", "*.safetensors", "pytorch_model*.bin", "*.bin", "*.pt":
    weights = weights or shards(loaded, glob)
if not weights:
    stop("no weights that the engine loads")
if not all(files[name][1] for name in weights):
    stop("some weights are without SHA-256")
files = {name: known for name, known in files.items() if name in small or name in weights}
lacking = sum(size for name, (size, _) in files.items() if not (TARGET / name).exists())
free = shutil.disk_usage(TARGET).free
if lacking > free:
    stop(f"the model does not fit on the disk: {lacking / 1e9:.0f} GB to come, {free / 1e9:.0f} GB free")
fetch(weights)


def wrong(name):
    line = f"{files[name][1]}  {TARGET / name}\n"
    return files[name][1] and subprocess.run(["sha256sum", "--check", "--status"], input=line, text=True).returncode


with concurrent.futures.ThreadPoolExecutor() as pool:
    bad = [name for name, found in zip(files, pool.map(wrong, files)) if found]
for name in bad:
    (TARGET / name).unlink(missing_ok=True)
if bad:
    stop(f"{len(bad)} files differ from the hub's checksums and were removed", 1)
MARK.write_text(f"{MODEL} {revision}\n")
