"""A Python client with a hishel cache, for scripts/hishel.sh.

    python peer.py STORE fetch URL…      fetches through the cache, prints "digest URL"
    python peer.py STORE hammer SECONDS URL…

STORE is file:FOLDER, sqlite:FILE, redis:SOCKET or s3:PORT/PREFIX, and for hishel 0.x ends in
:json, :yaml or :pickle. For 2.x it may end in :plain instead of :rfc. Where it ends in :requests
that is the client (and the mode RFC 9111 in 2.x), else httpx.
"""

import hashlib
import importlib.metadata
import sys
import time

import httpx

GENERATION = int(importlib.metadata.version("hishel").split(".")[0])


def client(store):
    kind, place, form = (store.split(":") + [""])[:3]
    if GENERATION == 0:
        import hishel

        serializer = {
            "json": hishel.JSONSerializer,
            "yaml": hishel.YAMLSerializer,
            "pickle": hishel.PickleSerializer,
        }[form or "json"]()
        if kind == "file":
            from pathlib import Path

            storage = hishel.FileStorage(serializer=serializer, base_path=Path(place))
        elif kind == "sqlite":
            import sqlite3

            storage = hishel.SQLiteStorage(serializer=serializer, connection=sqlite3.connect(place))
        elif kind == "s3":
            import boto3

            port, prefix = place.split("/", 1)
            objects = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}", region_name="us-east-1")
            storage = hishel.S3Storage("team", serializer=serializer, path_prefix=prefix, client=objects)
        else:
            import redis

            storage = hishel.RedisStorage(serializer=serializer, client=redis.Redis(unix_socket_path=place))
        return hishel.CacheClient(storage=storage)
    import hishel
    import hishel.httpx

    def server():
        import redis

        return redis.Redis(unix_socket_path=place)

    def session(**options):
        import requests
        from hishel.requests import CacheAdapter

        session = requests.Session()
        session.mount("http://", CacheAdapter(storage=storage, **options))
        return session

    if GENERATION == 1:
        if kind == "sqlite":
            storage = hishel.SyncSqliteStorage(database_path=place)
        else:
            storage = hishel.RedisStorage(server())
        return session() if form == "requests" else hishel.httpx.SyncCacheClient(storage=storage)
    storage = hishel.SqliteStorage(database_path=place) if kind == "sqlite" else hishel.RedisStorage(server())
    if form == "requests":
        return session(rfc=True)
    return hishel.httpx.CacheClient(storage=storage, rfc=form != "plain")


def main():
    store, verb, *rest = sys.argv[1:]
    until = time.monotonic() + float(rest.pop(0)) if verb == "hammer" else 0
    with client(store) as http:
        while True:
            for url in rest:
                answer = http.get(url)
                answer.raise_for_status()
                if verb == "fetch":
                    print(hashlib.sha256(answer.content).hexdigest(), url)
            if time.monotonic() >= until:
                break


main()
