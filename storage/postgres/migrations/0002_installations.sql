-- Where the app is installed: a workspace (T…), or an organization (E…) for all of its workspaces. The tokens
-- in "doc" are sealed before they come here. A row is seen under its own holder; "*" sees all, for the clock.
create table installations (
    holder text collate "C" primary key,
    doc    jsonb not null
);
alter table installations enable row level security;
alter table installations force row level security;
create policy holder on installations
    using (holder = current_setting('quaymaster.ws', true))
    with check (holder = current_setting('quaymaster.ws', true));
create policy everywhere on installations for select using (current_setting('quaymaster.ws', true) = '*');

-- Installs that are under way, by a digest of what the browser was given. A crash may forget them.
create unlogged table oauth_states (
    state bytea primary key,
    until timestamptz not null
);
