"""What the tests of the document need to know of this server: streams have no end, and whoever tests is not to shut itself out.

All of it happens to the requests on their way, so that what was generated is judged as it was generated.
"""

import os
import random
import re

import requests

OWN = f"/api/v1/users/{os.environ['CONTRACT_OWN_ID']}"
SPARE = f"/api/v1/users/{os.environ['CONTRACT_SPARE_ID']}"
# Enough for a head and the first picture.
MOST_BYTES = 256 * 1024

_request = requests.Session.request
_random = random.Random(1)


def first_part(response):
    """Reads the first picture of a stream, and hangs up."""
    marker = b"--" + response.headers["Content-Type"].partition("boundary=")[2].encode()
    body = b""
    # The end of a JPEG: the next part may be long in coming.
    while b"\xff\xd9" not in body and len(body) < MOST_BYTES:
        chunk = response.raw.read1(4096)
        if not chunk:
            break
        body += chunk
    assert body.lstrip(b"\r\n").startswith(marker), body[:100]
    response._content = body
    response._content_consumed = True
    response.close()


def tame(method, url, kwargs):
    # Wrong passwords are counted for each address: each request comes from another one, by the word of a trusted proxy.
    address = f"10.{_random.randrange(256)}.{_random.randrange(256)}.{_random.randrange(1, 255)}"
    kwargs["headers"] = {**(kwargs.get("headers") or {}), "X-Forwarded-For": address}
    # It may wait a minute for a camera that nobody watches.
    params = kwargs.get("params")
    if isinstance(params, dict) and re.fullmatch(r"[0-9]+(\.0)?", str(params.get("wait_s"))):
        kwargs["params"] = {**params, "wait_s": min(int(float(params["wait_s"])), 1)}
    # No test leaves this machine, nor looks for cameras on it for a second each time.
    body = kwargs.get("json")
    if isinstance(body, dict):
        source = body.get("source")
        is_found = url.endswith("/api/v1/camera-test") and source in (None, "auto")
        if is_found or str(source).startswith(("http", "rtsp")):
            kwargs["json"] = {**body, "source": "test"}
    # Its own password and role stay as they are; those of somebody else do as well.
    if method.upper() in ("PUT", "DELETE") and url.endswith(OWN):
        url = url.removesuffix(OWN) + SPARE
    return url


def request(self, method, url, **kwargs):
    url = tame(method, url, kwargs)
    reads = not kwargs.get("stream")
    response = _request(self, method, url, **{**kwargs, "stream": True})
    if response.headers.get("Content-Type", "").startswith("multipart/x-mixed-replace"):
        if response.request.method != "HEAD":
            first_part(response)
    elif reads:
        _ = response.content
    return response


requests.Session.request = request
