"""The second enforcer: PostgreSQL itself shows a person only the rows that the policy gives them.

Every transaction of a person runs under a role of the database that stands for the person's own (``nea_moderator`` …): it
owns nothing, cannot go around row security, and ends with the transaction, as do the settings that say who asks and how
far that one sees. The policies of the tables are the very conditions of ``predicates``, compiled with those settings in
place of values. Nobody is ``nea_app``, for whom there is no policy: it sees nothing.

A policy must read more than its reader may see: the case that a mark belongs to, or another centre's case that proves a
reviewer not independent. Which cases somebody reaches, functions (``nea_cases_…``) answer that run as the tables' owner,
take nothing and give nothing but the asker's own; their plans are kept, which is what makes this quick. For the rest it
reads through views (``nea_place_…``) that belong to the owner and hold nothing but identifiers and places: no name, no
mark, no word anybody wrote.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, cast

from sqlalchemy import ClauseElement, ColumnElement, Connection, Select, Table, event, literal_column, select, true
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session, SessionTransaction

from moderation.guards.trigger import PREFIX as GUARD
from moderation.records import independence
from moderation.tables.base import Instant
from repository import access
from repository.access import POLICY, Action, Actor, Kind, Role, Scope, Sight
from repository.acting import ACTING, NOBODY, OWN_CLOCK, WRITES, Acting
from repository.errors import PolicyRefused
from repository.scoping import predicates
from repository.scoping.predicates import Facts, Scoped

PEOPLE = "nea_app"
"""What every role of people is a member of: it may use the tables, but no policy shows it a row."""
SERVICES = "nea_service"
"""What whoever connects must be a member of, for the service to act by itself; a member of it sees what a service sees."""
SEQUENCED = ("audit_log", "audit_history", "audit_tile", "audit_checkpoint")
"""What the sequencer of the log alone writes; a person's transaction puts its events into the inbox."""
SWITCH = "nea_switch"
"""Through it whoever connects can change into the roles of people without having what they have: it inherits nothing."""
PLACE, CASES = "nea_place_", "nea_cases_"
SERVICES_POLICY = "nea_services"


def role_of(role: Role) -> str:
    """Return the database's role under which people of a role ask."""
    return f"nea_{role.value}"


PEOPLES = (PEOPLE, *(role_of(role) for role in Role))
ROLES = (*PEOPLES, SWITCH, SERVICES)


# What a transaction carries


def speak_for(session_class: type[Session]) -> None:
    """Have every transaction of this class of sessions tell PostgreSQL whom it is for; calling it again changes nothing."""
    if not event.contains(session_class, "after_begin", _on_begin):
        event.listen(session_class, "after_begin", _on_begin)


def _on_begin(session: Session, transaction: SessionTransaction, connection: Connection) -> None:
    if not transaction.nested:
        _tell_of(session, connection)


def tell_session(session: Session) -> None:
    """Tell PostgreSQL anew on whose behalf a transaction asks, once that has changed within it."""
    _tell_of(session, session.connection())


def _tell_of(session: Session, connection: Connection) -> None:
    info = session.info
    writes, own_clock = bool(info.get(WRITES)), bool(info.get(OWN_CLOCK))
    tell(connection, info.get(ACTING, NOBODY), writes=writes, own_clock=own_clock)


_TELL_PERSON = (
    "SELECT set_config('role', %s, true), set_config('app.service', '', true), "
    "set_config('app.person', %s, true), set_config('app.assignment', %s, true), set_config('app.centre', %s, true), "
    "set_config('app.action', %s, true), set_config('app.sees', %s, true), set_config('app.now', %s, true)"
)
_TELL_SERVICE = "SELECT set_config('role', 'none', true), set_config('app.service', %s, true)"


def tell(connection: Connection, who: Acting, *, writes: bool = False, own_clock: bool = False) -> None:
    """Tell PostgreSQL on whose behalf this transaction asks, in one round trip; the settings end with it.

    SQLite is not told: it has one enforcer.

    Takes: ``own_clock``, when the service's clock is not the computer's: windows then open and close by it. Otherwise
    they do by the database's own, so that a person needs both to agree.
    """
    if connection.dialect.name != "postgresql":
        return
    if who.service is not None:
        connection.exec_driver_sql(_TELL_SERVICE, (who.service,))
        return
    actor = who.actor
    if actor is None:
        connection.exec_driver_sql(_TELL_PERSON, (PEOPLE, *("",) * 6))
        return
    instant = who.now.isoformat() if own_clock and who.now is not None else ""
    connection.exec_driver_sql(
        _TELL_PERSON,
        (
            role_of(actor.role),
            actor.person_id,
            actor.assignment_id,
            actor.centre_number or "",
            who.action.value if who.action is not None else "",
            sees(actor, who.action, writes=writes),
            instant,
        ),
    )


