# Downloads one set of the model's weights with resume, checks every file's SHA-256 against the hub's, then marks it complete.

import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys

MODEL = "deepseek-ai/DeepSeek-R1-Distill-Llama-70B"
TARGET = pathlib.Path("/srv/models") / "DeepSeek-R1-Distill-Llama-70B"
MARK = TARGET / ".planner-complete"
TOKEN = pathlib.Path("/run/planner/hub-token")
if MARK.exists():
    sys.exit(0)
token = TOKEN.read_text().strip() if TOKEN.exists() else None
TARGET.mkdir(parents=True, exist_ok=True)
from modelscope_hub import HubApi

revision = "master"
hub = HubApi(token=token)
files = {f.path: (f.size, f.sha256) for f in hub.list_repo_files(MODEL, "model", revision=revision) if not f.is_dir}
# Only plain names: nothing outside the folder, and no copies of the weights in folders of their own.
files = {name: known for name, known in files.items() if re.fullmatch(r"[\w.+-]*\w", name)}
weights = []
for glob in "model*.safetensors", "*.safetensors", "*.bin":
    weights = weights or [name for name in files if pathlib.PurePath(name).match(glob)]
if not all([weights, *(files[name][1] for name in weights)]):
    sys.exit("no weights, or some without SHA-256")
# What else is large is the same weights in another format.
files = {name: known for name, known in files.items() if name in weights or known[0] < 1e8}
if sum(size for name, (size, _) in files.items() if not (TARGET / name).exists()) > shutil.disk_usage(TARGET).free:
    sys.exit("the model does not fit on the disk")
hub.download_repo(MODEL, "model", revision=revision, local_dir=TARGET, allow_patterns=list(files))


def wrong(name):
    line = f"{files[name][1]}  {TARGET / name}\n"
    return files[name][1] and subprocess.run(["sha256sum", "--check", "--status"], input=line, text=True).returncode


with concurrent.futures.ThreadPoolExecutor() as pool:
    bad = [name for name, found in zip(files, pool.map(wrong, files)) if found]
for name in bad:
    (TARGET / name).unlink(missing_ok=True)
if bad:
    sys.exit(f"{len(bad)} files differ from the hub's checksums and were removed")
MARK.write_text(f"{MODEL} {revision}\n")
