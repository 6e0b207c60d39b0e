"""An HTTP hand on a witness: `POST /NAME` with a JSON object calls the function of that name.

The function runs in the loop of the witness. It answers nothing, or raises `Refused` with the status that says why not.
"""

import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ANSWERED_WITHIN_SECONDS = 30


class Refused(Exception):
    def __init__(self, status, reason):
        super().__init__(reason)
        self.status = status


def serve(port, find):
    """Serves on 127.0.0.1, on a free port for 0, beside the running loop, and gives the port.

    `find` gives the function of a name, or None.
    """
    loop = asyncio.get_running_loop()

    async def run(name, body):
        function = find(name)
        if function is None:
            raise Refused(404, f"there is no {name}")
        function(**body)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            try:
                work = asyncio.run_coroutine_threadsafe(run(self.path.strip("/"), json.loads(text or b"{}")), loop)
                work.result(ANSWERED_WITHIN_SECONDS)
                self.answer(200, {})
            except Refused as refused:
                self.answer(refused.status, {"error": str(refused)})
            except (TypeError, ValueError) as error:
                self.answer(400, {"error": str(error)})

        def answer(self, status, body):
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]
