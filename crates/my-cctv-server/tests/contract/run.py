#!/usr/bin/env python3
"""Starts the server with the simulated camera, and lets schemathesis go over its document as administrator, viewer and nobody."""

import base64
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[3]
BUILT = ROOT / "target" / "debug"
SCHEMATHESIS = ROOT / "target" / "tools" / "schemathesis" / "bin" / "st"
PASSWORD = "correct horse battery staple"

# Nothing is limited, and every address is believed: hooks.py says why.
CONFIG = f"""
[server]
listen = "127.0.0.1"
port = 0
trusted_proxies = ["127.0.0.1"]
max_viewers = 200
[auth]
enabled = true
alarm_failures = 0
[limits]
streams_per_15_min = 0
streams_per_15_min_and_account = 0
api_per_minute = 0
api_per_minute_and_account = 0
connections_per_address = 0
[[camera]]
id = "main"
source = "rpicam"
program = "{BUILT / 'camera-sim'}"
width = 320
height = 240
"""


class Server:
    def __init__(self, folder):
        (folder / "config.toml").write_text(CONFIG)
        environment = {
            **os.environ,
            "ADMIN_PASSWORD": PASSWORD,
            "CAMERA_SIM_START_MS": "50",
            "CAMERA_SIM_STOP_MS": "50",
            "CAMERA_SIM_LOCK_DIR": str(folder / "locks"),
            "CAMERA_SIM_LOG": str(folder / "sim.log"),
            "CAMERA_SIM_CONTROL": str(folder / "control"),
        }
        self.log = folder / "log"
        self.child = subprocess.Popen(
            [BUILT / "my-cctv-server", "serve", "--config", "config.toml"],
            cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.log.open("w"),
        )
        deadline = time.monotonic() + 60
        while True:
            port = re.search(r'"listening".*?127\.0\.0\.1:(\d+)', self.log.read_text())
            if port:
                break
            if self.child.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"the server does not listen:\n{self.log.read_text()}")
            time.sleep(0.05)
        self.url = f"http://127.0.0.1:{port[1]}"

    def ask(self, path, body=None):
        """As the administrator."""
        fields = {"Authorization": basic("admin"), "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(self.url + path, data, fields)) as answer:
            return json.load(answer)

    def stop(self):
        self.child.terminate()
        code = self.child.wait(60)
        log = self.log.read_text()
        # A panic in a handler closes the connection; whoever asked may have tried again.
        if code or "panicked" in log:
            sys.exit(f"the server ended with {code}:\n{log[-4000:]}")


def basic(name):
    return "Basic " + base64.b64encode(f"{name}:{PASSWORD}".encode()).decode()


def test(role):
    """A fresh server for each, so that nobody finds what another one left."""
    with tempfile.TemporaryDirectory(prefix="cctv-contract-") as folder:
        server = Server(pathlib.Path(folder))
        try:
            document = pathlib.Path(folder) / "openapi.json"
            document.write_bytes(subprocess.check_output([BUILT / "my-cctv-server", "openapi"]))
            user = lambda name, role: server.ask("/api/v1/users", {"name": name, "password": PASSWORD, "role": role})["id"]
            spare = user("spare", "viewer")
            own = user("tester", role or "viewer")
            command = [
                SCHEMATHESIS, "--config-file", HERE / "schemathesis.toml", "run", document, "--url", server.url, *sys.argv[2:],
            ]
            if role:
                command += ["--header", f"Authorization:{basic('tester')}"]
            environment = {
                **os.environ, "CONTRACT_OWN_ID": str(own), "CONTRACT_SPARE_ID": str(spare),
                "SCHEMATHESIS_HOOKS": str(HERE / "hooks.py"), "PYTHONDONTWRITEBYTECODE": "1", "NO_COLOR": "1",
            }
            began = time.monotonic()
            code = subprocess.run(command, cwd=folder, env=environment).returncode
            print(f"{role or 'nobody'}: {'passed' if code == 0 else 'FAILED'} in {time.monotonic() - began:.0f} s", flush=True)
        finally:
            server.stop()
        return code == 0


# Read by the program that has a validator, which is not the one that runs this.
EXAMPLES = """
import json, sys
import jsonschema_rs

document = json.load(sys.stdin)


def closed(schema):
    # An example has no field that the document does not know.
    if isinstance(schema, dict):
        if "allOf" in schema:
            return {**schema, "unevaluatedProperties": False}
        schema = {key: closed(value) for key, value in schema.items()}
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
    return [closed(one) for one in schema] if isinstance(schema, list) else schema


schemas = document["components"]["schemas"]
# What is a part of something else has to leave room for the rest of it.
parts = {part.get("$ref", "").rpartition("/")[2] for schema in schemas.values() for part in schema.get("allOf", [])}
components = {"schemas": {name: schema if name in parts else closed(schema) for name, schema in schemas.items()}}
count = 0
for path, item in document["paths"].items():
    for method, operation in item.items():
        for name, message in [("body", operation.get("requestBody", {})), *operation["responses"].items()]:
            if "$ref" in message:
                message = document["components"]["responses"][message["$ref"].rpartition("/")[2]]
            for kind, content in message.get("content", {}).items():
                schema = content.get("schema") or {}
                named = components["schemas"].get(schema.get("$ref", "").rpartition("/")[2], {})
                for example in [one["example"] for one in (content, named) if "example" in one]:
                    count += 1
                    validator = jsonschema_rs.Draft202012Validator({**closed(schema), "components": components})
                    for error in validator.iter_errors(example):
                        sys.exit(f"{method} {path}: {name}: the example of {kind} is not what the schema says: {error}")
print(f"{count} examples are as their schemas say")
"""


def examples():
    """Every example of the document against its schema."""
    document = subprocess.check_output([BUILT / "my-cctv-server", "openapi"])
    subprocess.run([SCHEMATHESIS.with_name("python"), "-c", EXAMPLES], input=document, check=True)


if __name__ == "__main__":
    examples()
    roles = {"admin": "admin", "viewer": "viewer", "nobody": None}
    asked = sys.argv[1:2] if sys.argv[1:2] and sys.argv[1] in roles else list(roles)
    if not all([test(roles[name]) for name in asked]):
        sys.exit(1)
