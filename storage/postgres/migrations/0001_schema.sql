-- Everything of Quaymaster lives in the schema "quaymaster". Each key begins with the workspace ("ws"), and
-- row-level security compares it with what the transaction set as quaymaster.ws: a statement that forgot the
-- workspace would see nothing. The server's role needs to own none of this; grants.sql says what it needs.
--
-- "doc" has the record as storage/records.py writes it; what is searched, sorted or referred to has a column
-- of its own beside it. "C" collations sort as Python does. Secrets are sealed before they come here.

create table workspaces (
    ws            text collate "C" primary key,
    revision      bigint not null default 0,   -- rises with every change
    last_change   text,                        -- the random id of the change that made this revision
    head_sequence bigint not null default 0,   -- the newest entry of the history, its hash,
    head_hash     text not null default repeat('0', 64),
    head_kid      text,                        -- and the seal of that hash, under a key that is never here
    head_seal     text
);

create table integrations (
    ws         text collate "C" not null references workspaces,
    id         text collate "C" not null,
    name_key   text collate "C" not null,      -- the name, casefolded
    kind       text not null,
    host       text not null,
    port       integer not null,               -- the effective one
    version    bigint not null,
    created_at timestamptz not null,
    search     text not null,                  -- what words are looked for in: name, address, kind
    owner      text not null,
    marks      text[] not null,                -- broken, unchecked, open
    ends_on    date,
    doc        jsonb not null,
    constraint integrations_key primary key (ws, id)
);
create unique index integrations_name on integrations (ws, name_key) include (kind, search, owner, marks, ends_on);
create index integrations_server on integrations (ws, host, port);

-- target_kind: 0 project, 1 environment, 2 image, in the order that people see.
create table dependencies (
    ws           text collate "C" not null,
    integration  text collate "C" not null,
    target_kind  smallint not null,
    target_name  text collate "C" not null,
    target_key   text collate "C" not null,    -- target_name, casefolded
    last_used_at timestamptz,
    doc          jsonb not null,
    constraint dependencies_key primary key (ws, integration, target_kind, target_name),
    constraint dependencies_integration foreign key (ws, integration) references integrations (ws, id)
) with (fillfactor = 80);
create index dependencies_target on dependencies (ws, target_kind, target_name);

create table bars (
    ws          text collate "C" not null,
    integration text collate "C" not null,
    target_kind smallint not null,
    target_name text collate "C" not null,
    doc         jsonb not null,
    constraint bars_key primary key (ws, integration, target_kind, target_name),
    constraint bars_integration foreign key (ws, integration) references integrations (ws, id) on delete cascade
);

create table tokens (
    ws           text collate "C" not null references workspaces,
    id           text collate "C" not null,
    target_kind  smallint not null,
    target_name  text collate "C" not null,
    target_key   text collate "C" not null,
    words        text collate "C" not null,    -- what a search looks in, casefolded
    created_at   timestamptz not null,
    expires_at   timestamptz not null,
    revoked_at   timestamptz,
    last_used_at timestamptz,
    doc          jsonb not null,
    constraint tokens_key primary key (ws, id)
) with (fillfactor = 80);
create index tokens_id on tokens (id);
create index tokens_target on tokens (ws, target_kind, target_name);
create index tokens_end on tokens (ws, expires_at);

create table audit (
    ws          text collate "C" not null references workspaces,
    sequence    bigint not null,
    at          timestamptz not null,
    action      text not null,
    is_done     boolean not null,              -- false = an attempt that was refused
    actor       text not null,
    integration text collate "C",
    name_key    text collate "C" not null,
    former_key  text collate "C",              -- the name that this entry's edit took away, casefolded
    server      text,                          -- of a deletion: the address
    target_kind smallint,
    target_name text collate "C",
    hash        text not null,                 -- covers the entry before
    seal        text not null,                 -- of the hash, under a key that is never here
    doc         jsonb not null,
    constraint audit_key primary key (ws, sequence)
);
create index audit_integration on audit (ws, integration, sequence desc);
create index audit_name on audit (ws, name_key, sequence desc);
create index audit_former on audit (ws, former_key, sequence desc) where former_key is not null;
create index audit_deletion on audit (ws, server, sequence desc) where action = 'integration.delete' and is_done;

create table requests (
    ws      text collate "C" not null references workspaces,
    id      text collate "C" not null,
    outcome text not null,
    at      timestamptz not null,
    constraint requests_key primary key (ws, id)
);

create table settings (
    ws    text collate "C" not null references workspaces,
    name  text collate "C" not null,
    value text not null,
    constraint settings_key primary key (ws, name)
);

create table news (
    ws  text collate "C" not null references workspaces,
    id  text collate "C" not null,
    at  timestamptz not null,
    doc jsonb not null,
    constraint news_key primary key (ws, id)
);

-- Fetches of one hour that are one line of the history; the row goes when the hour's count is written there.
create table fetch_hours (
    ws          text collate "C" not null references workspaces,
    integration text collate "C" not null,
    token       text collate "C" not null,
    action      text not null,
    result      text not null,
    hour        timestamptz not null,
    more        integer not null default 0,    -- how many followed the first
    event       jsonb not null,                -- what the first was recorded as
    constraint fetch_hours_key primary key (ws, integration, token, action, result, hour)
);

-- What processes share and a crash may forget. Neither belongs to a workspace.
create unlogged table seen_signatures (
    signature bytea primary key,
    at        timestamptz not null
);
create index seen_signatures_at on seen_signatures (at);
create unlogged table rates (
    bucket text collate "C" primary key,
    level  double precision not null,          -- how many more are allowed
    at     timestamptz not null
);

-- Proof of which keys sealed what is here; opens nothing else.
create table keys (
    kid         text primary key,
    check_value text not null
);

-- Ends the transaction unless a change met what it counted on.
create function expect(is_met boolean, what text) returns void language plpgsql as $$
begin
    if not is_met then
        raise exception using errcode = 'QM001', message = what;
    end if;
end $$;

do $$
declare
    name text;
begin
    foreach name in array array['workspaces', 'integrations', 'dependencies', 'bars', 'tokens', 'audit', 'requests',
                                'settings', 'news', 'fetch_hours'] loop
        execute format('alter table %I enable row level security', name);
        execute format('alter table %I force row level security', name);
        execute format($policy$create policy workspace on %I
            using (ws = current_setting('quaymaster.ws', true))
            with check (ws = current_setting('quaymaster.ws', true))$policy$, name);
    end loop;
end $$;

-- Which workspaces there are, for the schedule: asked with the workspace "*", which no workspace is called.
create policy everywhere on workspaces for select using (current_setting('quaymaster.ws', true) = '*');
-- A workflow token is what says which workspace it belongs to.
create policy holder on tokens for select using (id = current_setting('quaymaster.token', true));
