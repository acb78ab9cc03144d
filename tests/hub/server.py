"""A hub on this machine: one repository, a second server for its large files, and faults on demand."""

import hashlib
import http.server
import json
import threading
import time

COMMIT = "5" * 40


def git_sha1(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class Hub:
    """`files`: name to bytes; those in `large` are served by the other server. `faults`: by file, a
    list of what to do to the next requests for its bytes; see Handler.answer."""

    def __init__(self, files, large=(), gated=False):
        self.files, self.large, self.gated = dict(files), set(large), gated
        self.faults, self.headers, self.requests = {}, {}, []
        self.listing = {"sha": COMMIT, "siblings": [{"rfilename": n} for n in self.files]}
        self.servers = [self.start() for _ in range(2)]
        self.endpoint = f"http://127.0.0.1:{self.servers[0].server_port}"
        self.store = f"http://localhost:{self.servers[1].server_port}"  # another host, by its name

    def start(self):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.hub = self
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return server

    def close(self):
        for server in self.servers:
            server.shutdown()
            server.server_close()

    def asked(self, name, method="GET"):
        """The headers of the requests for a file's bytes, in order."""
        return [h for m, path, h in self.requests if m == method and path.endswith("/" + name)]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.handle_any("HEAD")

    def do_GET(self):
        self.handle_any("GET")

    def give(self, status, headers=(), body=b""):
        self.send_response(status)
        for name, value in dict({"Content-Length": len(body)}, **dict(headers)).items():
            self.send_header(name, str(value))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def handle_any(self, method):
        hub = self.server.hub
        headers = {k.lower(): v for k, v in self.headers.items()}
        hub.requests.append((method, self.path, headers))
        home = self.server is hub.servers[0]
        if home and hub.gated and headers.get("authorization") != "Bearer secret":
            return self.give(401)
        if home and self.path.startswith("/api/models/org/tiny/revision/"):
            fault = next(iter(hub.faults.get("listing", [])), None)
            if fault:
                hub.faults["listing"].pop(0)
                return self.give(fault)
            return self.give(200, {"Content-Type": "application/json"},
                             json.dumps(hub.listing).encode())
        places = [f"/org/tiny/resolve/{revision}/" for revision in ("main", COMMIT)] + ["/store/"]
        name = next((self.path[len(place):] for place in places if self.path.startswith(place)), None)
        if name not in hub.files:
            return self.give(404)
        return self.file(hub, name, headers, home)

    def file(self, hub, name, headers, home):
        data = hub.files[name]
        large = name in hub.large
        if home:
            about = {"X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
            if large:
                about |= {"Location": f"{hub.store}/store/{name}", "ETag": '"of-the-redirect"',
                          "X-Linked-Etag": f'"{hashlib.sha256(data).hexdigest()}"',
                          "X-Linked-Size": len(data)}
                return self.give(302, about | hub.headers.get(name, {}))
            about |= {"ETag": f'"{git_sha1(data)}"', "Content-Length": len(data)}
            about |= hub.headers.get(name, {})
            if self.command == "HEAD":
                return self.give(200, about)
        self.answer(hub, name, data, headers)

    def answer(self, hub, name, data, headers):
        faults = hub.faults.get(name, [])
        fault = faults.pop(0) if faults else None
        if isinstance(fault, int):
            return self.give(fault)
        if fault == "corrupt":
            data = data[:-1] + bytes([data[-1] ^ 1])
        first = 0
        if "range" in headers and fault != "no ranges":
            first = int(headers["range"].removeprefix("bytes=").split("-")[0])
            if first >= len(data):
                return self.give(416, {"Content-Range": f"bytes */{len(data)}"})
        body = data[first:]
        self.send_response(206 if first else 200)
        self.send_header("Content-Length", str(len(body)))
        if first:
            self.send_header("Content-Range", f"bytes {first}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        if fault in ("torn", "slow"):
            self.wfile.write(body[:len(body) // 2])
            self.wfile.flush()
            if fault == "slow":
                time.sleep(4)
            self.close_connection = True
            return None
        self.wfile.write(body)
        return None
