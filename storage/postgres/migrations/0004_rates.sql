-- How often people, workspaces, workflow tokens and addresses ask: each process adds to it what it has counted,
-- a few times a second. A name in it is a digest.
drop table rates;
create unlogged table rates (
    bucket text collate "C" primary key,
    debt_s double precision not null,      -- so many seconds after "at" everything is allowed again
    at     timestamptz not null
);
create index rates_at on rates (at);
