-- What the server's role may do: read and change rows, and nothing about tables.
-- "{role}" is the name that `quaymaster store migrate --grant ROLE` was given.
grant usage on schema quaymaster to {role};
grant select, insert, update, delete on all tables in schema quaymaster to {role};
grant execute on all functions in schema quaymaster to {role};
revoke insert, update, delete on quaymaster.schema_versions from {role};
