"""tuspyserver under uvicorn, as its documentation starts it: writes plaintext, without fsync. Words: port, folder."""

from __future__ import annotations

import sys

# These are installed for a benchmark only, in a place of their own.
import uvicorn  # type: ignore[import-not-found]
from fastapi import FastAPI  # type: ignore[import-not-found]
from tuspyserver import create_tus_router  # type: ignore[import-not-found]

app = FastAPI()
app.include_router(create_tus_router(files_dir=sys.argv[2]))
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
