-- Which keys each process that serves knows, by the keys' ids: it says so every few seconds. So no process seals
-- with a key that another could not open. A crash may forget it.
create unlogged table replicas (
    id   text primary key,         -- random, of one process
    kids text[] not null,          -- of its keys, the one that seals first
    at   timestamptz not null      -- when it said so last, by the database's clock
);
