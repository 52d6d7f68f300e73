"""A W&B server on this machine that keeps whatever it is sent, and says yes to everything."""

import gzip
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import wandb


class _Listener(ThreadingHTTPServer):
    def handle_error(self, *_: Any) -> None:
        """Clients that end without a word are none of a test's business."""


class WandbServer:
    """What the server received.

    Attributes:
        requests: Method, path and body, unzipped, of every request.
        url: For ``WANDB_BASE_URL``.
    """

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, bytes]] = []
        self._server = _Listener(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> None:
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Go away, as a network does."""
        self._server.shutdown()
        self._server.server_close()

    def everything(self) -> bytes:
        """All that was sent."""
        return b"\n".join(path.encode() + b"\n" + body for _, path, body in list(self.requests))

    def calls(self, operation: str) -> list[dict[str, Any]]:
        """Variables of the GraphQL calls of one operation."""
        calls = [json.loads(body) for _, path, body in self.requests if "graphql" in path]
        return [call["variables"] for call in calls if _operation(call) == operation]

    def uploads(self) -> dict[str, bytes]:
        """Uploaded files by name."""
        return {
            path.partition("/up/")[2]: body for _, path, body in self.requests if "/up/" in path
        }

    def _handler(server) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                server.requests.append((self.command, self.path, body))
                graphql = "graphql" in self.path
                self._answer(server.answer(json.loads(body)) if graphql else {})

            do_PUT = do_GET = do_POST  # noqa: N815

            def _answer(self, value: dict[str, Any]) -> None:
                text = json.dumps(value).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler

    def answer(self, call: dict[str, Any]) -> dict[str, Any]:
        """The least that W&B's client is content with."""
        operation, given = _operation(call), call.get("variables") or {}
        viewer = {"id": "V", "entity": "team", "username": "me", "teams": {"edges": []}}
        upload = f"{self.url}/up/"
        bucket = {
            "id": "B",
            "name": given.get("name"),
            "displayName": given.get("displayName"),
            "config": "{}",
            "historyLineCount": 0,
            "project": {"id": "P", "name": "p", "entity": {"id": "E", "name": "team"}},
        }
        manifest = {"id": "M", "file": {"uploadUrl": upload + "manifest", "uploadHeaders": []}}
        data = {
            "Viewer": {"viewer": viewer},
            "GetDefaultEntity": {"viewer": viewer},
            "ServerFeaturesQuery": {"serverInfo": {"features": []}},
            "RunResumeStatus": {"model": None},
            "UpsertBucket": {"upsertBucket": {"bucket": bucket, "inserted": True}},
            "CreateRunFiles": {
                "createRunFiles": {
                    "runID": "B",
                    "uploadHeaders": [],
                    "files": [
                        {"name": name, "uploadUrl": upload + name}
                        for name in given.get("files", ())
                    ],
                }
            },
            "ArtifactType": {"project": {"artifact": None}},
            "CreateArtifact": {"createArtifact": {"artifact": {"id": "A", "state": "PENDING"}}},
            "CreateArtifactManifest": {"createArtifactManifest": {"artifactManifest": manifest}},
            "CreateArtifactFiles": {
                "createArtifactFiles": {"files": _artifact_files(given, upload)}
            },
            "CommitArtifact": {"commitArtifact": {"artifact": {"id": "A"}}},
            "UpsertView2": {"upsertView": {"view": {"id": "V", "name": given.get("name")}}},
        }
        return {"data": data.get(operation, {})}


def _artifact_files(given: dict[str, Any], upload: str) -> dict[str, Any]:
    nodes = [
        {"id": "F", "name": file["name"], "uploadUrl": upload + file["name"], "uploadHeaders": []}
        for file in given.get("input", {}).get("artifactFiles", ())
    ]
    return {"edges": [{"node": node | {"artifact": {"id": "A"}}} for node in nodes]}


def _operation(call: dict[str, Any]) -> str:
    found = re.search(r"(?:query|mutation)\s+(\w+)", call["query"])
    return call.get("operationName") or (found.group(1) if found else "")


@contextmanager
def wandb_server() -> Iterator[WandbServer]:
    """A server for the time of a test; W&B's client, which reads its settings once, starts anew."""
    wandb.teardown()
    server = WandbServer()
    server.start()
    try:
        yield server
    finally:
        wandb.teardown()
        server.stop()
