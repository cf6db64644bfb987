"""tuspy, as a school's own program would use it. Word: a JSON file of what to do.

``{endpoint, headers, metadata, file, storage, chunk_bytes, checksum}``. The upload's address and token are kept in
``storage``, so that the next run goes on from there. Prints one JSON line per step, and ``{"done": …}`` at the end.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from urllib.parse import urljoin

import requests
from tusclient.client import TusClient


def say(**words: object) -> None:
    print(json.dumps(words), flush=True)


def create(asked: dict, storage: Path) -> dict[str, str]:
    """Create the upload ourselves, as tuspy keeps no header of the answer, and its token is one."""
    client = TusClient(asked["endpoint"], headers=asked["headers"])
    maker = client.uploader(asked["file"], metadata=asked["metadata"])
    answer = requests.post(asked["endpoint"], headers=maker.get_url_creation_headers(), timeout=30)
    answer.raise_for_status()
    kept = {
        "url": urljoin(asked["endpoint"], answer.headers["Location"]),
        "token": answer.headers["Upload-Token"],
        "document": answer.headers["Document-Location"],
    }
    storage.write_text(json.dumps(kept))
    return kept


def main() -> None:
    asked = json.loads(Path(sys.argv[1]).read_text())
    storage = Path(asked["storage"])
    resumed = storage.exists()
    kept = json.loads(storage.read_text()) if resumed else create(asked, storage)
    say(resumed=resumed, document=kept["document"])
    client = TusClient(asked["endpoint"], headers={"Upload-Token": kept["token"]})
    uploader = client.uploader(
        asked["file"], url=kept["url"], chunk_size=asked["chunk_bytes"], upload_checksum=asked["checksum"]
    )
    say(offset=uploader.offset)
    while uploader.offset < uploader.get_file_size():
        uploader.upload_chunk()
        say(sent=uploader.offset)
    say(done=uploader.url)


main()