def sees(actor: Actor, action: Action | None, *, writes: bool) -> str:
    """Return how far somebody sees rows of each kind while doing an action, as the policies look it up."""
    return _sees(actor.role, action, writes)


@cache
def _sees(role: Role, action: Action | None, writes: bool) -> str:
    words = [_word(kind, sight) for kind in Kind for sight in predicates.sights(role, kind, action, writes=writes)]
    words += [_only_word(*key) for key, only in predicates.ONLY.items() if key[0] is action and role in only.roles]
    return f" {' '.join(sorted(set(words)))} "


def _word(kind: Kind, sight: Sight) -> str:
    """Name a sight by everything that it differs from others in."""
    said = [name for name in ("published", "writes") if getattr(sight, name, False)]
    return "+".join([f"{kind.value}={sight.scope.value}", *said])


def _only_word(action: Action, kind: Kind) -> str:
    return f"only={kind.value}={action.value}"


# What the policies say

_VALUES = Facts(
    person_id=literal_column("(SELECT current_setting('app.person', true))"),
    assignment_id=literal_column("(SELECT current_setting('app.assignment', true))"),
    centre_number=literal_column("(SELECT current_setting('app.centre', true))"),
    now=literal_column(
        "(SELECT COALESCE(CAST(NULLIF(current_setting('app.now', true), '') AS timestamptz), now()))", Instant()
    ),
)


_FACTS = replace(_VALUES, listed=lambda sight: select(literal_column(f"{_function(sight)}()")))


def _function(sight: Sight) -> str:
    return f"{CASES}{sight.scope.value}{'_writing' if sight.writes else ''}"


@dataclass(frozen=True, slots=True)
class Policy:
    """What people of one role see of one table, and may put into it."""

    table: str
    role: str
    using: str

    @property
    def name(self) -> str:
        """Return its name, which is its role's."""
        return self.role

    @property
    def ddl(self) -> str:
        """Return the statement that puts it up."""
        unplaced = UNPLACED.get(self.table)
        check = "" if unplaced is None else f" WITH CHECK (({self.using}) OR ({unplaced}))"  # else it is what is seen
        return f"CREATE POLICY {self.name} ON {self.table} TO {self.role} USING ({self.using}){check}"


_AS_PEOPLE = ", ".join(f"'{role}'" for role in PEOPLES)
SERVICE_USING = (
    f"(SELECT COALESCE(current_setting('app.service', true), '') <> '' OR current_setting('role') IN ({_AS_PEOPLE}))"
)
"""For who owns the tables: only for a part of the service that has said its name, or while a policy, a view of places or
a guard looks on behalf of a person. A person's own statements are not the owner's, so this never speaks of them."""

UNPLACED = {
    "sample": f"NOT EXISTS (SELECT 1 FROM {PLACE}moderation_case AS moderation_case_0 "
    "WHERE moderation_case_0.sample_id = sample.id) AND NOT EXISTS "
    f"(SELECT 1 FROM {PLACE}sample_item AS sample_item_0 WHERE sample_item_0.sample_id = sample.id)",
    "document": f"NOT EXISTS (SELECT 1 FROM {PLACE}evidence AS evidence_0 WHERE evidence_0.document_id = document.id)",
}
"""Rows that are written before what gives them their place; until then nobody sees them, and anybody may make one."""


@cache
def policies() -> tuple[Policy, ...]:
    """Return every policy of people, by table and role. Where a role sees nothing of a table, there is none."""
    found = (_policy(entity, role) for entity in predicates.tables() for role in Role)
    return tuple(sorted((one for one in found if one is not None), key=lambda one: (one.table, one.role)))


def scoped_tables() -> tuple[str, ...]:
    """Return the names of the tables that have row security."""
    return tuple(sorted(_name(entity) for entity in predicates.tables()))


def _policy(entity: type[Any], role: Role) -> Policy | None:
    ways = [_way(entity, way, role) for way in predicates.tables()[entity] if _sights(role, way.kind)]
    return Policy(_name(entity), role_of(role), " OR ".join(ways)) if ways else None


