-- For finding out whether a full disk has room again: what is put here is taken back at once.
create unlogged table room (
    filling bytea not null
);
alter table room alter column filling set storage external;  -- neither compressed nor kept in the row
