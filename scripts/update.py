"""Moves a cache the way that a Python client has for it, and prints how long that took.

    python update.py requests-cache ENTRIES    SQLite to SQLite by its own update()
    python update.py hishel ENTRIES            hishel 0.1: files to SQLite, one by one

Only the move counts, not filling the source nor starting Python. For scripts/moving.sh.
"""

import sqlite3
import sys
import time
from pathlib import Path

BODY = b"x" * 1100
HEADERS = {"Content-Type": "text/plain", "ETag": '"1"', "Cache-Control": "max-age=31536000"}


def url(number):
    return f"https://host{number % 500}.example.com/items/{number}"


def requests_cache(entries):
    from requests_cache import CachedRequest, CachedResponse
    from requests_cache.backends.sqlite import SQLiteCache

    source, target = (SQLiteCache(str(Path(name).absolute())) for name in ("from.db", "to.db"))
    with source.responses.bulk_commit():
        for number in range(entries):
            request = CachedRequest(method="GET", url=url(number), headers={})
            response = CachedResponse(
                status_code=200, url=url(number), headers=HEADERS, request=request
            )
            response._content = BODY
            source.responses[f"{number:016x}"] = response
    started = time.perf_counter()
    target.update(source)
    took = time.perf_counter() - started
    assert len(target.responses) == entries
    return took


def hishel(entries):
    import hishel
    import httpcore

    source = hishel.FileStorage(base_path=Path("from"))
    target = hishel.SQLiteStorage(connection=sqlite3.connect("to.sqlite"))
    for number in range(entries):
        headers = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
        response = httpcore.Response(200, headers=headers, content=BODY)
        response.read()
        source.store(f"{number:032x}", response, httpcore.Request("GET", url(number)))
    started = time.perf_counter()
    # It has no listing: the names of the files are the keys.
    for file in Path("from").iterdir():
        if file.name != ".gitignore":
            response, request, metadata = source.retrieve(file.name)
            response.read()
            target.store(file.name, response, request, metadata)
    return time.perf_counter() - started


print({"requests-cache": requests_cache, "hishel": hishel}[sys.argv[1]](int(sys.argv[2])))