def _way(entity: type[Any], way: Scoped, role: Role) -> str:
    """Return the condition on a row for whatever action of a role: each sight counts only where the settings name it."""
    found = " OR ".join(
        f"({_says(_word(way.kind, sight))} AND ({_reach(cast(Any, entity), way, sight)}))"
        for sight in _sights(role, way.kind)
    )
    for (action, kind), only in predicates.ONLY.items():
        if kind is way.kind and role in only.roles:
            extra = _written(entity, only.condition(cast(Table, entity.__table__)))
            found = f"({found}) AND (NOT {_says(_only_word(action, kind))} OR ({extra}))"
    return f"({found})"


@cache
def _reach(entity: type[Any], way: Scoped, sight: Sight) -> str:
    if sight.scope is Scope.ALL and not sight.published:
        found = predicates.everywhere(cast(Table, entity.__table__))
        return "true" if found.compare(true()) else _written(entity, found)
    return _written(entity, way.reach(cast(Table, entity.__table__), sight, _FACTS))


def _written(entity: type[Any], condition: ColumnElement[bool]) -> str:
    """Write a condition within a query of its table, so that what it asks of other tables speaks of the row."""
    query: Select[Any] = select(literal_column("1")).select_from(cast(Table, entity.__table__)).where(condition)
    _, where, rest = " ".join(_compiled(query).split()).partition(" WHERE ")
    return _through_places(rest) if where else "true"


@cache
def _sights(role: Role, kind: Kind) -> tuple[Sight, ...]:
    """Return every sight that a role has of a kind, whatever it does, in reading and in writing."""
    found = {
        sight
        for action in (None, *POLICY)
        for writes in (False, True)
        for sight in predicates.sights(role, kind, action, writes=writes)
    }
    return tuple(sorted(found, key=lambda sight: _word(kind, sight)))


def _compiled(query: ClauseElement) -> str:
    dialect = make_url("postgresql://").get_dialect()()
    return str(query.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))


def _says(word: str) -> str:
    return f"(SELECT strpos(current_setting('app.sees', true), ' {word} ') > 0)"


def _name(entity: type[Any]) -> str:
    return cast(Table, entity.__table__).name


def _through_places(condition: str) -> str:
    """Have a condition read the places of scoped tables, where it reads the tables: a policy would narrow those too."""
    names = "|".join(sorted(scoped_tables(), key=len, reverse=True))
    return re.sub(rf"\b({names}) AS (\1_\d+)\b", rf"{PLACE}\1 AS \2", condition)


@cache
def places() -> dict[str, str]:
    """Return the views that policies read scoped tables through, by name: no column but those that they need."""
    used: dict[str, set[str]] = {}
    names = "|".join(sorted(scoped_tables(), key=len, reverse=True))
    for policy in policies():
        for table, column in re.findall(rf"\b({names})_\d+\.(\w+)", policy.ddl):
            used.setdefault(table, set()).add(column)
    return {
        f"{PLACE}{table}": f"SELECT {', '.join(sorted(columns))} FROM {table}"
        for table, columns in sorted(used.items())
    }


@cache
def functions() -> dict[str, str]:
    """Return the functions that list the cases somebody reaches, by name, and what they ask."""
    return {
        _function(sight): " ".join(str(_compiled(predicates.cases_of(sight, _VALUES))).split())
        for sight in predicates.listed_sights()
    }


@cache
def made_from() -> str:
    """Return a digest of everything that policies are made from: this module, the conditions, the policy itself.

    A database keeps it beside its policies, so that one made by another version is known without making them anew.
    """
    sources = (Path(__file__), *(Path(str(module.__file__)) for module in (predicates, access, independence)))
    return _digest("".join(source.read_text("utf-8") for source in sources))


# Installing and comparing


