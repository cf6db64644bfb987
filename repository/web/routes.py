"""Every URL in one table: method, path, handler, action. A test proves that nothing is served outside it."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from aiohttp import web

from repository.access import Action
from repository.web import files, keys, limits, tus, violations
from repository.web.api import carrier_files as carrier_files_api
from repository.web.api import cases as cases_api
from repository.web.api import checking as checking_api
from repository.web.api import conflicts as conflicts_api
from repository.web.api import custody as custody_api
from repository.web.api import despatch as despatch_api
from repository.web.api import documents as documents_api
from repository.web.api import exports as exports_api
from repository.web.api import extensions as extensions_api
from repository.web.api import imports as imports_api
from repository.web.api import journal as journal_api
from repository.web.api import moderation as moderation_api
from repository.web.api import parcels as parcels_api
from repository.web.api import people as people_api
from repository.web.api import registers as registers_api
from repository.web.api import results as results_api
from repository.web.api import reviews as reviews_api
from repository.web.api import rules as rules_api
from repository.web.api import sample_requests as sample_requests_api
from repository.web.api import samples as samples_api
from repository.web.api import scans as scans_api
from repository.web.api import script_cases as script_cases_api
from repository.web.api import script_endings as script_endings_api
from repository.web.api import scripts as scripts_api
from repository.web.api import sessions as sessions_api
from repository.web.api import sittings as sittings_api
from repository.web.api import tracking as tracking_api
from repository.web.api import uploads as uploads_api
from repository.web.headers import REPORTS
from repository.web.keys import Site
from repository.web.pages import account as account_pages
from repository.web.pages import allocations as allocations_pages
from repository.web.pages import amendments as amendments_pages
from repository.web.pages import carrier_files as carrier_files_pages
from repository.web.pages import cases as cases_pages
from repository.web.pages import checks as checks_pages
from repository.web.pages import checkup as checkup_pages
from repository.web.pages import (
    confirming,
    home,
    people_body,
    people_centre,
    people_contacts,
    people_links,
    script_images,
    script_looks,
    sign_in,
    worklist,
)
from repository.web.pages import conflicts as conflicts_pages
from repository.web.pages import custody as custody_pages
from repository.web.pages import desk as desk_pages
from repository.web.pages import despatch as despatch_pages
from repository.web.pages import documents as documents_pages
from repository.web.pages import explanations as explanations_pages
from repository.web.pages import exports as exports_pages
from repository.web.pages import extensions as extensions_pages
from repository.web.pages import held_files as held_files_pages
from repository.web.pages import holds as holds_pages
from repository.web.pages import imports as imports_pages
from repository.web.pages import languages as languages_pages
from repository.web.pages import mail as mail_pages
from repository.web.pages import marking as marking_pages
from repository.web.pages import messages as messages_pages
from repository.web.pages import outcomes as outcomes_pages
from repository.web.pages import outstanding as outstanding_pages
from repository.web.pages import packet_plans as plans_pages
from repository.web.pages import packets as packets_pages
from repository.web.pages import passkeys as passkeys_pages
from repository.web.pages import postal as postal_pages
from repository.web.pages import practice as practice_pages
from repository.web.pages import providers as providers_pages
from repository.web.pages import readiness as readiness_pages
from repository.web.pages import receipts as receipts_pages
from repository.web.pages import registers as registers_pages
from repository.web.pages import reports as reports_pages
from repository.web.pages import results as results_pages
from repository.web.pages import review_decisions as review_decisions_pages
from repository.web.pages import review_desk as review_desk_pages
from repository.web.pages import reviews as reviews_pages
from repository.web.pages import rules as rules_pages
from repository.web.pages import safeguarding as safeguarding_pages
from repository.web.pages import sample_requests as sample_requests_pages
from repository.web.pages import samples as samples_pages
from repository.web.pages import scans as scans_pages
from repository.web.pages import script_boards as script_boards_pages
from repository.web.pages import script_cases as script_cases_pages
from repository.web.pages import script_endings as script_endings_pages
from repository.web.pages import script_quality as script_quality_pages
from repository.web.pages import scripts as scripts_pages
from repository.web.pages import sending as sending_pages
from repository.web.pages import series as series_pages
from repository.web.pages import set_up as set_up_pages
from repository.web.pages import sites as sites_pages
from repository.web.pages import sittings as sittings_pages
from repository.web.pages import standardisation as standardisation_pages
from repository.web.pages import teams as teams_pages
from repository.web.pages import tokens as tokens_pages
from repository.web.pages import tracking as tracking_pages
from repository.web.pages import what_if as what_if_pages
from repository.web.pages import who_looked as who_looked_pages

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Route(NamedTuple):
    """One URL: which handler answers it, and which action the policy must give the actor.

    ``expects`` is what becomes of ``Expect: 100-continue``; aiohttp's own answer is a leave at once.
    """

    method: str
    path: str
    handler: Handler
    action: Action
    expects: Callable[[web.Request], Awaitable[None]] | None = None
    limit_bytes: int | None = None
    """The largest body; None is the usual one of a form or of the API. Uploads bound themselves, by their length."""
    site: Site = Site.APPLICATION
    """The host name it answers under; under the other one it is not there."""

    @property
    def body_limit_bytes(self) -> int:
        """Return the largest body that this URL takes."""
        if self.limit_bytes is not None:
            return self.limit_bytes
        return limits.JSON_BYTES if self.path.startswith("/api/") else limits.FORM_BYTES


A = Action
UNBOUNDED = sys.maxsize
"""Of uploads: the length declared at creation bounds each, and `NEA_UPLOAD_LIMIT_MIB` that."""
ROUTES: tuple[Route, ...] = (
    # Sign-in
    Route("GET", "/sign-in", sign_in.show, A.PUBLIC),
    Route("POST", "/sign-in", sign_in.submit, A.PUBLIC),
    Route("GET", "/sign-in/code", sign_in.show_code, A.PUBLIC),
    Route("POST", "/sign-in/code", sign_in.submit_code, A.PUBLIC),
    Route("GET", "/sign-in/app", sign_in.show_app, A.PUBLIC),
    Route("POST", "/sign-in/app", sign_in.submit_app, A.PUBLIC),
    Route("GET", "/sign-in/app/passkey", passkeys_pages.show_first, A.PUBLIC),
    Route("POST", "/sign-in/app/passkey", passkeys_pages.add_first, A.PUBLIC),
    Route("POST", "/sign-in/app/passkey/begin", passkeys_pages.begin_first, A.PUBLIC),
    Route("GET", "/sign-in/role", sign_in.show_role, A.PUBLIC),
    Route("POST", "/sign-in/role", sign_in.submit_role, A.PUBLIC),
    Route("GET", "/sign-in/go-on", sign_in.resume, A.PUBLIC),
    Route("POST", "/sign-in/passkey", passkeys_pages.sign_in, A.PUBLIC),
    Route("POST", "/sign-in/passkey/begin", passkeys_pages.begin_sign_in, A.PUBLIC),
    Route("POST", "/sign-in/code/passkey", passkeys_pages.second_step, A.PUBLIC),
    Route("POST", "/sign-in/code/passkey/begin", passkeys_pages.begin_second_step, A.PUBLIC),
    Route("GET", "/sign-in/{token}", sign_in.follow_link, A.PUBLIC),
    Route("POST", "/sign-out", sign_in.sign_out, A.PUBLIC),
    Route("POST", "/language", languages_pages.choose, A.PUBLIC),
    Route("GET", "/set-up/{token}", set_up_pages.show, A.PUBLIC),
    Route("POST", "/set-up/{token}", set_up_pages.submit, A.PUBLIC),
    Route("GET", "/confirm-it-is-you", confirming.show, A.ACCOUNT),
    Route("POST", "/confirm-it-is-you", confirming.submit, A.ACCOUNT),
    Route("POST", "/confirm-it-is-you/passkey", passkeys_pages.step_up, A.ACCOUNT),
    Route("POST", "/confirm-it-is-you/passkey/begin", passkeys_pages.begin_step_up, A.ACCOUNT),
    # One's own account
    Route("GET", "/account", account_pages.show, A.ACCOUNT),
    Route("POST", "/account/sessions/end", account_pages.end_session, A.ACCOUNT),
    Route("POST", "/account/sessions/end-others", account_pages.end_others, A.ACCOUNT),
    Route("POST", "/account/role", account_pages.switch_role, A.ACCOUNT),
    Route("GET", "/account/password", account_pages.show_password, A.ACCOUNT_SECURITY),
    Route("POST", "/account/password", account_pages.change_password, A.ACCOUNT_SECURITY),
    Route("GET", "/account/app", account_pages.show_app, A.ACCOUNT_SECURITY),
    Route("POST", "/account/app", account_pages.submit_app, A.ACCOUNT_SECURITY),
    Route("GET", "/account/recovery-codes", account_pages.show_recovery_codes, A.ACCOUNT_SECURITY),
    Route("POST", "/account/recovery-codes", account_pages.make_recovery_codes, A.ACCOUNT_SECURITY),
    Route("GET", "/account/passkeys", passkeys_pages.index, A.ACCOUNT),
    Route("GET", "/account/passkeys/add", passkeys_pages.show_add, A.ACCOUNT_SECURITY),
    Route("POST", "/account/passkeys/add", passkeys_pages.add, A.ACCOUNT_SECURITY),
    Route("POST", "/account/passkeys/add/begin", passkeys_pages.begin_add, A.ACCOUNT_SECURITY),
    Route("GET", "/account/passkeys/{passkey_id}/remove", passkeys_pages.show_remove, A.ACCOUNT_SECURITY),
    Route("POST", "/account/passkeys/{passkey_id}/remove", passkeys_pages.remove, A.ACCOUNT_SECURITY),
    Route("GET", "/sign-in/provider/{key}", providers_pages.begin, A.PUBLIC),
    Route("GET", "/sign-in/provider/{key}/answer", providers_pages.answer, A.PUBLIC),
    Route("POST", "/sign-in/provider/{key}/logout", providers_pages.log_out, A.PUBLIC),
    Route("POST", "/api/sessions", sessions_api.create, A.PUBLIC),
    Route("GET", "/static/{path:.+}", files.static, A.PUBLIC),
    Route("POST", REPORTS, violations.take, A.PUBLIC, limit_bytes=limits.REPORT_BYTES),
    Route("GET", "/checkup", checkup_pages.show, A.AUDIT_READ),
    # People
    Route("GET", "/staff", people_centre.show, A.PEOPLE_READ_CENTRE),
    Route("POST", "/staff/invitations", people_centre.invite, A.PEOPLE_MANAGE_CENTRE),
    Route("POST", "/staff/invitations/{invitation_id}/revoke", people_centre.revoke, A.PEOPLE_MANAGE_CENTRE),
    Route("POST", "/staff/waiting/{request_id}/grant", people_centre.grant, A.PEOPLE_MANAGE_CENTRE),
    Route("POST", "/staff/waiting/{request_id}/refuse", people_centre.refuse, A.PEOPLE_MANAGE_CENTRE),
    Route("GET", "/staff/{assignment_id}", people_centre.show_member, A.PEOPLE_READ_CENTRE),
    Route("POST", "/staff/{assignment_id}/end", people_centre.end, A.PEOPLE_MANAGE_CENTRE),
    Route("POST", "/staff/{assignment_id}/reset", people_centre.reset, A.PEOPLE_MANAGE_CENTRE),
    Route("POST", "/staff/{assignment_id}/teaching", people_centre.give_teaching, A.PEOPLE_MANAGE_CENTRE),
    Route(
        "POST", "/staff/{assignment_id}/teaching/{teaching_id}/end", people_centre.take_teaching, A.PEOPLE_MANAGE_CENTRE
    ),
    Route("GET", "/people", people_body.show, A.PEOPLE_READ_BODY),
    Route("POST", "/people/invitations", people_body.invite, A.PEOPLE_MANAGE_BODY),
    Route("POST", "/people/invitations/{invitation_id}/revoke", people_body.revoke, A.PEOPLE_MANAGE_BODY),
    Route("POST", "/people/proposals/{proposal_id}/confirm", people_body.confirm, A.PEOPLE_MANAGE_BODY),
    Route("POST", "/people/proposals/{proposal_id}/withdraw", people_body.withdraw, A.PEOPLE_MANAGE_BODY),
    Route("POST", "/people/waiting/{request_id}/grant", people_body.grant, A.PEOPLE_MANAGE_BODY),
    Route("POST", "/people/waiting/{request_id}/refuse", people_body.refuse, A.PEOPLE_MANAGE_BODY),
    Route("GET", "/people/{person_id}", people_body.show_one, A.PEOPLE_READ_BODY),
    Route("POST", "/people/{person_id}/roles", people_body.give, A.PEOPLE_MANAGE_BODY),
    Route("POST", "/people/{person_id}/roles/{assignment_id}/end", people_body.end, A.PEOPLE_MANAGE_BODY),
    Route("POST", "/people/{person_id}/reset", people_body.reset, A.PEOPLE_MANAGE_BODY),
    Route("POST", "/people/{person_id}/suspend", people_body.suspend, A.PEOPLE_MANAGE_BODY),
    Route("POST", "/people/{person_id}/restore", people_body.restore, A.PEOPLE_MANAGE_BODY),
    Route("GET", "/api/staff", people_api.staff, A.PEOPLE_READ_CENTRE),
    Route("DELETE", "/api/staff/{assignment_id}", people_api.end_of_centre, A.PEOPLE_MANAGE_CENTRE),
    Route("POST", "/api/staff/{assignment_id}/teaching", people_api.give_teaching, A.PEOPLE_MANAGE_CENTRE),
    Route(
        "DELETE", "/api/staff/{assignment_id}/teaching/{teaching_id}", people_api.take_teaching, A.PEOPLE_MANAGE_CENTRE
    ),
    Route("GET", "/api/people/roles", people_api.everybody, A.PEOPLE_READ_BODY),
    Route("DELETE", "/api/people/roles/{assignment_id}", people_api.end_anywhere, A.PEOPLE_MANAGE_BODY),
    Route("GET", "/api/contacts", people_api.contacts, A.CONTACTS_READ),
    Route("GET", "/contacts", people_contacts.show, A.CONTACTS_READ),
    Route("POST", "/contacts", people_contacts.add, A.CONTACTS_MANAGE),
    Route("POST", "/contacts/{contact_id}/verify", people_contacts.verify, A.CONTACTS_MANAGE),
    Route("POST", "/contacts/{contact_id}/code", people_contacts.send_again, A.CONTACTS_MANAGE),
    Route("POST", "/contacts/{contact_id}/kinds", people_contacts.change, A.CONTACTS_MANAGE),
    Route("POST", "/contacts/{contact_id}/remove", people_contacts.remove, A.CONTACTS_MANAGE),
    Route("GET", "/invitation", people_links.show_accepting, A.PUBLIC),
    Route("POST", "/invitation", people_links.accept_locally, A.PUBLIC),
    Route("POST", "/invitation/accept-signed-in", people_links.accept_signed_in, A.PUBLIC),
    Route("GET", "/invitation/{token}", people_links.show_invitation, A.PUBLIC),
    Route("POST", "/invitation/{token}", people_links.claim_invitation, A.PUBLIC),
    Route("GET", "/forgotten", people_links.show_forgotten, A.PUBLIC),
    Route("POST", "/forgotten", people_links.forgotten, A.PUBLIC),
    Route("GET", "/reset", people_links.show_new_password, A.PUBLIC),
    Route("POST", "/reset", people_links.set_new_password, A.PUBLIC),
    Route("GET", "/reset/{token}", people_links.show_reset, A.PUBLIC),
    Route("POST", "/reset/{token}", people_links.claim_reset, A.PUBLIC),
    # Home
    Route("GET", "/", home.show, A.HOME),
    # Imports
    Route("GET", "/imports", imports_pages.show, A.ENTRIES_IMPORT),
    Route("POST", "/imports", imports_pages.submit, A.ENTRIES_IMPORT, limit_bytes=limits.IMPORT_BYTES),
    Route("POST", "/imports/waiting", imports_pages.settle_waiting, A.ENTRIES_IMPORT),
    Route(
        "POST", "/api/imports/entries", imports_api.create_entries, A.ENTRIES_IMPORT, limit_bytes=limits.IMPORT_BYTES
    ),
    Route("GET", "/api/imports/waiting", imports_api.waiting, A.ENTRIES_IMPORT),
    Route("POST", "/api/imports/marks", imports_api.create_marks, A.MARKS_IMPORT, limit_bytes=limits.IMPORT_BYTES),
    Route(
        "POST", "/api/imports/{kind}", imports_api.create_reference, A.REFERENCE_IMPORT, limit_bytes=limits.IMPORT_BYTES
    ),
    # Exports
    Route("GET", "/exports", exports_pages.show, A.EXPORT_READ),
    Route("GET", "/series/{series_key}/exports/{what}/download", exports_api.download, A.EXPORT_READ),
    Route("GET", "/series/{series_key}/results.xml", exports_api.results_xml, A.RESULTS_READ),
    # Cases, marks, samples
    Route("GET", "/api/me", cases_api.me, A.HOME),
    Route("GET", "/api/cases", cases_api.index, A.CASE_READ),
    Route("GET", "/api/cases/{case_id}", cases_api.show, A.CASE_READ),
    Route("GET", "/api/cases/{case_id}/marks", cases_api.show_marks, A.MARKS_READ),
    Route("PUT", "/api/cases/{case_id}/marks", cases_api.save_marks, A.MARKS_SAVE),
    Route(
        "POST", "/api/cases/{case_id}/marks/csv", cases_api.save_marks_csv, A.MARKS_SAVE, limit_bytes=limits.CSV_BYTES
    ),
    Route("POST", "/api/cases/{case_id}/marks/check", cases_api.check_marks, A.MARKS_SAVE),
    Route("POST", "/api/cases/{case_id}/marks/submit", cases_api.submit_marks, A.MARKS_SUBMIT),
    Route("GET", "/cases", cases_pages.index, A.CASE_READ),
    Route("GET", "/cases/{case_id}", cases_pages.show, A.CASE_READ),
    Route("GET", "/cases/{case_id}/marks", cases_pages.show_marks, A.MARKS_READ),
    Route("POST", "/cases/{case_id}/marks", cases_pages.save_marks, A.MARKS_SAVE, limit_bytes=limits.SHEET_BYTES),
    Route("POST", "/cases/{case_id}/marks/csv", cases_pages.upload_marks, A.MARKS_SAVE, limit_bytes=limits.CSV_BYTES),
    Route("POST", "/cases/{case_id}/marks/check", cases_pages.check_marks, A.MARKS_SAVE),
    Route("POST", "/cases/{case_id}/marks/submit", cases_pages.submit_marks, A.MARKS_SUBMIT),
    Route("GET", "/cases/{case_id}/sample", samples_pages.show, A.SAMPLE_READ),
    Route(
        "POST",
        "/cases/{case_id}/sample/files",
        samples_pages.add_files,
        A.UPLOAD_CREATE,
        limit_bytes=limits.FALLBACK_BYTES,
    ),
    Route("POST", "/cases/{case_id}/sample/submit", samples_pages.submit, A.SAMPLE_SUBMIT),
    Route("POST", "/sample-items/{item_id}/no-work", samples_pages.explain, A.SAMPLE_SUBMIT),
    # Before it is sent: looking as the moderator will, moving files, declaring
    Route("GET", "/cases/{case_id}/sample/preview", sending_pages.preview, A.SAMPLE_PREVIEW),
    Route("GET", "/cases/{case_id}/sample/preview/{item_id}", sending_pages.preview, A.SAMPLE_PREVIEW),
    Route("GET", "/cases/{case_id}/sample/swap", sending_pages.show_swap, A.DOCUMENT_MOVE),
    Route("POST", "/cases/{case_id}/sample/swap", sending_pages.swap, A.DOCUMENT_MOVE),
    Route("GET", "/cases/{case_id}/sample/declarations", sending_pages.show_declarations, A.DECLARE),
    Route("POST", "/cases/{case_id}/sample/declare", sending_pages.declare, A.DECLARE),
    Route("POST", "/sample-items/{item_id}/declaration/take-back", sending_pages.take_back, A.DECLARE),
    Route("GET", "/documents/{document_id}/change", sending_pages.change, A.DOCUMENT_MOVE),
    Route("POST", "/documents/{document_id}/move", sending_pages.move, A.DOCUMENT_MOVE),
    Route("POST", "/documents/{document_id}/order", sending_pages.order, A.DOCUMENT_MOVE),
    Route("GET", "/rules/declarations", sending_pages.show_rules, A.RULES_WRITE),
    Route("POST", "/rules/declarations", sending_pages.set_rule, A.RULES_WRITE),
    Route("GET", "/receipts", receipts_pages.index, A.RECEIPT_READ),
    Route("GET", "/receipts/{receipt_id}", receipts_pages.show, A.RECEIPT_READ),
    Route("GET", "/receipts/{receipt_id}/download", receipts_pages.download, A.RECEIPT_READ),
    Route("GET", "/receipts/{receipt_id}/receipt.pdf", receipts_pages.download_pdf, A.RECEIPT_READ),
    Route("GET", "/cases/{case_id}/receipts", receipts_pages.of_case, A.RECEIPT_READ),
    Route("GET", "/receipt-keys", receipts_pages.show_keys, A.PUBLIC),
    Route("GET", "/verify-receipt", receipts_pages.checking_page, A.PUBLIC),
    Route("GET", "/verify-receipt/download", receipts_pages.download_checking_page, A.PUBLIC),
    Route("GET", "/mail", mail_pages.index, A.MAIL_READ),
    Route("POST", "/mail/{message_id}/again", mail_pages.send_again, A.MAIL_RESEND),
    Route("GET", "/cases/{case_id}/post", postal_pages.show_post, A.CONSIGNMENT_READ),
    Route("POST", "/cases/{case_id}/post", postal_pages.despatch, A.CONSIGNMENT_DESPATCH),
    Route("POST", "/cases/{case_id}/parcels", postal_pages.pack, A.CONSIGNMENT_DESPATCH),
    Route("POST", "/cases/{case_id}/parcels/{packet_id}", postal_pages.pack, A.CONSIGNMENT_DESPATCH),
    Route("GET", "/cases/{case_id}/parcels/{packet_id}/label.pdf", postal_pages.label, A.CONSIGNMENT_DESPATCH),
    Route("GET", "/cases/{case_id}/parcels/{packet_id}/covers.pdf", postal_pages.covers, A.CONSIGNMENT_DESPATCH),
    Route("GET", "/parcels", postal_pages.show_arrivals, A.CONSIGNMENT_RECEIVE),
    Route("POST", "/parcels", postal_pages.arrived, A.CONSIGNMENT_RECEIVE),
    Route("POST", "/consignments/{consignment_id}/receive", postal_pages.receive, A.CONSIGNMENT_RECEIVE),
    Route("POST", "/sample-items/{item_id}/finding", samples_pages.find, A.CONSIGNMENT_RECEIVE),
    Route("POST", "/cases/{case_id}/visit", postal_pages.book_visit, A.VISIT_BOOK),
    Route("POST", "/cases/{case_id}/visit/held", postal_pages.hold_visit, A.CONSIGNMENT_RECEIVE),
    # More time, reopening, what is outstanding
    Route("GET", "/cases/{case_id}/requests", extensions_pages.show, A.REQUESTS_READ),
    Route("POST", "/cases/{case_id}/extensions", extensions_pages.ask, A.EXTENSION_ASK),
    Route("POST", "/extensions/{extension_id}/decide", extensions_pages.decide, A.EXTENSION_GRANT),
    Route("POST", "/cases/{case_id}/reopenings", extensions_pages.ask_back, A.REOPEN_ASK),
    Route("POST", "/reopenings/{reopening_id}/decide", extensions_pages.decide_back, A.REOPEN_GRANT),
    Route("GET", "/requests", extensions_pages.index, A.EXTENSION_GRANT),
    Route("POST", "/incidents", extensions_pages.report, A.EXTENSION_GRANT),
    Route("POST", "/incidents/{incident_id}/decide", extensions_pages.decide_incident, A.EXTENSION_GRANT),
    # Who looked, and the log
    Route("GET", "/who-looked", who_looked_pages.show, A.WHO_LOOKED),
    Route("GET", "/who-looked.csv", who_looked_pages.download, A.WHO_LOOKED),
    Route("GET", "/audit", who_looked_pages.show_log, A.AUDIT_READ),
    Route("GET", "/practice", practice_pages.show, A.PRACTICE),
    Route("POST", "/practice/begin", practice_pages.begin, A.PRACTICE),
    Route("POST", "/practice/leave", practice_pages.leave, A.PRACTICE),
    Route("POST", "/practice/wipe", practice_pages.wipe, A.PRACTICE),
    Route("GET", "/readiness", readiness_pages.show, A.READINESS_READ),
    Route("GET", "/readiness.csv", readiness_pages.download, A.READINESS_READ),
    Route("GET", "/outstanding", outstanding_pages.show, A.OUTSTANDING_READ),
    Route("GET", "/outstanding.csv", outstanding_pages.download, A.OUTSTANDING_READ),
    Route("GET", "/api/cases/{case_id}/requests", extensions_api.show, A.REQUESTS_READ),
    Route("POST", "/api/cases/{case_id}/extensions", extensions_api.ask, A.EXTENSION_ASK),
    Route("POST", "/api/extensions/{extension_id}/decide", extensions_api.decide, A.EXTENSION_GRANT),
    Route("POST", "/api/cases/{case_id}/reopenings", extensions_api.ask_back, A.REOPEN_ASK),
    Route("POST", "/api/reopenings/{reopening_id}/decide", extensions_api.decide_back, A.REOPEN_GRANT),
    Route("GET", "/api/outstanding", extensions_api.list_outstanding, A.OUTSTANDING_READ),
    Route("GET", "/api/cases/{case_id}/sample", samples_api.show, A.SAMPLE_READ),
    Route("POST", "/api/cases/{case_id}/sample/submit", samples_api.submit, A.SAMPLE_SUBMIT),
    Route("POST", "/api/sample-items/{item_id}/no-work", samples_api.explain, A.SAMPLE_SUBMIT),
    Route("DELETE", "/api/sample-items/{item_id}/no-work", samples_api.take_back, A.SAMPLE_SUBMIT),
    Route("POST", "/api/sample-items/{item_id}/finding", samples_api.find, A.CONSIGNMENT_RECEIVE),
    Route("GET", "/api/receipts/{receipt_id}", samples_api.receipt, A.RECEIPT_READ),
    Route("GET", "/api/cases/{case_id}/consignments", samples_api.consignments, A.CONSIGNMENT_READ),
    Route("POST", "/api/cases/{case_id}/consignments", parcels_api.despatch, A.CONSIGNMENT_DESPATCH),
    Route("GET", "/api/cases/{case_id}/parcels", parcels_api.list_parcels, A.CONSIGNMENT_READ),
    Route("POST", "/api/cases/{case_id}/parcels", parcels_api.pack, A.CONSIGNMENT_DESPATCH),
    Route("POST", "/api/parcels/arrived", parcels_api.arrived, A.CONSIGNMENT_RECEIVE),
    Route("POST", "/api/consignments/{consignment_id}/receive", samples_api.receive, A.CONSIGNMENT_RECEIVE),
    Route("POST", "/api/cases/{case_id}/visit", samples_api.book_visit, A.VISIT_BOOK),
    Route("POST", "/api/cases/{case_id}/visit/held", samples_api.hold_visit, A.CONSIGNMENT_RECEIVE),
    # What is asked for beside the sample as drawn, and the rules it was drawn by
    Route("GET", "/cases/{case_id}/sample/requests", sample_requests_pages.show, A.SAMPLE_REQUEST),
    Route("POST", "/cases/{case_id}/sample/requests/more", sample_requests_pages.ask_more, A.SAMPLE_REQUEST),
    Route("POST", "/cases/{case_id}/sample/requests/all", sample_requests_pages.ask_all, A.SAMPLE_REQUEST),
    Route("POST", "/cases/{case_id}/sample/requests/replace", sample_requests_pages.replace, A.SAMPLE_REQUEST),
    Route("GET", "/cases/{case_id}/sample/choose", sample_requests_pages.show_choice, A.SAMPLE_CHOOSE),
    Route("POST", "/cases/{case_id}/sample/choose", sample_requests_pages.choose, A.SAMPLE_CHOOSE),
    Route("GET", "/api/cases/{case_id}/sample/requests", sample_requests_api.show, A.SAMPLE_REQUEST),
    Route("POST", "/api/cases/{case_id}/sample/requests", sample_requests_api.create, A.SAMPLE_REQUEST),
    Route("POST", "/api/sample-items/{item_id}/replace", sample_requests_api.replace, A.SAMPLE_REQUEST),
    Route("GET", "/api/cases/{case_id}/sample/choice", sample_requests_api.show_choice, A.SAMPLE_CHOOSE),
    Route("POST", "/api/cases/{case_id}/sample/choice", sample_requests_api.choose, A.SAMPLE_CHOOSE),
    Route("GET", "/rules", rules_pages.show, A.RULES_WRITE),
    Route("POST", "/rules", rules_pages.submit, A.RULES_WRITE, limit_bytes=limits.CSV_BYTES),
    Route("POST", "/rules/exemptions", rules_pages.grant_exemption, A.RULES_WRITE),
    Route("POST", "/rules/exemptions/{exemption_id}/end", rules_pages.end_exemption, A.RULES_WRITE),
    Route("GET", "/api/rules", rules_api.index, A.RULES_WRITE),
    Route("POST", "/api/rules", rules_api.create, A.RULES_WRITE),
    Route("POST", "/api/exemptions", rules_api.grant_exemption, A.RULES_WRITE),
    Route("POST", "/api/exemptions/{exemption_id}/end", rules_api.end_exemption, A.RULES_WRITE),
    # Moderation
    Route("GET", "/api/people", moderation_api.people, A.ALLOCATION_WRITE),
    Route("POST", "/api/allocations", moderation_api.allocate, A.ALLOCATION_WRITE),
    Route("GET", "/api/worklist", moderation_api.worklist, A.WORKLIST_READ),
    Route("GET", "/api/cases/{case_id}/marking", moderation_api.desk, A.MODERATOR_MARK_READ),
    Route("PUT", "/api/sample-items/{item_id}/moderator-mark", moderation_api.record_mark, A.MODERATOR_MARK_WRITE),
    Route("GET", "/api/cases/{case_id}/outcome", moderation_api.outcome, A.OUTCOME_READ),
    Route("POST", "/api/cases/{case_id}/outcome/confirm", moderation_api.confirm, A.OUTCOME_CONFIRM),
    Route("POST", "/api/cases/{case_id}/outcome/accept", moderation_api.accept, A.OUTCOME_CONFIRM),
    Route("GET", "/worklist", worklist.show, A.WORKLIST_READ),
    Route("GET", "/marking/{case_id}", marking_pages.show, A.MODERATOR_MARK_READ),
    Route("POST", "/marking/{case_id}/marks", marking_pages.record_mark, A.MODERATOR_MARK_WRITE),
    Route("GET", "/marking/{case_id}/works/{item_id}", desk_pages.show, A.MODERATOR_MARK_READ),
    Route("GET", "/marking/{case_id}/standing", desk_pages.show_standing, A.STANDING_READ),
    Route("POST", "/marking/{case_id}/requests/more", desk_pages.ask_more, A.SAMPLE_REQUEST),
    Route("POST", "/marking/{case_id}/requests/all", desk_pages.ask_all, A.SAMPLE_REQUEST),
    Route("POST", "/marking/{case_id}/requests/replace", desk_pages.replace, A.SAMPLE_REQUEST),
    Route("POST", "/marking/{case_id}/works/{item_id}/suspicion", desk_pages.report_suspicion, A.SUSPICION_RAISE),
    Route("POST", "/marking/{case_id}/works/{item_id}/safeguarding", desk_pages.report_concern, A.SAFEGUARDING_RAISE),
    Route("GET", "/cases/{case_id}/safeguarding", safeguarding_pages.ask, A.SAFEGUARDING_RAISE),
    Route("POST", "/cases/{case_id}/safeguarding", safeguarding_pages.report, A.SAFEGUARDING_RAISE),
    Route("GET", "/safeguarding", safeguarding_pages.index, A.SAFEGUARDING_READ),
    Route("POST", "/safeguarding/{concern_id}/take", safeguarding_pages.take, A.SAFEGUARDING_WRITE),
    Route("POST", "/safeguarding/{concern_id}/close", safeguarding_pages.close, A.SAFEGUARDING_WRITE),
    Route("GET", "/messages", messages_pages.index, A.MESSAGE_READ),
    Route("GET", "/cases/{case_id}/messages", messages_pages.show_case, A.MESSAGE_READ),
    Route("POST", "/cases/{case_id}/messages", messages_pages.start, A.MESSAGE_WRITE),
    Route("GET", "/threads/{thread_id}", messages_pages.show, A.MESSAGE_READ),
    Route("POST", "/threads/{thread_id}/messages", messages_pages.reply, A.MESSAGE_WRITE),
    Route("GET", "/cases/{case_id}/outcome", outcomes_pages.show, A.OUTCOME_READ),
    Route("POST", "/cases/{case_id}/outcome/confirm", outcomes_pages.confirm, A.OUTCOME_CONFIRM),
    Route("POST", "/cases/{case_id}/outcome/accept", outcomes_pages.accept, A.OUTCOME_CONFIRM),
    Route("POST", "/cases/{case_id}/outcome/reopen", outcomes_pages.reopen, A.OUTCOME_CONFIRM),
    Route("POST", "/marking/{case_id}/propose", marking_pages.propose, A.MODERATOR_MARK_WRITE),
    Route("POST", "/cases/{case_id}/outcome/withdraw", outcomes_pages.withdraw, A.OUTCOME_CONFIRM),
    Route("POST", "/cases/{case_id}/outcome/find-again", outcomes_pages.find_again, A.OUTCOME_CONFIRM),
    Route("POST", "/cases/{case_id}/outcome/return", outcomes_pages.return_to_centre, A.OUTCOME_CONFIRM),
    Route("POST", "/cases/{case_id}/outcome/support-call", outcomes_pages.offer_call, A.OUTCOME_CONFIRM),
    Route("POST", "/cases/{case_id}/outcome/support-call/notes", outcomes_pages.note_call, A.OUTCOME_CONFIRM),
    Route("POST", "/api/cases/{case_id}/marking/propose", moderation_api.propose, A.MODERATOR_MARK_WRITE),
    Route("POST", "/api/cases/{case_id}/outcome/reopen", moderation_api.reopen, A.OUTCOME_CONFIRM),
    Route("POST", "/api/cases/{case_id}/outcome/withdraw", moderation_api.withdraw, A.OUTCOME_CONFIRM),
    Route("POST", "/api/cases/{case_id}/outcome/find-again", moderation_api.find_again, A.OUTCOME_CONFIRM),
    Route("POST", "/api/cases/{case_id}/outcome/return", moderation_api.return_to_centre, A.OUTCOME_CONFIRM),
    Route("POST", "/api/cases/{case_id}/outcome/support-call", moderation_api.offer_call, A.OUTCOME_CONFIRM),
    Route("POST", "/api/cases/{case_id}/outcome/support-call/notes", moderation_api.note_call, A.OUTCOME_CONFIRM),
    # Amendments, checks of moderators, suspicions and holds
    Route("GET", "/cases/{case_id}/amendments", amendments_pages.show, A.AMENDMENT_READ),
    Route("POST", "/cases/{case_id}/amendments", amendments_pages.propose, A.AMENDMENT_PROPOSE),
    Route("POST", "/amendments/{amendment_id}/approve", amendments_pages.approve, A.AMENDMENT_DECIDE),
    Route("POST", "/amendments/{amendment_id}/refuse", amendments_pages.refuse, A.AMENDMENT_DECIDE),
    Route("GET", "/api/cases/{case_id}/amendments", checking_api.list_amendments, A.AMENDMENT_READ),
    Route("POST", "/api/cases/{case_id}/amendments", checking_api.propose_amendment, A.AMENDMENT_PROPOSE),
    Route("POST", "/api/amendments/{amendment_id}/approve", checking_api.approve_amendment, A.AMENDMENT_DECIDE),
    Route("POST", "/api/amendments/{amendment_id}/refuse", checking_api.refuse_amendment, A.AMENDMENT_DECIDE),
    Route("GET", "/checks", checks_pages.index, A.CHECK_LIST),
    Route("GET", "/checks/{case_id}", checks_pages.show, A.CHECK_READ),
    Route("POST", "/checks/{case_id}/begin", checks_pages.begin, A.CHECK_WRITE),
    Route("POST", "/checks/{case_id}/marks", checks_pages.record_mark, A.CHECK_WRITE),
    Route("POST", "/checks/{case_id}/verdict", checks_pages.decide, A.CHECK_WRITE),
    Route("GET", "/coverage", checks_pages.coverage, A.COVERAGE_READ),
    Route("GET", "/api/checks", checking_api.index, A.CHECK_LIST),
    Route("GET", "/api/cases/{case_id}/check", checking_api.show, A.CHECK_READ),
    Route("POST", "/api/cases/{case_id}/check", checking_api.begin, A.CHECK_WRITE),
    Route("PUT", "/api/checks/{check_id}/works/{item_id}", checking_api.record_mark, A.CHECK_WRITE),
    Route("POST", "/api/checks/{check_id}/verdict", checking_api.decide, A.CHECK_WRITE),
    Route("GET", "/api/coverage", checking_api.coverage, A.COVERAGE_READ),
    Route("GET", "/teams", teams_pages.show, A.TEAM_READ),
    Route("POST", "/teams", teams_pages.set_team, A.TEAM_WRITE),
    Route("POST", "/teams/principal", teams_pages.set_principal, A.TEAM_WRITE),
    Route("POST", "/api/teams", checking_api.set_team, A.TEAM_WRITE),
    Route("POST", "/api/principals", checking_api.set_principal, A.TEAM_WRITE),
    # Standardisation
    Route("GET", "/standardisation", standardisation_pages.index, A.STANDARDISATION),
    Route(
        "GET",
        "/series/{series_key}/component/standardisation",
        standardisation_pages.show_component,
        A.STANDARDISATION_READ,
    ),
    Route(
        "POST",
        "/series/{series_key}/component/standardisation/plan",
        standardisation_pages.set_plan,
        A.STANDARDISATION_WRITE,
    ),
    Route(
        "POST",
        "/series/{series_key}/component/standardisation/works",
        standardisation_pages.propose,
        A.STANDARDISATION_WRITE,
    ),
    Route(
        "POST",
        "/series/{series_key}/component/standardisation/approvals",
        standardisation_pages.decide,
        A.STANDARDISATION_WRITE,
    ),
    Route("POST", "/standardisation/works/{work_id}/confirm", standardisation_pages.confirm, A.STANDARDISATION_WRITE),
    Route("POST", "/standardisation/works/{work_id}/retire", standardisation_pages.retire, A.STANDARDISATION_WRITE),
    Route("GET", "/series/{series_key}/component/practice", standardisation_pages.show_mine, A.STANDARDISATION_MARK),
    Route("GET", "/standardisation/works/{work_id}", standardisation_pages.show_work, A.STANDARDISATION_MARK),
    Route("POST", "/standardisation/works/{work_id}/mark", standardisation_pages.mark_work, A.STANDARDISATION_MARK),
    Route("GET", "/held-files", held_files_pages.index, A.HELD_READ),
    Route("POST", "/held-files/{document_id}/inspect", held_files_pages.inspect_again, A.DOCUMENT_INSPECT),
    Route("GET", "/held-files/{document_id}/original", held_files_pages.original, A.DOCUMENT_ORIGINAL),
    Route("GET", "/holds", holds_pages.index, A.HOLD_READ),
    Route("GET", "/cases/{case_id}/holds", holds_pages.show, A.HOLD_READ),
    Route("POST", "/cases/{case_id}/holds", holds_pages.hold, A.HOLD_WRITE),
    Route("POST", "/holds/{hold_id}/release", holds_pages.release, A.HOLD_WRITE),
    Route("GET", "/cases/{case_id}/suspicion", holds_pages.ask, A.SUSPICION_RAISE),
    Route("POST", "/cases/{case_id}/suspicion", holds_pages.report, A.SUSPICION_RAISE),
    Route("POST", "/suspicions/{suspicion_id}/decide", holds_pages.decide, A.HOLD_WRITE),
    Route("GET", "/api/cases/{case_id}/holds", checking_api.list_holds, A.HOLD_READ),
    Route("POST", "/api/cases/{case_id}/holds", checking_api.hold, A.HOLD_WRITE),
    Route("POST", "/api/holds/{hold_id}/release", checking_api.release, A.HOLD_WRITE),
    Route("POST", "/api/cases/{case_id}/suspicions", checking_api.raise_suspicion, A.SUSPICION_RAISE),
    Route("POST", "/api/suspicions/{suspicion_id}/decide", checking_api.decide_suspicion, A.HOLD_WRITE),
    Route("GET", "/allocations", allocations_pages.show, A.ALLOCATION_WRITE),
    Route("POST", "/allocations", allocations_pages.allocate, A.ALLOCATION_WRITE),
    Route("GET", "/cases/{case_id}/allocation", allocations_pages.show_case, A.ALLOCATION_WRITE),
    Route("POST", "/cases/{case_id}/allocation", allocations_pages.allocate_case, A.ALLOCATION_WRITE),
    Route("GET", "/conflicts", conflicts_pages.show, A.CONFLICT_DECLARE),
    Route("POST", "/conflicts", conflicts_pages.declare, A.CONFLICT_DECLARE),
    Route("POST", "/conflicts/accounts", conflicts_pages.merge, A.CONFLICT_REGISTER),
    Route("POST", "/conflicts/{conflict_id}/end", conflicts_pages.end, A.CONFLICT_REGISTER),
    Route("GET", "/series/{series_key}/independence", conflicts_pages.show_proof, A.INDEPENDENCE_READ),
    Route("GET", "/api/conflicts", conflicts_api.index, A.CONFLICT_DECLARE),
    Route("POST", "/api/conflicts", conflicts_api.declare, A.CONFLICT_DECLARE),
    Route("POST", "/api/conflicts/{conflict_id}/end", conflicts_api.end, A.CONFLICT_REGISTER),
    Route("POST", "/api/accounts/merge", conflicts_api.merge, A.CONFLICT_REGISTER),
    Route("GET", "/api/series/{series_key}/independence", conflicts_api.proof, A.INDEPENDENCE_READ),
    # Explained outcomes, moderators' reports, what-if
    Route("GET", "/cases/{case_id}/explanation", explanations_pages.show, A.EXPLANATION_READ),
    Route("GET", "/cases/{case_id}/explanation.pdf", explanations_pages.download, A.EXPLANATION_READ),
    Route("GET", "/marking/{case_id}/report", reports_pages.show, A.REPORT_READ),
    Route("POST", "/marking/{case_id}/report", reports_pages.save, A.REPORT_WRITE),
    Route("POST", "/cases/{case_id}/report/return", reports_pages.send_back, A.REPORT_RETURN),
    Route("POST", "/cases/{case_id}/report/release", reports_pages.release, A.REPORT_RETURN),
    Route("GET", "/cases/{case_id}/what-if", what_if_pages.show_case, A.WHAT_IF),
    Route("GET", "/cases/{case_id}/what-if.csv", what_if_pages.case_csv, A.WHAT_IF),
    Route("GET", "/series/{series_key}/component/what-if", what_if_pages.show_component, A.WHAT_IF),
    Route("GET", "/series/{series_key}/component/what-if.csv", what_if_pages.component_csv, A.WHAT_IF),
    # Series and results
    Route("GET", "/series", series_pages.index, A.REFERENCE_IMPORT),
    Route("GET", "/series/{series_key}", series_pages.show, A.REFERENCE_IMPORT),
    Route("GET", "/series/{series_key}/component", series_pages.show_component, A.REFERENCE_IMPORT),
    Route("POST", "/series/{series_key}/component", series_pages.set_component, A.REFERENCE_IMPORT),
    Route("GET", "/results", results_pages.index, A.RESULTS_READ),
    Route("GET", "/series/{series_key}/results", results_pages.show, A.RESULTS_READ),
    Route("GET", "/series/{series_key}/gate", results_pages.gate, A.RESULTS_GATE),
    Route("POST", "/series/{series_key}/gate/propose", results_pages.propose, A.RESULTS_RELEASE),
    Route("POST", "/series/{series_key}/gate/release", results_pages.release, A.RESULTS_RELEASE),
    Route("POST", "/series/{series_key}/gate/run", results_pages.run_gate, A.RESULTS_GATE),
    Route("POST", "/series/{series_key}/gate/propose-withdrawal", results_pages.propose_withdrawal, A.RESULTS_RELEASE),
    Route("POST", "/series/{series_key}/gate/withdraw", results_pages.withdraw, A.RESULTS_RELEASE),
    Route("GET", "/api/series", results_api.index, A.SERIES_READ),
    Route("GET", "/api/series/{series_key}/gate", results_api.gate, A.RESULTS_GATE),
    Route("POST", "/api/series/{series_key}/results/propose", results_api.propose, A.RESULTS_RELEASE),
    Route("POST", "/api/series/{series_key}/results/release", results_api.release, A.RESULTS_RELEASE),
    Route(
        "POST",
        "/api/series/{series_key}/results/propose-withdrawal",
        results_api.propose_withdrawal,
        A.RESULTS_RELEASE,
    ),
    Route("POST", "/api/series/{series_key}/results/withdraw", results_api.withdraw, A.RESULTS_RELEASE),
    Route("GET", "/api/series/{series_key}/results", results_api.show, A.RESULTS_READ),
    Route("GET", "/series/{series_key}/results.csv", results_api.show_csv, A.RESULTS_READ),
    # After results
    Route("GET", "/reviews", reviews_pages.index, A.REVIEW_READ),
    Route("POST", "/reviews", reviews_pages.start, A.REVIEW_REQUEST),
    Route("GET", "/reviews/terms", review_desk_pages.show_terms, A.REVIEW_TERMS),
    Route("POST", "/reviews/terms", review_desk_pages.import_terms, A.REVIEW_TERMS, limit_bytes=limits.CSV_BYTES),
    Route("GET", "/reviews/{request_id}", reviews_pages.show, A.REVIEW_READ),
    Route("POST", "/reviews/{request_id}/consent", reviews_pages.consent, A.REVIEW_REQUEST),
    Route("POST", "/reviews/{request_id}/submit", reviews_pages.submit, A.REVIEW_REQUEST),
    Route("POST", "/reviews/{request_id}/withdraw", reviews_pages.withdraw, A.REVIEW_REQUEST),
    Route("POST", "/reviews/{request_id}/appeal", reviews_pages.appeal, A.REVIEW_REQUEST),
    Route("POST", "/reviews/{request_id}/decide", review_decisions_pages.decide, A.REVIEW_DECIDE),
    Route("POST", "/reviews/{request_id}/begin", review_decisions_pages.begin, A.REVIEW_DECIDE),
    Route("POST", "/reviews/{request_id}/outcome", review_decisions_pages.propose, A.REVIEW_DECIDE),
    Route("POST", "/reviews/{request_id}/confirm", review_decisions_pages.confirm, A.REVIEW_DECIDE),
    Route("POST", "/reviews/{request_id}/invoice", review_decisions_pages.invoice, A.REVIEW_DECIDE),
    Route("GET", "/reviews/{request_id}/desk", review_desk_pages.show, A.REVIEW_DESK),
    Route("POST", "/reviews/{request_id}/desk/marks", review_desk_pages.mark, A.REVIEW_DESK),
    Route("POST", "/reviews/{request_id}/desk/outcome", review_desk_pages.propose, A.REVIEW_DESK),
    Route("POST", "/missing-results", reviews_pages.report, A.REVIEW_REQUEST),
    Route("POST", "/missing-results/{report_id}/answer", review_decisions_pages.answer, A.REVIEW_DECIDE),
    Route("GET", "/script-copies", script_endings_pages.copies, A.SCRIPT_COPIES_READ),
    Route("POST", "/script-copies/{script_id}", script_endings_pages.copy, A.SCRIPT_COPY),
    Route("GET", "/script-retention", script_endings_pages.show, A.SCRIPT_RETENTION),
    Route("POST", "/script-retention/rules", script_endings_pages.set_rule, A.SCRIPT_RETENTION),
    Route("POST", "/sittings/{sitting_id}/destruction", script_endings_pages.propose, A.SCRIPT_RETENTION),
    Route("POST", "/script-destructions/{destruction_id}", script_endings_pages.decide, A.SCRIPT_RETENTION),
    Route("GET", "/carrier-files", carrier_files_pages.show, A.TRACKING_EVENT),
    Route("POST", "/carrier-files", carrier_files_pages.submit, A.TRACKING_EVENT, limit_bytes=limits.CSV_BYTES),
    Route("GET", "/api/carrier-formats", carrier_files_api.formats, A.TRACKING_EVENT),
    Route("POST", "/api/carrier-files", carrier_files_api.take, A.TRACKING_EVENT, limit_bytes=limits.CSV_BYTES),
    Route("GET", "/api/script-copies", script_endings_api.copies, A.SCRIPT_COPIES_READ),
    Route("POST", "/api/script-copies/{script_id}", script_endings_api.copy, A.SCRIPT_COPY),
    Route("GET", "/api/sittings/{sitting_id}/custody/certificates", script_endings_api.certificates, A.CUSTODY_CERTIFY),
    Route("GET", "/api/series/{series_key}/script-retention", script_endings_api.retention, A.SCRIPT_RETENTION),
    Route("GET", "/retention", review_desk_pages.show_retention, A.RETENTION),
    Route("POST", "/retention/{case_id}", review_desk_pages.close_case, A.RETENTION),
    Route("GET", "/series/{series_key}/reviews.csv", review_desk_pages.show_csv, A.REVIEW_DECIDE),
    Route("GET", "/api/reviews", reviews_api.index, A.REVIEW_READ),
    Route("POST", "/api/reviews", reviews_api.start, A.REVIEW_REQUEST),
    Route(
        "POST", "/api/reviews/terms", review_desk_pages.api_import_terms, A.REVIEW_TERMS, limit_bytes=limits.CSV_BYTES
    ),
    Route("GET", "/api/reviews/{request_id}", reviews_api.show, A.REVIEW_READ),
    Route("POST", "/api/reviews/{request_id}/consent", reviews_api.consent, A.REVIEW_REQUEST),
    Route("POST", "/api/reviews/{request_id}/submit", reviews_api.submit, A.REVIEW_REQUEST),
    Route("POST", "/api/reviews/{request_id}/withdraw", reviews_api.withdraw, A.REVIEW_REQUEST),
    Route("POST", "/api/reviews/{request_id}/appeal", reviews_api.appeal, A.REVIEW_REQUEST),
    Route("POST", "/api/reviews/{request_id}/decide", reviews_api.decide, A.REVIEW_DECIDE),
    Route("POST", "/api/reviews/{request_id}/begin", reviews_api.begin, A.REVIEW_DECIDE),
    Route("POST", "/api/reviews/{request_id}/outcome", reviews_api.propose, A.REVIEW_DECIDE),
    Route("POST", "/api/reviews/{request_id}/confirm", reviews_api.confirm, A.REVIEW_DECIDE),
    Route("POST", "/api/reviews/{request_id}/invoice", reviews_api.invoice, A.REVIEW_DECIDE),
    Route("GET", "/api/reviews/{request_id}/desk", reviews_api.desk, A.REVIEW_DESK),
    Route("PUT", "/api/reviews/{request_id}/marks/{item_id}", reviews_api.mark, A.REVIEW_DESK),
    Route("POST", "/api/missing-results", reviews_api.report, A.REVIEW_REQUEST),
    Route("POST", "/api/missing-results/{report_id}/answer", reviews_api.answer, A.REVIEW_DECIDE),
    Route("GET", "/api/series/{series_key}/retention", reviews_api.show_retention, A.RETENTION),
    # Tokens of school systems
    Route("GET", "/tokens", tokens_pages.show, A.TOKEN_READ),
    Route("POST", "/tokens", tokens_pages.make, A.TOKEN_WRITE),
    Route("POST", "/tokens/{token_id}/revoke", tokens_pages.revoke, A.TOKEN_WRITE),
    Route("POST", "/integrations/{integration_id}/tokens", tokens_pages.make_next, A.TOKEN_WRITE),
    # Examination scripts
    Route("GET", "/scripts", scripts_pages.index, A.SITTING_READ),
    Route("POST", "/scripts", sittings_pages.open_sittings, A.SITTING_OPEN),
    Route("GET", "/scripts/{script_id}", custody_pages.show_script, A.SITTING_READ),
    Route("GET", "/scripts/{script_id}/pages", script_looks.ask, A.SCRIPT_LOOK),
    Route("POST", "/scripts/{script_id}/pages", script_looks.look, A.SCRIPT_LOOK),
    Route("POST", "/scripts/{script_id}/certificate", custody_pages.certify_script, A.CUSTODY_CERTIFY),
    Route("GET", "/sittings/{sitting_id}/custody", custody_pages.show_sitting, A.SITTING_READ),
    Route("GET", "/sittings/{sitting_id}/custody/candidates", custody_pages.reveal, A.SITTING_READ),
    Route("POST", "/sittings/{sitting_id}/custody/certificate", custody_pages.certify_sitting, A.CUSTODY_CERTIFY),
    Route("GET", "/sittings/{sitting_id}", sittings_pages.show, A.SITTING_READ),
    Route("GET", "/exam-day", sittings_pages.show_day, A.REGISTER_WRITE),
    Route("GET", "/sittings/{sitting_id}/register", registers_pages.show, A.REGISTER_WRITE),
    Route(
        "POST",
        "/sittings/{sitting_id}/register",
        registers_pages.save,
        A.REGISTER_WRITE,
        limit_bytes=limits.SHEET_BYTES,
    ),
    Route("GET", "/sittings/{sitting_id}/register.pdf", registers_pages.printed, A.REGISTER_WRITE),
    Route("POST", "/sittings/{sitting_id}/register/seats", registers_pages.seat_by, A.REGISTER_WRITE),
    Route("POST", "/sittings/{sitting_id}/register/corrections", registers_pages.correct, A.REGISTER_WRITE),
    Route("POST", "/sittings/{sitting_id}/register/signatures", registers_pages.countersign, A.REGISTER_WRITE),
    Route("POST", "/sittings/{sitting_id}/register/sign-off", registers_pages.sign_off, A.REGISTER_WRITE),
    Route("POST", "/sittings/{sitting_id}/register/moves", registers_pages.move, A.REGISTER_WRITE),
    Route("GET", "/sittings/{sitting_id}/packets", plans_pages.show, A.PACKET_WRITE),
    Route("POST", "/sittings/{sitting_id}/packets", plans_pages.make, A.PACKET_WRITE),
    Route("POST", "/sittings/{sitting_id}/packets/moves", plans_pages.move, A.PACKET_WRITE),
    Route("POST", "/sittings/{sitting_id}/packets/emergency-labels", plans_pages.ask_label, A.PACKET_WRITE),
    Route("GET", "/sittings/{sitting_id}/answer-pages.pdf", plans_pages.answers, A.PACKET_WRITE),
    Route("GET", "/emergency-labels", plans_pages.show_asked, A.LABEL_ISSUE),
    Route("POST", "/emergency-labels/{label_request_id}", plans_pages.answer_label, A.LABEL_ISSUE),
    Route("POST", "/envelope-capacities", plans_pages.set_capacity, A.SITTING_OPEN),
    Route("POST", "/sittings/{sitting_id}/despatch", despatch_pages.despatch, A.PACKET_WRITE),
    # The despatch log
    Route("GET", "/despatch", despatch_pages.phone, A.PACKET_WRITE),
    Route("GET", "/despatch/worker.js", despatch_pages.worker, A.PUBLIC),
    Route("GET", "/despatch-log", despatch_pages.log, A.PACKET_WRITE),
    Route("GET", "/despatch-log/paper.pdf", despatch_pages.paper, A.PACKET_WRITE),
    Route("POST", "/despatch-log/bookings", despatch_pages.book, A.PACKET_WRITE),
    Route(
        "POST",
        "/despatch-log/{entry_id}/pictures",
        despatch_pages.add_paper,
        A.PACKET_WRITE,
        limit_bytes=limits.PICTURE_BYTES,
    ),
    Route("GET", "/api/despatch-log/plan", despatch_api.plan, A.PACKET_WRITE),
    Route("POST", "/api/despatch-log", despatch_api.send, A.PACKET_WRITE),
    Route(
        "PUT",
        "/api/despatch-log/{entry_id}/evidence/{picture_id}",
        despatch_api.put_picture,
        A.PACKET_WRITE,
        limit_bytes=limits.PICTURE_BYTES,
    ),
    Route("POST", "/sittings/{sitting_id}/reconcile", scripts_pages.reconcile, A.SITTING_READ),
    Route("GET", "/script-boards", script_boards_pages.show, A.SITTING_READ),
    Route("GET", "/script-boards.csv", script_boards_pages.download, A.SITTING_READ),
    Route("GET", "/script-boards/missing.csv", script_boards_pages.download_missing, A.SITTING_READ),
    Route("POST", "/script-boards/results-day", script_boards_pages.set_results_day, A.SCRIPT_DECIDE),
    Route("GET", "/script-boards/return", script_boards_pages.show_return, A.MISSING_EXPORT),
    Route("GET", "/script-boards/return/{series_key}.csv", script_boards_pages.download_return, A.MISSING_EXPORT),
    Route("GET", "/script-cases", script_cases_pages.index, A.SCRIPT_CASE_READ),
    Route("GET", "/script-cases.csv", script_cases_pages.download, A.SCRIPT_CASE_READ),
    Route("GET", "/script-cases/{script_case_id}", script_cases_pages.show, A.SCRIPT_CASE_READ),
    Route("POST", "/script-cases/{script_case_id}/assign", script_cases_pages.assign, A.SCRIPT_CASE_WORK),
    Route("POST", "/script-cases/{script_case_id}/comments", script_cases_pages.comment, A.SCRIPT_CASE_WORK),
    Route("POST", "/script-cases/{script_case_id}/due", script_cases_pages.change_due, A.SCRIPT_CASE_WORK),
    Route(
        "POST",
        "/script-cases/{script_case_id}/reply",
        script_cases_pages.reply,
        A.SCRIPT_CASE_REPLY,
        limit_bytes=limits.PICTURE_BYTES,
    ),
    Route("POST", "/script-cases/{script_case_id}/close", script_cases_pages.close, A.SCRIPT_CASE_CLOSE),
    Route("POST", "/script-cases/{script_case_id}/reopen", script_cases_pages.reopen, A.SCRIPT_CASE_CLOSE),
    Route("GET", "/sittings/{sitting_id}/pages", scans_pages.of_sitting, A.BUNDLE_WRITE),
    Route("GET", "/tracking", tracking_pages.station, A.TRACKING_EVENT),
    Route("POST", "/tracking", tracking_pages.scan_label, A.TRACKING_EVENT),
    Route("GET", "/sites", sites_pages.show, A.SITTING_OPEN),
    Route("POST", "/sites", sites_pages.save, A.SITTING_OPEN),
    Route("POST", "/sites/routes", sites_pages.set_route, A.SITTING_OPEN),
    Route("GET", "/packets", packets_pages.find, A.SITTING_READ),
    Route("GET", "/packets/{packet_id}", packets_pages.show, A.SITTING_READ),
    Route("GET", "/tracking/worker.js", tracking_pages.worker, A.PUBLIC),
    Route("GET", "/tracking/cards.pdf", tracking_pages.cards, A.TRACKING_EVENT),
    Route("GET", "/api/tracking/station", tracking_api.station, A.TRACKING_EVENT),
    Route("GET", "/scans", scans_pages.index, A.BUNDLE_WRITE),
    Route("POST", "/scans", scans_pages.take_bundle, A.BUNDLE_WRITE, limit_bytes=limits.BUNDLE_BYTES),
    Route("GET", "/scans/{bundle_id}", scans_pages.show, A.BUNDLE_WRITE),
    Route("POST", "/scans/{bundle_id}/retry", scans_pages.retry, A.BUNDLE_WRITE),
    Route("POST", "/scans/{bundle_id}/discard", scans_pages.discard, A.BUNDLE_WRITE),
    Route("GET", "/quality", script_quality_pages.index, A.SCRIPT_QUALITY),
    Route("POST", "/quality", script_quality_pages.take, A.SCRIPT_QUALITY),
    Route("GET", "/quality/{quality_check_id}", script_quality_pages.show, A.SCRIPT_QUALITY),
    Route("POST", "/quality/{quality_check_id}", script_quality_pages.answer, A.SCRIPT_QUALITY),
    Route("GET", "/scripts/{script_id}/release", script_quality_pages.show_release, A.SCRIPT_RELEASE),
    Route("POST", "/scripts/{script_id}/release", script_quality_pages.release, A.SCRIPT_RELEASE),
    Route("POST", "/api/scripts/{script_id}/events", script_quality_pages.tell, A.SCRIPT_RELEASE),
    Route("GET", "/scan-queues", scans_pages.queues, A.BUNDLE_WRITE),
    Route("POST", "/scan-queues/next", scans_pages.take_next, A.BUNDLE_WRITE),
    Route("GET", "/scan-queues/{bundle_id}/{page_index}", scans_pages.show_page, A.BUNDLE_WRITE),
    Route("POST", "/scan-queues/{bundle_id}/{page_index}", scans_pages.decide, A.BUNDLE_WRITE),
    Route("POST", "/page-decisions/{decision_id}/answer", scans_pages.answer, A.BUNDLE_WRITE),
    Route("POST", "/page-decisions/{decision_id}/undo", scans_pages.undo, A.BUNDLE_WRITE),
    Route("POST", "/api/sittings", sittings_api.open_sittings, A.SITTING_OPEN),
    Route("GET", "/api/sittings", sittings_api.index, A.SITTING_READ),
    Route("GET", "/api/sittings/{sitting_id}", sittings_api.show, A.SITTING_READ),
    Route("POST", "/api/series/{series_key}/sittings", sittings_api.open_series, A.SITTING_OPEN),
    Route("GET", "/api/sittings/{sitting_id}/register", registers_api.show, A.SITTING_READ),
    Route("PUT", "/api/sittings/{sitting_id}/register", registers_api.mark, A.REGISTER_WRITE),
    Route("PUT", "/api/sittings/{sitting_id}/seats", registers_api.seat, A.REGISTER_WRITE),
    Route("POST", "/api/sittings/{sitting_id}/corrections", registers_api.correct, A.REGISTER_WRITE),
    Route("POST", "/api/sittings/{sitting_id}/signatures", registers_api.countersign, A.REGISTER_WRITE),
    Route("POST", "/api/sittings/{sitting_id}/sign-off", registers_api.sign_off, A.REGISTER_WRITE),
    Route("GET", "/api/sittings/{sitting_id}/packets", sittings_api.show_packets, A.SITTING_READ),
    Route("POST", "/api/sittings/{sitting_id}/packets", sittings_api.make_packets, A.PACKET_WRITE),
    Route("POST", "/api/sittings/{sitting_id}/packets/moves", sittings_api.move_scripts, A.PACKET_WRITE),
    Route("POST", "/api/sittings/{sitting_id}/emergency-labels", sittings_api.ask_label, A.PACKET_WRITE),
    Route("POST", "/api/emergency-labels/{label_request_id}", sittings_api.answer_label, A.LABEL_ISSUE),
    Route("POST", "/api/sittings/{sitting_id}/despatch", despatch_api.despatch, A.PACKET_WRITE),
    Route("GET", "/api/sittings/{sitting_id}/reconciliation", scripts_api.reconciliation, A.SITTING_READ),
    Route("GET", "/sittings/{sitting_id}/labels.pdf", sittings_api.labels_pdf, A.PACKET_WRITE),
    Route("GET", "/sittings/{sitting_id}/covers.pdf", sittings_api.covers_pdf, A.PACKET_WRITE),
    Route("POST", "/api/tracking/events", tracking_api.record_events, A.TRACKING_EVENT),
    Route("POST", "/api/bundles", scans_api.take_bundle, A.BUNDLE_WRITE, limit_bytes=limits.BUNDLE_BYTES),
    Route("GET", "/api/bundles/{bundle_id}", scans_api.show, A.BUNDLE_WRITE),
    Route("POST", "/api/bundles/{bundle_id}/pages/{page_index}", scans_api.decide, A.BUNDLE_WRITE),
    Route("POST", "/api/page-decisions/{decision_id}", scans_api.answer, A.BUNDLE_WRITE),
    Route("GET", "/api/series/{series_key}/missing-scripts", script_cases_api.missing, A.SITTING_READ),
    Route("GET", "/api/series/{series_key}/script-board", script_cases_api.board, A.SITTING_READ),
    Route("GET", "/api/series/{series_key}/missing-scripts-return", script_cases_api.ofqual_missing, A.MISSING_EXPORT),
    Route("GET", "/api/script-cases", script_cases_api.index, A.SCRIPT_CASE_READ),
    Route("GET", "/api/script-cases/{script_case_id}", script_cases_api.show, A.SCRIPT_CASE_READ),
    Route("POST", "/api/script-cases/{script_case_id}", script_cases_api.act, A.SCRIPT_CASE_WORK),
    Route("POST", "/api/script-cases/{script_case_id}/reply", script_cases_api.reply, A.SCRIPT_CASE_REPLY),
    Route("GET", "/api/scripts/{script_id}/timeline", custody_api.script, A.SITTING_READ),
    Route("POST", "/api/scripts/{script_id}/certificate", custody_api.certify_script, A.CUSTODY_CERTIFY),
    Route("GET", "/api/sittings/{sitting_id}/custody", custody_api.sitting, A.SITTING_READ),
    Route("GET", "/api/sittings/{sitting_id}/custody/candidates", custody_api.scripts, A.SITTING_READ),
    Route("POST", "/api/sittings/{sitting_id}/custody/certificate", custody_api.certify_sitting, A.CUSTODY_CERTIFY),
    # Uploads (tus) and documents. Of uploads X-HTTP-Method-Override decides, so the actual method is any.
    Route("OPTIONS", "/uploads", tus.options, A.PUBLIC),
    Route("*", "/uploads", tus.create, A.UPLOAD_CREATE, tus.no_leave_yet, UNBOUNDED),
    Route("OPTIONS", "/uploads/{oid}", tus.options, A.PUBLIC),
    Route("*", "/uploads/{oid}", tus.upload, A.UPLOAD_CONTINUE, tus.no_leave_yet, UNBOUNDED),
    Route("GET", "/api/cases/{case_id}/uploads", uploads_api.index, A.UPLOAD_CREATE),
    Route("POST", "/api/uploads/{oid}/continue", uploads_api.go_on, A.UPLOAD_CREATE),
    Route("GET", "/api/documents/{document_id}", documents_api.status, A.DOCUMENT_STATUS),
    Route("DELETE", "/api/documents/{document_id}", documents_api.withdraw, A.DOCUMENT_WITHDRAW),
    Route("GET", "/api/documents/{document_id}/annotations", journal_api.of_document, A.ANNOTATION_READ),
    Route("GET", "/api/desk/journal", journal_api.show, A.JOURNAL_WRITE),
    Route("POST", "/api/desk/journal", journal_api.write, A.JOURNAL_WRITE),
    Route("GET", "/api/desk/journal/key", journal_api.local_key, A.JOURNAL_WRITE),
    Route("GET", "/api/documents/{document_id}/addresses", documents_pages.addresses, A.DOCUMENT_VIEW),
    Route("GET", "/documents/{document_id}", documents_pages.show, A.DOCUMENT_VIEW),
    Route("GET", "/documents/{document_id}/text/{number}", documents_pages.text, A.DOCUMENT_VIEW),
    Route("POST", "/documents/{document_id}/withdraw", documents_pages.withdraw, A.DOCUMENT_WITHDRAW),
    # Bytes of documents for programs, which come with a token of their own and keep no cookies
    Route("GET", "/documents/{document_id}/content", documents_pages.content, A.DOCUMENT_VIEW),
    Route("GET", "/documents/{document_id}/pages/{number}", documents_pages.page_for_programs, A.DOCUMENT_VIEW),
    # Bytes of documents for browsers: another host name, which the cookie of the application never reaches
    *(
        Route("GET", f"/content/{path}", handler, action, site=Site.CONTENT)
        for path, handler, action in (
            ("point.gif", checkup_pages.point, A.PUBLIC),
            ("documents/{document_id}/pages/{number}", documents_pages.page_image, A.DOCUMENT_VIEW),
            ("documents/{document_id}/thumbnails/{number}", documents_pages.thumbnail, A.DOCUMENT_VIEW),
            ("documents/{document_id}/poster", documents_pages.poster, A.DOCUMENT_VIEW),
            ("documents/{document_id}/recording", documents_pages.recording, A.DOCUMENT_VIEW),
            ("documents/{document_id}/original", held_files_pages.give_original, A.DOCUMENT_ORIGINAL),
            ("scripts/{script_id}/pages/{number}", script_images.of_script, A.SCRIPT_IMAGE),
            ("bundles/{bundle_id}/pages/{number}", script_images.of_bundle, A.SCRIPT_IMAGE),
            ("custody/{evidence_id}/pages/{number}", despatch_pages.picture, A.SITTING_READ),
        )
    ),
)


def add_to(app: web.Application) -> None:
    """Add every route to the application, and its action where the permission check finds it."""
    actions: dict[Callable[..., object], Action] = {}
    routed: dict[Callable[..., object], Route] = {}
    for route in ROUTES:
        if route.method == "GET":
            app.router.add_get(route.path, route.handler)
        else:
            app.router.add_route(route.method, route.path, route.handler, expect_handler=route.expects)
        if actions.setdefault(route.handler, route.action) is not route.action:
            raise ValueError(f"{route.handler.__name__} is routed under two actions")
        known = routed.setdefault(route.handler, route)
        if (known.body_limit_bytes, known.site) != (route.body_limit_bytes, route.site):
            raise ValueError(f"{route.handler.__name__} is routed under two limits or two hosts")
    app[keys.ACTIONS] = actions
    app[keys.EDGES] = {handler: (route.site, route.body_limit_bytes) for handler, route in routed.items()}
