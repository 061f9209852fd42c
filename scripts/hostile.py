"""Writes values that mean harm, pickles most of them, into a folder as hishel 0.1 keeps its entries, one in each.

    python hostile.py FOLDER MARKER     MARKER is the file that running one makes

Prints the number of each, the exit code that verify has for it, and what it does.

For scripts/hishel.sh; takes hishel 0.1 for those that look like an entry on the outside.
"""

import os
import pickle
import sys
from datetime import datetime, timezone
from pathlib import Path

import httpcore

START = b"\x80\x04"


class Run:
    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def entry(headers=[], **extensions):
    response = httpcore.Response(200, content=b"hi", extensions=extensions)
    response.read()
    response.headers = headers
    request = httpcore.Request("GET", "https://example.com/")
    now = datetime.now(timezone.utc)
    return response, request, {"cache_key": "k", "number_of_uses": 0, "created_at": now}


def shared(levels, each=3):
    """Tuples of the tuple before: each ** levels things in a few bytes."""
    thing = (b"x", b"y")
    for _ in range(levels):
        thing = (thing,) * each
    return thing


def memo_bomb():
    lists = b"".join(b"]\x94(" + (b"h" + bytes([i])) * 3 + b"e" for i in range(100))
    return START + b"]\x94" + lists + b"."


def yaml_bomb(headers="", timeout=""):
    long = f'&long "{"y" * 100_000}"'
    headers = headers and f"[x, {long}]" + ", [x, *long]" * 10_000
    timeout = timeout and f"timeout: {{read: [{long}" + ", *long" * 10_000 + "]}"
    response = f"{{status: 200, headers: [{headers}], content: '', extensions: {{}}}}"
    extensions = f"{{{timeout}}}"
    request = f"{{method: GET, url: 'https://e.org/', headers: [], extensions: {extensions}}}"
    metadata = "{cache_key: k, number_of_uses: 0, created_at: 'Mon, 01 Jan 2024 00:00:00 GMT'}"
    return f"response: {response}\nrequest: {request}\nmetadata: {metadata}\n".encode()


def values(marker):
    command = f"touch {marker}"
    yield "runs a program", pickle.dumps(Run(command), 4)
    # hishel writes protocols 3 to 5: what is older is none of its values, and is left alone.
    yield "runs one in an old way, 0", b"\x80\x02cos\nsystem\n(S'%s'\ntR." % command.encode()
    yield "runs one inside an entry", pickle.dumps(entry(bad=Run(command)), 4)
    yield "evaluates text", b"\x80\x03c__builtin__\neval\n(S'open(%r, chr(119))'\ntR." % marker.encode()
    yield "a memo bomb", memo_bomb()
    # Of extensions only those are read that are known.
    yield "a memo bomb as an extension, 0", pickle.dumps(entry(bomb=shared(100)), 4)
    yield "a memo bomb as headers", pickle.dumps(entry(headers=[shared(60, 2)]), 4)
    yield "a header a million times", pickle.dumps(entry(headers=[shared(0)] * 1_000_000), 4)
    long = (b"x", b"y" * 100_000)
    yield "a long header a thousand times", pickle.dumps(entry(headers=[long] * 1000), 4)
    yield "YAML with a long header many times", yaml_bomb(headers="yes")
    yield "YAML with a long timeout many times, 0", yaml_bomb(timeout="yes")
    yield "150,000 deep", START + b")" + b"\x85" * 150_000 + b"."
    yield "150,000 deep, memoized", START + b")\x94" + b"\x85\x94" * 150_000 + b"."
    yield "2^60 bytes", START + b"\x8e" + (1 << 60).to_bytes(8, "little") + b"abc."
    yield "a text of 2^31 bytes", START + b"X\xff\xff\xff\x7fabc."
    yield "a frame of 2^60 bytes", START + b"\x95" + (1 << 60).to_bytes(8, "little") + b"N."
    yield "a number of 2^31 digits", START + b"\x8b\xff\xff\xff\x7fabc."
    yield "huge numbers in the memo", START + b"]" + b"r\xff\xff\xff\x7f" * 3 + b"."
    yield "three million lists", START + b"(" + b"]" * 3_000_000 + b"l."


folder, marker = Path(sys.argv[1]), sys.argv[2]
for number, (name, value) in enumerate(values(marker)):
    place = folder / str(number)
    place.mkdir(parents=True)
    (place / f"{number:032x}").write_bytes(value)
    name, _, code = name.rpartition(", ") if name.endswith(", 0") else (name, "", "1")
    print(number, code, name)