def install(connection: Connection) -> None:
    """Put up roles, grants, views and policies in place of those that stood; within the caller's transaction.

    On SQLite, which has no row security, nothing happens.
    Raises: ``PolicyRefused`` when the database's user may not make the roles, saying what an administrator must run.
    """
    if connection.dialect.name != "postgresql":
        return
    _make_roles(connection)
    drop(connection)
    run = connection.exec_driver_sql
    schema = str(run("SELECT quote_ident(current_schema())").scalar())
    run(f"GRANT USAGE ON SCHEMA {schema} TO {PEOPLE}, {SERVICES}")
    run(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {PEOPLE}, {SERVICES}")
    run(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {PEOPLE}, {SERVICES}")
    run(f"REVOKE INSERT, UPDATE, DELETE ON {', '.join(SEQUENCED)} FROM {PEOPLE}")  # the sequencer's alone
    run(f"REVOKE UPDATE, DELETE ON audit_inbox FROM {PEOPLE}")
    for name, query in places().items():
        run(f"CREATE VIEW {name} AS {query}")
        run(f"GRANT SELECT ON {name} TO {PEOPLE}, {SERVICES}")
    for name, query in functions().items():
        run(
            f"CREATE FUNCTION {name}() RETURNS SETOF varchar LANGUAGE plpgsql STABLE SECURITY DEFINER "
            f"SET search_path = {schema}, pg_temp "
            f"AS $$ BEGIN RETURN QUERY {query}; END $$"
        )
        run(f"REVOKE ALL ON FUNCTION {name}() FROM PUBLIC")
        run(f"GRANT EXECUTE ON FUNCTION {name}() TO {PEOPLE}, {SERVICES}")
    for kind, name, digest, _ in run(_MADE).all():
        run(f"COMMENT ON {kind} {name}{'()' if kind == 'FUNCTION' else ''} IS '{made_from()} {digest}'")
    for table in scoped_tables():
        run(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        run(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        run(f"CREATE POLICY {SERVICES_POLICY} ON {table} TO {SERVICES} USING ({SERVICE_USING})")
    for policy in policies():
        run(policy.ddl)
    for table, there in _standing(connection).items():
        run(f"COMMENT ON POLICY {SERVICES_POLICY} ON {table} IS '{made_from()} {there.digest}'")
    let_guards_see(connection)


def let_guards_see(connection: Connection) -> None:
    """Have guards run as the tables' owner: what denies must see every row, whoever's statement it looks at."""
    if connection.dialect.name != "postgresql":
        return
    run = connection.exec_driver_sql
    schema = run("SELECT quote_ident(current_schema())").scalar()
    for name in run(_GUARD_FUNCTIONS).scalars().all():
        run(f"ALTER FUNCTION {name}() SECURITY DEFINER SET search_path = {schema}, pg_temp")


def drop(connection: Connection) -> None:
    """Take down policies and views, before tables are rebuilt that they name."""
    if connection.dialect.name != "postgresql":
        return
    run = connection.exec_driver_sql
    for table, name in run(_OUR_POLICIES).all():
        run(f"DROP POLICY {name} ON {table}")
    for kind, name, _, _ in run(_MADE).all():
        run(f"DROP {kind} {name}")


def problems(connection: Connection) -> list[str]:
    """Return what is wrong with row security, one sentence each; empty when all stands as it must, and on SQLite."""
    if connection.dialect.name != "postgresql":
        return []
    run = connection.exec_driver_sql
    there = set(run("SELECT rolname FROM pg_roles WHERE starts_with(rolname, 'nea_')").scalars())
    if missing := [role for role in ROLES if role not in there]:
        return [f"The database has no role {role}." for role in missing]
    found = [
        f"The role {row['name']} {words}."
        for row in run(_PEOPLES_ROLES).mappings()
        for words, wrong in row.items()
        if words != "name" and wrong
    ]
    standing, wanted = _standing(connection), scoped_tables()
    for table in wanted:
        if table not in standing:
            found.append(f"The table {table} has no row security.")
        elif standing[table].comment != f"{made_from()} {standing[table].digest}":
            found.append(f"The row security of {table} is not as it must be.")
    found += [f"Row security of {table} is not known." for table in standing if table not in wanted]
    made = {name: noted == f"{made_from()} {digest}" for _, name, digest, noted in run(_MADE).all()}
    found += [f"The database has no {name}." for name in (*places(), *functions()) if name not in made]
    found += [f"What makes {name} is not as it must be." for name, is_so in made.items() if not is_so]
    loose = run(_GUARD_FUNCTIONS + " AND NOT p.prosecdef").scalars().all()
    found += [f"The guard {name} sees only what a person sees." for name in loose]
    return sorted(found)


@dataclass(frozen=True, slots=True)
class _Standing:
    """The row security of a table as it stands in a database, and what was noted when it was put up."""

    digest: str
    comment: str


_HERE = "relnamespace = current_schema()::regnamespace"
_GUARD_FUNCTIONS = (
    "SELECT p.proname FROM pg_proc p WHERE p.pronamespace = current_schema()::regnamespace "
    f"AND starts_with(p.proname, '{GUARD}')"
)
_OUR_POLICIES = (
    "SELECT c.relname, p.polname FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid "
    f"WHERE c.{_HERE} AND starts_with(p.polname, 'nea_') ORDER BY 1, 2"
)
_MADE = f"""SELECT 'VIEW', relname, md5(pg_get_viewdef(oid)), obj_description(oid, 'pg_class') FROM pg_class
 WHERE {_HERE} AND relkind = 'v' AND starts_with(relname, '{PLACE}')
 UNION ALL
 SELECT 'FUNCTION', proname, md5(concat_ws(' ', prosrc, prosecdef, proconfig::text)),
 obj_description(oid, 'pg_proc') FROM pg_proc
 WHERE pronamespace = current_schema()::regnamespace AND starts_with(proname, '{CASES}') ORDER BY 1, 2"""
"""Views and functions that policies rest on: which kind, name, a digest of what it is, and what was noted with it."""
_PEOPLES_ROLES = f"""SELECT r.rolname AS name, r.rolsuper AS "is a superuser", r.rolbypassrls AS "may go around row security",
 r.rolcanlogin AS "may sign in by itself", pg_has_role(r.oid, '{SERVICES}', 'MEMBER') AS "counts as the service",
 NOT pg_has_role(r.oid, '{PEOPLE}', 'MEMBER') AS "may not use the tables",
 EXISTS (SELECT 1 FROM pg_class c WHERE c.{_HERE} AND c.relkind = 'r' AND pg_has_role(r.oid, c.relowner, 'MEMBER'))
 AS "owns tables" FROM pg_roles r WHERE r.rolname IN ({_AS_PEOPLE})"""
_STANDING = f"""SELECT c.relname,
 md5(concat_ws(' ', c.relrowsecurity, c.relforcerowsecurity, string_agg(concat_ws(' ', p.polname, p.polcmd,
 p.polpermissive, p.polroles::regrole[]::text, pg_get_expr(p.polqual, p.polrelid),
 pg_get_expr(p.polwithcheck, p.polrelid)), ' ' ORDER BY p.polname))),
 COALESCE(max(obj_description(p.oid, 'pg_policy')), '')
 FROM pg_class c LEFT JOIN pg_policy p ON p.polrelid = c.oid
 WHERE c.{_HERE} AND c.relkind = 'r' AND (c.relrowsecurity OR p.oid IS NOT NULL)
 GROUP BY c.oid, c.relname, c.relrowsecurity, c.relforcerowsecurity"""


def _standing(connection: Connection) -> dict[str, _Standing]:
    rows = connection.exec_driver_sql(_STANDING).all()
    return {name: _Standing(digest, comment) for name, digest, comment in rows}


def roles_ddl(user: str) -> tuple[str, ...]:
    """Return the statements that make the roles and let a user of the database act under them, once for each server."""
    return (
        *(f"CREATE ROLE {role} NOLOGIN{' NOINHERIT' if role == SWITCH else ''}" for role in ROLES),
        *(f"GRANT {PEOPLE} TO {role}" for role in PEOPLES if role != PEOPLE),
        *(f"GRANT {role} TO {SWITCH}" for role in PEOPLES),
        *(f"GRANT {role} TO {user}" for role in (SWITCH, SERVICES)),
    )


def _make_roles(connection: Connection) -> None:
    """Make what is missing of the roles; another database of the server, or an administrator, may have made them."""
    run = connection.exec_driver_sql
    made = set(run("SELECT rolname FROM pg_roles").scalars())
    granted = set(
        run(
            "SELECT concat('GRANT ', of.rolname, ' TO ', quote_ident(m.rolname)) FROM pg_auth_members a "
            "JOIN pg_roles of ON of.oid = a.roleid JOIN pg_roles m ON m.oid = a.member"
        ).scalars()
    )
    user = str(run("SELECT quote_ident(current_user)").scalar())
    try:
        with connection.begin_nested():
            for statement in roles_ddl(user):
                if statement not in granted and statement.split()[2] not in (made if "CREATE" in statement else ()):
                    run(statement)
    except ProgrammingError as error:
        raise PolicyRefused from error


def _digest(written: str) -> str:
    return hashlib.sha256(written.encode()).hexdigest()
