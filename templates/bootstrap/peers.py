# On the head of a pipeline: hears from a worker that the cloud takes it back (GET /2026-12-31T18:00:00Z), and says with 200 when nothing runs any more.

import http.server
import os
import pathlib
import re

RUN = pathlib.Path("/run/planner")


class Peer(http.server.BaseHTTPRequestHandler):
    timeout = 5

    def do_GET(self):
        if not re.fullmatch(r"/20[0-9-]{8}T[0-9:]{8}Z", self.path):
            return self.send_error(404)
        if not (RUN / "notice").exists():
            (RUN / "notice").write_text(self.path[1:] + "\n")
        self.send_response(200 if (RUN / "drained").exists() else 202)
        self.end_headers()

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer((os.environ["PLANNER_NODE_IP"], 29502), Peer).serve_forever()
