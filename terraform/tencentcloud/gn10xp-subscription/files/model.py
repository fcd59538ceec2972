# Downloads the model with resume, checks every file's SHA-256 against the hub's, then marks it complete.

import concurrent.futures
import os
import pathlib
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
skip = ("original/*", "*.gguf")  # the same weights a second time
files = {name: known for name, known in files.items() if not any(pathlib.PurePath(name).match(glob) for glob in skip)}
if sum(size for name, (size, _) in files.items() if not (TARGET / name).exists()) > shutil.disk_usage(TARGET).free:
    sys.exit(f"{TARGET}: the model does not fit on the disk")
hub.download_repo(MODEL, "model", revision=revision, local_dir=TARGET, ignore_patterns=list(skip))


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
