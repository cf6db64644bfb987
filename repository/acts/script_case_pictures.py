"""What a centre answers with a photograph: drawn anew, sealed, and kept with its answer."""

from __future__ import annotations

from sqlalchemy.orm import Session

from repository import custody_evidence, objects, pictures
from repository.access import Action
from repository.acts import script_cases
from repository.acts.cases import actor_of
from repository.acts.script_case_views import permitted
from repository.audit import Context
from repository.custody_evidence import EvidenceKind
from repository.services import Services


async def reply(services: Services, context: Context, case_id: str, text: str, data: bytes) -> None:
    """Answer as the centre, with a photograph of the log, the register or what was found.

    Raises: ``PictureRefused`` for what is no picture; ``CaseRefused`` for nothing said. Nothing is kept then.
    """

    def scope(session: Session) -> str:
        _, sitting = permitted(session, context, Action.SCRIPT_CASE_REPLY, case_id)
        return objects.scope_name(sitting.centre_number, sitting.series_key, objects.SCRIPTS)

    place = await services.database.read(scope)
    drawn, scan_state = await pictures.draw(services, data)
    sealed = await pictures.seal(services, context, place, "answer.jpg", drawn, scan_state)

    def keep(session: Session) -> None:
        found, _ = permitted(session, context, Action.SCRIPT_CASE_REPLY, case_id)
        event = script_cases.reply(session, context, case_id, text)
        document_id = pictures.keep(session, context, sealed, services.clock())
        custody_evidence.add(
            session,
            [event.id],
            sitting_of={event.id: found.sitting_id},
            kind=EvidenceKind.PHOTOGRAPH,
            document_id=document_id,
            sent_id=event.id,
            sent_sha256=objects.sha256_hex(data),
            actor=actor_of(context).person_id,
            now=context.now,
        )

    try:
        await services.database.write(keep)
    except Exception:
        await pictures.forget(services, sealed)
        raise
