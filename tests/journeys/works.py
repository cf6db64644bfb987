"""Works that lie before a moderator: a rehearsal series whose first sample was asked for, and some files of it were sent."""

from __future__ import annotations

import base64
import json
import time
import urllib.request
from dataclasses import dataclass
from random import Random
from typing import Any

from repository.demo import files
from repository.demo.files import WorkFile

from ..patience import PATIENCE_SECONDS
from .serving import Running

CENTRE = "99001"
PAGES = 6


@dataclass(frozen=True, slots=True)
class Works:
    """A case with a moderator, and two documents of it: one of pages, and a recording."""

    case_id: str
    pages: str
    recording: str


@dataclass(frozen=True, slots=True)
class Program:
    """A person's program: calls of the API under one sign-in."""

    service: Running
    token: str

    def ask(self, method: str, path: str, body: Any = None, data: bytes | None = None, **headers: str) -> Any:
        sent = data if data is not None else None if body is None else json.dumps(body).encode()
        kind = {} if data is not None else {"Content-Type": "application/json"}
        request = urllib.request.Request(self.service.address + path, sent, method=method)
        for name, value in {**kind, "Authorization": f"Bearer {self.token}", **headers}.items():
            request.add_header(name.replace("_", "-"), value)
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
            got = answer.read()
            return json.loads(got) if got else dict(answer.headers)


def program(service: Running, who: str, centre: str | None = None) -> Program:
    """Sign a person's program in."""
    made = Program(service, "").ask("POST", "/api/sessions", {"token": service.token(who, centre)})
    return Program(service, made["token"])


def lay_out(service: Running) -> Works:
    """Take the centre's first component through to its sample, send two works, and give the case to the moderator."""
    teacher, officer = program(service, "teacher", CENTRE), program(service, "exams officer", CENTRE)
    body = program(service, "awarding body officer A")
    case = next(one for one in officer.ask("GET", "/api/cases")["cases"] if one["submission_mode"] == "UPLOAD")
    path = f"/api/cases/{case['id']}"
    sheet = teacher.ask("GET", f"{path}/marks")
    sheet = teacher.ask("POST", f"{path}/marks/check", {"version": sheet["version"]})
    total = sum(row["mark"] or 0 for row in sheet["rows"])
    officer.ask("POST", f"{path}/marks/submit", {"version": sheet["version"], "control_total": total})
    items = officer.ask("GET", f"{path}/sample")["items"]
    (person,) = [
        one for one in body.ask("GET", "/api/people?role=moderator")["people"] if one["name"] == "Rehearsal moderator"
    ]
    place = {"series": case["series"], "component": case["component"], "centre_number": CENTRE}
    body.ask("POST", "/api/allocations", {"person_id": person["person_id"], **place})
    chance = Random(6)
    sent = [
        send(teacher, items[0]["id"], files.pdf(items[0]["candidate_number"], "Project", "DESK-99", PAGES, chance)),
        send(teacher, items[1]["id"], files.wav(items[1]["candidate_number"], "DESK-99", chance, seconds=40)),
    ]
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    states: list[str] = []
    while time.monotonic() < give_up_at:
        states = [officer.ask("GET", f"/api/documents/{one}")["state"] for one in sent]
        if states == ["released", "released"]:
            return Works(case["id"], *sent)
        time.sleep(0.1)
    raise AssertionError(f"the works were not released: {states}")


def send(person: Program, item_id: str, work: WorkFile) -> str:
    """Send one work by tus, in one request; returns its document's id."""
    facts = {"item": item_id, "slot": "work", "filename": work.filename, "filetype": work.media_type}
    metadata = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in facts.items())
    made = person.ask(
        "POST", "/uploads", data=work.content, Tus_Resumable="1.0.0", Upload_Length=str(len(work.content)),
        Upload_Metadata=metadata, Content_Type="application/offset+octet-stream",
    )  # fmt: skip
    return str(made["Document-Location"]).rpartition("/")[2]
