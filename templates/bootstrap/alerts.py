# Posts what is wrong on this instance to the address on standard input, once when it begins and once when it ends.

import json
import os
import pathlib
import sys
import time
import urllib.request

HOME = pathlib.Path("/var/lib/planner")
SENT = HOME / "alerts.json"
address = sys.stdin.readline().strip()
if not address.startswith("https://"):
    sys.exit("the secret of the webhook holds no https address")


def wrong():
    found = {}
    state = json.loads((HOME / "state.json").read_text())
    if state["status"] in ("failed", "stopped"):
        found["StartFailed"] = f"{state['step']}: {state['detail']}"
    deadline = os.environ.get("PLANNER_DEADLINE")
    if deadline and deadline < time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 172800)):
        found["DeadlineNear"] = f"this instance ends at {deadline}"
    drain = pathlib.Path("/run/planner/keys/drain")
    if drain.exists():
        return {**found, "SpotNotice": f"the cloud takes this instance back at {drain.read_text().strip()}"}
    if pathlib.Path("/run/planner/serving").exists():
        try:
            with urllib.request.urlopen("http://127.0.0.1:9090/api/v1/alerts", timeout=10) as answer:
                alerts = json.load(answer)["data"]["alerts"]
        except OSError:
            return {**found, "MonitoringDown": "Prometheus does not answer"}
        for alert in alerts:
            if alert["state"] == "firing" and alert["labels"].get("severity") != "info":
                found[alert["labels"]["alertname"]] = alert["annotations"]["summary"]
    return found


now, before = wrong(), json.loads(SENT.read_text()) if SENT.exists() else {}
lines = [f"{name}: {now[name]}" for name in sorted(now.keys() - before.keys())]
lines += [f"{name}: over" for name in sorted(before.keys() - now.keys())]
if lines:
    text = f"planner, {os.uname().nodename}: " + "; ".join(lines)
    body = {"text": text}
    if "dingtalk" in address or "weixin" in address:
        body = {"msgtype": "text", "text": {"content": text}}
    elif "feishu" in address or "larksuite" in address:
        body = {"msg_type": "text", "content": body}
    request = urllib.request.Request(address, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        urllib.request.urlopen(request, timeout=20).close()
    except (OSError, ValueError) as error:  # its text may hold the address
        sys.exit(f"the webhook does not take it: {type(error).__name__} {getattr(error, 'code', '')}")
    SENT.write_text(json.dumps(now))
