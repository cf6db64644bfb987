"""The watch folder: files that scanners save become bundles once they are complete; none is lost, none is taken twice."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from repository.access import Role
from repository.bundles import staging
from repository.bundles.watching import COMPLETE_AFTER, Watch
from repository.care import scan_folder_health
from repository.errors import ClerkUnknown, SettingRefused
from repository.settings import ScanFolder, from_environ
from repository.tables import AuditEvent
from repository.web.api.scans import announced_by
from scripts.tables import ScanBundle, Script, Sitting
from tests.scripts import bundles

from .conftest import Service

CENTRE = "99002"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "scans"
    made.mkdir()
    return made


async def watched(service: Service, folder: Path) -> tuple[Watch, str]:
    person_id, _ = await service.add_person(Role.TRACKING_CLERK)
    return Watch(service.services, ScanFolder(folder, person_id), announced_by), person_id


async def looked(service: Service, watch: Watch) -> int:
    """Look twice, with the time between that makes a file complete."""
    await watch.look()
    service.clock.advance(seconds=COMPLETE_AFTER.total_seconds())
    return await watch.look()


async def kept(service: Service) -> list[ScanBundle]:
    return list(await service.services.database.read(lambda s: s.scalars(select(ScanBundle)).all()))


def names(folder: Path) -> list[str]:
    """Return what lies in a folder, without the time before its name."""
    return sorted(one.name.rpartition("Z ")[2] for one in folder.iterdir()) if folder.exists() else []


async def test_a_scan_with_its_slip_becomes_scripts_under_the_clerks_account(
    service: Service, rehearsed_world: None, folder: Path
) -> None:
    sitting, script = await service.services.database.read(
        lambda s: (
            found := s.scalars(
                select(Sitting).filter_by(centre_number=CENTRE).order_by(Sitting.component_code)
            ).first(),
            s.scalars(select(Script).filter_by(sitting_id=found.id).order_by(Script.candidate_number)).first(),
        )
    )
    assert script is not None
    cover = bundles.cover(script.candidate_number, component=sitting.component_code, centre=CENTRE)
    data = bundles.bundle([cover, bundles.written(1)])
    slip = {
        "sitting": sitting.id,
        "sheets": 2,
        "sheets_checked": "2",
        "booklets": 1,
        "booklet_pages": 2,
        "duplex": "none",
    }
    (folder / "scan 1.pdf.json").write_text(json.dumps(slip))
    half = folder / "scan 1.pdf"
    half.write_bytes(data[:1000])
    watch, person_id = await watched(service, folder)
    await watch.look()
    half.write_bytes(data)  # it grew: what was seen before counts for nothing
    assert await looked(service, watch) == 1
    await service.settle()
    (bundle,) = await kept(service)
    assert (bundle.state, bundle.pages, bundle.source, bundle.filename) == ("pushed", 2, "folder", "scan 1.pdf")
    assert (bundle.received_by, bundle.sitting_id, bundle.booklets) == (person_id, sitting.id, 1)
    assert names(folder / "taken") == ["scan 1.pdf", "scan 1.pdf.json"]
    events = await service.services.database.read(
        lambda s: s.scalars(select(AuditEvent).filter_by(object_id=bundle.id, person_id=person_id)).all()
    )
    assert "scan_folder" in {event.details["origin"] for event in events}


async def test_whatever_stops_it_the_same_file_is_one_bundle(
    service_on_each: Service, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    service = service_on_each
    watch, _ = await watched(service, folder)
    other = Watch(service.services, watch.folder, announced_by)
    data = bundles.bundle([bundles.written(3)])
    (folder / "a.pdf.part").write_bytes(data)
    (folder / "taken").symlink_to(folder / "gone")  # what is taken in cannot be moved, as when the process dies there
    assert await looked(service, watch) == 0
    (folder / "a.pdf.part").rename(folder / "a.pdf")
    assert await looked(service, watch) == 0
    (first,) = await kept(service)
    assert await watch.look() == 0
    assert (folder / "a.pdf").exists()
    assert caplog.text.count("'a.pdf' stays where it is") == 1  # said once, not at every look
    (folder / "taken").unlink()
    (folder / "b.pdf").write_bytes(data)  # the same scan once more, under another name
    await asyncio.gather(watch.look(), other.look())
    service.clock.advance(seconds=COMPLETE_AFTER.total_seconds())
    await asyncio.gather(watch.look(), other.look())
    assert [one.id for one in await kept(service)] == [first.id]
    assert (names(folder / "taken"), names(folder / "refused")) == (["a.pdf", "b.pdf"], [])


async def test_what_cannot_be_a_bundle_is_refused_with_its_reason_and_stops_no_other(
    service: Service, folder: Path
) -> None:
    (folder / "a.docx").write_bytes(b"PK\x03\x04 no scan")
    (folder / "b.pdf").write_bytes(b"")
    with (folder / "c.tif").open("wb") as file:
        file.truncate(staging.LIMIT_BYTES + 1)
    for name, slip in (("d.pdf", "[]"), ("e.pdf", '{"booklet": 3}'), ("f.pdf", '{"sitting": "another"}')):
        (folder / name).write_bytes(bundles.bundle([bundles.blank()]))
        (folder / f"{name}.json").write_text(slip)
    (folder / f"{'g' * 240}.pdf").write_bytes(b"%PDF-")
    (folder / "h.pdf").write_bytes(bundles.bundle([bundles.written(4)]))
    (folder / "link.pdf").symlink_to("/etc/passwd")
    watch, _ = await watched(service, folder)
    assert await looked(service, watch) == 8
    assert names(folder / "taken") == ["h.pdf"]
    assert [one.filename for one in await kept(service)] == ["h.pdf"]
    assert names(folder) == ["link.pdf", "refused", "taken"]
    reasons = {one.name.partition("Z ")[2][:1]: one.read_text() for one in (folder / "refused").glob("*.reason.txt")}
    says = {
        "a": "neither a PDF nor a TIFF",
        "b": "cannot be opened",
        "c": "at most 1,000 pages",
        "d": "no JSON object",
        "e": "says 'booklet'",
        "f": "There is nothing",
        "g": "longer than 200 bytes",
    }
    assert {name for name, words in says.items() if words in reasons.get(name, "")} == set(says), reasons
    assert await said_of(service, watch.folder) == ("warning", True)


async def said_of(service: Service, folder: ScanFolder) -> tuple[str, bool]:
    """What `nea doctor` says of a folder: how it is, and whether it says that files were refused."""
    settings = replace(service.services.settings, scan_folder=folder)
    (check,) = await scan_folder_health.checks(replace(service.services, settings=settings))
    return str(check.state), "could not be taken in" in check.says


async def test_without_its_clerk_every_file_stays(service: Service, folder: Path) -> None:
    (folder / "a.pdf").write_bytes(bundles.bundle([bundles.written(5)]))
    watch = Watch(service.services, ScanFolder(folder, "nobody"), announced_by)
    with pytest.raises(ClerkUnknown):
        await looked(service, watch)
    assert (names(folder / "taken"), (folder / "a.pdf").exists(), await kept(service)) == ([], True, [])
    assert await said_of(service, watch.folder) == ("failed", False)
    person_id, _ = await service.add_person(Role.TRACKING_CLERK)
    assert await said_of(service, ScanFolder(folder, person_id)) == ("ok", False)
    assert await said_of(service, ScanFolder(folder / "gone", person_id)) == ("failed", False)


@pytest.mark.parametrize(
    "environ",
    [
        {"NEA_SCAN_FOLDER": "/srv/scans"},
        {"NEA_SCAN_FOLDER_CLERK": "Clerk"},
        {"NEA_SCAN_FOLDER": "scans", "NEA_SCAN_FOLDER_CLERK": "Clerk"},
    ],
)
def test_a_folder_is_a_whole_path_with_somebodys_account(environ: dict[str, str]) -> None:
    with pytest.raises(SettingRefused, match="NEA_SCAN_FOLDER"):
        from_environ(environ)
