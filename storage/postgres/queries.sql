-- Every statement of the store, by name. Parameters are written %(name)s; "ws" is the workspace.
-- Each compares ws although row-level security does too: the one is for the planner, the other for mistakes.

-- name: begin_change
begin

-- name: commit
commit

-- name: rollback
rollback

-- name: set_workspace
select set_config('quaymaster.ws', %(ws)s, true)

-- name: begin_reading
-- "case" has it that the workspace is set before the row is looked for.
select case when set_config('quaymaster.ws', %(ws)s, true) is not null
            then (select revision from workspaces where ws = %(ws)s) end

-- name: in_workspace
-- Around a statement that reads: the workspace is set before it begins, because it takes the workspace from here,
-- and the revision comes with each row. Without an answer there is one row, whose is_answer is null.
-- "offset 0" keeps a part from being merged into the rest, so that it is read first.
select state.revision, answer.*
from (select set_config('quaymaster.ws', %(ws)s, true) as ws offset 0) here
cross join lateral (select (select revision from workspaces where ws = here.ws) as revision offset 0) state
left join lateral (select true as is_answer, found.* from (
{statement}
) found) answer on true

-- name: in_workspace_of_token
-- Around a statement that starts from a token, which says what workspace it belongs to.
select found.*
from (select set_config('quaymaster.token', %(token)s, true) as token offset 0) asked
cross join lateral (
    select set_config('quaymaster.ws',
        coalesce((select ws from tokens where id = asked.token order by created_at limit 1), ''), true) as ws offset 0
) here
cross join lateral (
{statement}
) found

-- name: workspaces
select ws from workspaces where ws > %(after)s order by ws limit 1000

-- name: head
-- The last column: nobody signed the end, and yet there are rows.
select revision, head_sequence, head_hash, head_kid, head_seal, last_change,
       head_kid is null and (exists (select from integrations where ws = %(ws)s) or
                             exists (select from tokens where ws = %(ws)s) or
                             exists (select from settings where ws = %(ws)s))
from workspaces where ws = %(ws)s

-- name: locked_head
select revision, head_sequence, head_hash, head_kid, head_seal, last_change,
       head_kid is null and (exists (select from integrations where ws = %(ws)s) or
                             exists (select from tokens where ws = %(ws)s) or
                             exists (select from settings where ws = %(ws)s))
from workspaces where ws = %(ws)s for update

-- name: begin_workspace
insert into workspaces (ws) values (%(ws)s) on conflict do nothing

-- name: integration
select id, doc from integrations where ws = %(ws)s and id = %(id)s

-- name: integration_named
select id, doc from integrations where ws = %(ws)s and name_key = %(key)s

-- name: integrations_at
select id, doc from integrations where ws = %(ws)s and host = %(host)s and port = %(port)s order by name_key

-- name: integrations_after
select id, doc, name_key from integrations where ws = %(ws)s and name_key > %(after)s order by name_key limit 500

-- name: likely_names
-- The names that share the most letter pairs with what was typed.
select doc ->> 'name', name_key from integrations
where ws = %(ws)s and name_key in (
    select name_key from integrations where ws = %(ws)s
    order by (select count(*) from unnest(%(pairs)s::text[]) pair where strpos(name_key, pair) > 0) desc, name_key
    limit 60)

-- name: integration_page
-- Filter and count on the index alone, then fetch the rows of the page.
with keys as materialized (
    select name_key,
           (%(kinds)s::text[] is null or kind = any (%(kinds)s))
           and not exists (
               select from jsonb_array_elements(%(words)s::jsonb) word
               where not search like any (array(select jsonb_array_elements_text(word))))
           and (%(owner)s::text is null or owner = %(owner)s)
           and marks @> %(marks)s::text[]
           and (%(ends_by)s::date is null or ends_on <= %(ends_by)s)
           and (%(idle_since)s::timestamptz is null or created_at < %(idle_since)s and not exists (
               select from dependencies d where d.ws = i.ws and d.integration = i.id
               and d.last_used_at >= %(idle_since)s)) as fits
    from integrations i where ws = %(ws)s
), counted as (
    select count(*) as everything,
           count(*) filter (where fits) as total,
           count(*) filter (where fits and name_key <= %(after)s::text collate "C") as passed,
           count(*) filter (where fits and name_key < %(before)s::text collate "C") as below
    from keys
), placed as (
    select everything, total, case
        when %(before)s::text is not null then greatest(below - %(size)s, 0)
        when passed < total then passed
        else greatest(total - %(size)s, 0)
    end as start
    from counted
), page as (
    select name_key from keys where fits order by name_key
    offset (select start from placed) limit %(size)s
)
select i.id, i.doc, (select count(*) from dependencies d where d.ws = %(ws)s and d.integration = i.id),
       start, total, everything
from placed left join (page join integrations i on i.ws = %(ws)s and i.name_key = page.name_key) on true
order by i.name_key

-- name: integration_page_of_all
-- The same where nothing is filtered. The first page counts nothing before it.
with counted as materialized (
    select count(*) as everything,
           case when %(after)s <> '' then (
               select count(*) from integrations where ws = %(ws)s and name_key <= %(after)s::text collate "C"
           ) else 0 end as passed,
           case when %(before)s::text is not null then (
               select count(*) from integrations where ws = %(ws)s and name_key < %(before)s::text collate "C"
           ) end as below
    from integrations where ws = %(ws)s
), placed as (
    select everything, case
        when below is not null then greatest(below - %(size)s, 0)
        when passed < everything then passed
        else greatest(everything - %(size)s, 0)
    end as start
    from counted
), page as (
    select name_key from integrations where ws = %(ws)s order by name_key
    offset (select start from placed) limit %(size)s
)
select i.id, i.doc, (select count(*) from dependencies d where d.ws = %(ws)s and d.integration = i.id),
       start, everything, everything
from placed left join (page join integrations i on i.ws = %(ws)s and i.name_key = page.name_key) on true
order by i.name_key

-- name: unused
-- "ids" and "times" are uses that are not written yet.
with last as (
    select i.id, i.doc, i.name_key, count(d.integration) as dependencies,
           greatest(max(d.last_used_at), (select max(at) from unnest(%(ids)s::text[], %(times)s::timestamptz[]) n(id, at)
                                          where n.id = i.id)) as at
    from integrations i left join dependencies d on d.ws = %(ws)s and d.integration = i.id
    where i.ws = %(ws)s and i.created_at < %(since)s
    group by i.ws, i.id
)
select id, doc, dependencies, at, count(*) over ()
from last where at is null or at < %(since)s order by name_key limit %(size)s

-- name: dependency
select doc, last_used_at from dependencies
where ws = %(ws)s and integration = %(id)s and target_kind = %(target_kind)s and target_name = %(target_name)s

-- name: dependency_count
select count(*) from dependencies where ws = %(ws)s and integration = %(id)s

-- name: bar
select doc from bars
where ws = %(ws)s and integration = %(id)s and target_kind = %(target_kind)s and target_name = %(target_name)s

-- name: dependency_page
with counted as (
    select count(*) as total from dependencies where ws = %(ws)s and integration = %(id)s
), placed as (
    select total, greatest(least(%(number)s, (total - 1) / %(size)s), 0) as number from counted
)
select d.doc, d.last_used_at, placed.number, placed.total
from placed left join lateral (
    select * from dependencies where ws = %(ws)s and integration = %(id)s
    order by target_kind, target_name offset placed.number * %(size)s limit %(size)s) d on true
order by d.target_kind, d.target_name

-- name: uses_of_target
select i.id, i.doc, d.doc, d.last_used_at
from dependencies d join integrations i on i.ws = %(ws)s and i.id = d.integration
where d.ws = %(ws)s and d.target_kind = %(target_kind)s and d.target_name = %(target_name)s
order by i.name_key

-- name: targets
with found as materialized (
    select target_kind, target_name from dependencies
    where ws = %(ws)s and (%(kind)s::smallint is null or target_kind = %(kind)s) and target_key like all (%(words)s::text[])
    union
    select target_kind, target_name from tokens
    where ws = %(ws)s and (%(kind)s::smallint is null or target_kind = %(kind)s) and target_key like all (%(words)s::text[])
), placed as (
    select count(*) as total, greatest(least(%(number)s, (count(*) - 1) / %(size)s), 0) as number from found
)
select f.target_kind, f.target_name, placed.number, placed.total
from placed left join lateral (
    select * from found order by target_kind, target_name offset placed.number * %(size)s limit %(size)s) f on true
order by f.target_kind, f.target_name

-- name: token
select id, doc, last_used_at from tokens where ws = %(ws)s and id = %(id)s

-- name: token_page
with found as materialized (
    select id, created_at, revoked_at is null and expires_at > %(at)s as is_valid
    from tokens where ws = %(ws)s and words like all (%(words)s::text[])
), placed as (
    select count(*) as total, count(*) filter (where is_valid) as valid,
           greatest(least(%(number)s, (count(*) - 1) / %(size)s), 0) as number
    from found
), page as (
    select id, is_valid from found order by is_valid desc, created_at desc, id desc
    offset (select number * %(size)s from placed) limit %(size)s
)
select t.id, t.doc, t.last_used_at, placed.number, placed.total, placed.valid
from placed left join (page join tokens t on t.ws = %(ws)s and t.id = page.id) on true
order by page.is_valid desc, t.created_at desc, t.id desc

-- name: tokens_of_target
select id, doc, last_used_at from tokens
where ws = %(ws)s and target_kind = %(target_kind)s and target_name = %(target_name)s
order by created_at desc, id desc

-- name: tokens_ending
select id, doc, last_used_at from tokens
where ws = %(ws)s and expires_at > %(at)s and expires_at <= %(until)s and revoked_at is null
order by expires_at, id limit 1000

-- name: tokens_after
select id, doc, last_used_at, id from tokens where ws = %(ws)s and id > %(after)s order by id limit 500

-- name: dependencies_after
select doc, last_used_at, integration, target_kind, target_name from dependencies
where ws = %(ws)s and (integration, target_kind, target_name) > (%(id)s, %(target_kind)s, %(target_name)s)
order by integration, target_kind, target_name limit 500

-- name: bars_after
select doc, integration, target_kind, target_name from bars
where ws = %(ws)s and (integration, target_kind, target_name) > (%(id)s, %(target_kind)s, %(target_name)s)
order by integration, target_kind, target_name limit 500

-- name: held_at
-- A token, and the integrations at a server with how its target relates to each; one row without any.
-- Where there are none and the server names no port, those at port 80.
select h.ws, h.id, h.doc, h.last_used_at, i.id, i.doc, d.doc, d.last_used_at, b.doc
from tokens h left join integrations i on i.ws = %(ws)s and i.host = %(host)s and i.port = (
    select case when %(or_80)s and not exists (
        select from integrations where ws = %(ws)s and host = %(host)s and port = %(port)s
    ) then 80 else %(port)s end)
left join dependencies d on d.ws = %(ws)s and d.integration = i.id
    and d.target_kind = h.target_kind and d.target_name = h.target_name
left join bars b on b.ws = %(ws)s and b.integration = i.id
    and b.target_kind = h.target_kind and b.target_name = h.target_name
where h.ws = %(ws)s and h.id = %(token)s order by i.name_key

-- name: held_named
select h.ws, h.id, h.doc, h.last_used_at, i.id, i.doc, d.doc, d.last_used_at, b.doc
from tokens h left join integrations i on i.ws = %(ws)s and i.name_key = %(key)s
left join dependencies d on d.ws = %(ws)s and d.integration = i.id
    and d.target_kind = h.target_kind and d.target_name = h.target_name
left join bars b on b.ws = %(ws)s and b.integration = i.id
    and b.target_kind = h.target_kind and b.target_name = h.target_name
where h.ws = %(ws)s and h.id = %(token)s

-- name: held_all
select h.ws, h.id, h.doc, h.last_used_at, i.id, i.doc, d.doc, d.last_used_at, b.doc
from tokens h
left join dependencies d on d.ws = %(ws)s and d.target_kind = h.target_kind and d.target_name = h.target_name
left join integrations i on i.ws = %(ws)s and i.id = d.integration
left join bars b on b.ws = %(ws)s and b.integration = i.id
    and b.target_kind = h.target_kind and b.target_name = h.target_name
where h.ws = %(ws)s and h.id = %(token)s order by i.name_key

-- name: history_page
-- The last column is the hash of the entry before, which an entry's own hash covers.
select hash, seal, sequence, doc,
  (select b.hash from audit b where b.ws = %(ws)s and b.sequence = audit.sequence - 1) as hash_before
from audit
where ws = %(ws)s and sequence < coalesce(%(before)s, 9223372036854775807)
  and (%(actor)s::text is null or actor = %(actor)s)
  and (%(target_kind)s::smallint is null or (target_kind = %(target_kind)s and target_name = %(target_name)s))
  and (%(actions)s::text[] is null or action = any(%(actions)s)) and (not %(is_refused)s or not is_done)
  and (%(since)s::timestamptz is null or at >= %(since)s) and (%(until)s::timestamptz is null or at < %(until)s)
order by sequence desc limit %(size)s + 1

-- name: history_about
-- The entries about an integration, by its id or its name; a name that none has today is what one was called.
with present as materialized (
    select id from integrations where ws = %(ws)s and name_key = %(key)s
), ids as materialized (
    select %(about)s as id
    union select id from present
    union select integration from audit
    where ws = %(ws)s and name_key = %(key)s and integration is not null and not exists (select from present)
), found as (
    select sequence from audit where ws = %(ws)s and integration in (select id from ids)
    union select sequence from audit where ws = %(ws)s and name_key = %(key)s
)
select a.hash, a.seal, a.sequence, a.doc, b.hash as hash_before
from found join audit a on a.ws = %(ws)s and a.sequence = found.sequence
left join audit b on b.ws = %(ws)s and b.sequence = a.sequence - 1
where a.sequence < coalesce(%(before)s, 9223372036854775807)
  and (%(actor)s::text is null or a.actor = %(actor)s)
  and (%(target_kind)s::smallint is null or (a.target_kind = %(target_kind)s and a.target_name = %(target_name)s))
  and (%(actions)s::text[] is null or a.action = any(%(actions)s)) and (not %(is_refused)s or not a.is_done)
  and (%(since)s::timestamptz is null or a.at >= %(since)s) and (%(until)s::timestamptz is null or a.at < %(until)s)
order by a.sequence desc limit %(size)s + 1

-- name: history_after
select hash, seal, sequence, doc, sequence from audit where ws = %(ws)s and sequence > %(after)s order by sequence limit 1000

-- name: newest_entry
select sequence, hash from audit where ws = %(ws)s order by sequence desc limit 1

-- name: deletion
select hash, seal, sequence, doc from audit
where ws = %(ws)s and integration = %(id)s and action = 'integration.delete' and is_done
order by sequence desc limit 1

-- name: deletions
select hash, seal, sequence, doc from audit
where ws = %(ws)s and action = 'integration.delete' and is_done
order by sequence desc limit %(size)s

-- name: deletion_named
select hash, seal, sequence, doc from audit
where ws = %(ws)s and name_key = %(key)s and action = 'integration.delete' and is_done
order by sequence desc limit 1

-- name: deletion_at
select hash, seal, sequence, doc from audit
where ws = %(ws)s and server = %(server)s and action = 'integration.delete' and is_done
order by sequence desc limit 1

-- name: renaming
select hash, seal, sequence, doc from audit where ws = %(ws)s and former_key = %(key)s order by sequence desc limit 1

-- name: setting
select value, seal from settings where ws = %(ws)s and name = %(name)s

-- name: settings
select name, value, seal from settings where ws = %(ws)s order by name

-- name: news
select id, doc from news where ws = %(ws)s order by at, id limit %(size)s

-- name: outcome
select outcome from requests where ws = %(ws)s and id = %(id)s

-- name: advance
-- The entry that is built upon must be there: on a history that somebody has cut nothing is signed.
with advanced as (
    update workspaces set revision = revision + 1, last_change = %(change)s, head_sequence = %(sequence)s,
           head_hash = %(hash)s, head_kid = %(kid)s, head_seal = %(seal)s
    where ws = %(ws)s and revision = %(revision)s
      and head_hash = %(before_hash)s and (head_sequence = 0 or exists (
          select from audit a where a.ws = %(ws)s and a.sequence = head_sequence and a.hash = head_hash))
    returning 1
)
select expect(exists (select from advanced), 'head')

-- name: advance_and_append
-- The head is moved and its entry appended; what the change writes comes after, in the same transaction.
with advanced as (
    update workspaces set revision = revision + 1, last_change = %(change)s, head_sequence = %(sequence)s,
           head_hash = %(hash)s, head_kid = %(kid)s, head_seal = %(seal)s
    where ws = %(ws)s and revision = %(revision)s
      and head_hash = %(before_hash)s and (head_sequence = 0 or exists (
          select from audit a where a.ws = %(ws)s and a.sequence = head_sequence and a.hash = head_hash))
    returning 1
), entered as (
    insert into audit (ws, sequence, at, action, is_done, actor, integration, name_key, former_key, server, target_kind,
                       target_name, hash, seal, doc)
    select %(ws)s, %(sequence)s, %(at)s, %(action)s, %(is_done)s, %(actor)s, %(integration)s, %(name_key)s, %(former_key)s,
           %(server)s, %(target_kind)s, %(target_name)s, %(hash)s, %(entry_seal)s, %(doc)s
    from advanced returning 1
)
select expect(exists (select from entered), 'head')

-- name: put_new_integration
with kept as (
    insert into integrations (ws, id, name_key, kind, host, port, version, created_at, search, owner, marks,
        ends_on, doc)
    values (%(ws)s, %(id)s, %(key)s, %(kind)s, %(host)s, %(port)s, %(version)s, %(created_at)s, %(search)s,
        %(owner)s, %(marks)s, %(ends_on)s, %(doc)s)
    on conflict (ws, id) do update set name_key = excluded.name_key, kind = excluded.kind, host = excluded.host,
        port = excluded.port, search = excluded.search, owner = excluded.owner, marks = excluded.marks,
        ends_on = excluded.ends_on, doc = excluded.doc
    where integrations.version = 1 returning 1
)
select expect(exists (select from kept), 'outdated')

-- name: put_integration
with kept as (
    update integrations set name_key = %(key)s, kind = %(kind)s, host = %(host)s, port = %(port)s,
           version = %(version)s, search = %(search)s, owner = %(owner)s, marks = %(marks)s,
           ends_on = %(ends_on)s, doc = %(doc)s
    where ws = %(ws)s and id = %(id)s and version in (%(version)s, %(version)s - 1) returning 1
)
select expect(exists (select from kept), 'outdated')

-- name: remove_integration
-- The foreign key stops it while anything depends on it, also what another transaction links at this moment.
with gone as (
    delete from integrations where ws = %(ws)s and id = %(id)s and version = %(version)s returning 1
)
select expect(exists (select from gone), 'outdated')

-- name: put_dependency
insert into dependencies (ws, integration, target_kind, target_name, target_key, last_used_at, doc)
values (%(ws)s, %(id)s, %(target_kind)s, %(target_name)s, %(target_key)s, %(last_used_at)s, %(doc)s)
on conflict (ws, integration, target_kind, target_name) do update
set doc = excluded.doc, last_used_at = greatest(dependencies.last_used_at, excluded.last_used_at)

-- name: remove_dependency
delete from dependencies
where ws = %(ws)s and integration = %(id)s and target_kind = %(target_kind)s and target_name = %(target_name)s

-- name: put_bar
insert into bars (ws, integration, target_kind, target_name, doc)
values (%(ws)s, %(id)s, %(target_kind)s, %(target_name)s, %(doc)s)
on conflict (ws, integration, target_kind, target_name) do update set doc = excluded.doc

-- name: remove_bar
delete from bars
where ws = %(ws)s and integration = %(id)s and target_kind = %(target_kind)s and target_name = %(target_name)s

-- name: put_token
insert into tokens (ws, id, target_kind, target_name, target_key, words, created_at, expires_at, revoked_at,
                    last_used_at, doc)
values (%(ws)s, %(id)s, %(target_kind)s, %(target_name)s, %(target_key)s, %(words)s, %(created_at)s, %(expires_at)s,
        %(revoked_at)s, %(last_used_at)s, %(doc)s)
on conflict (ws, id) do update
set target_kind = excluded.target_kind, target_name = excluded.target_name, target_key = excluded.target_key,
    words = excluded.words, created_at = excluded.created_at, expires_at = excluded.expires_at,
    revoked_at = excluded.revoked_at, doc = excluded.doc,
    last_used_at = greatest(tokens.last_used_at, excluded.last_used_at)

-- name: drop_old_tokens
-- A clock that is far ahead of the newest entry may be wrong, and only hashes are kept: then nothing is dropped.
delete from tokens where ws = %(ws)s and coalesce(revoked_at, expires_at) < %(before)s
and coalesce(
    (select at >= %(seen_since)s from audit where ws = %(ws)s order by sequence desc limit 1),
    true
)

-- name: remove_token
delete from tokens where ws = %(ws)s and id = %(id)s

-- name: put_setting
insert into settings (ws, name, value, seal) values (%(ws)s, %(name)s, %(value)s, %(seal)s)
on conflict (ws, name) do update set value = excluded.value, seal = excluded.seal

-- name: remove_setting
delete from settings where ws = %(ws)s and name = %(name)s

-- name: put_news
insert into news (ws, id, at, doc) values (%(ws)s, %(id)s, %(at)s, %(doc)s)
on conflict (ws, id) do update set at = excluded.at, doc = excluded.doc

-- name: remove_news
delete from news where ws = %(ws)s and id = %(id)s

-- name: append_entry
insert into audit (ws, sequence, at, action, is_done, actor, integration, name_key, former_key, server, target_kind,
                   target_name, hash, seal, doc)
values (%(ws)s, %(sequence)s, %(at)s, %(action)s, %(is_done)s, %(actor)s, %(integration)s, %(name_key)s, %(former_key)s,
        %(server)s, %(target_kind)s, %(target_name)s, %(hash)s, %(entry_seal)s, %(doc)s)

-- name: remember
with over as (
    delete from requests where ws = %(ws)s and at < %(before)s and id <> %(id)s
), kept as (
    insert into requests as r (ws, id, outcome, at) values (%(ws)s, %(id)s, %(outcome)s, %(at)s)
    on conflict (ws, id) do update set outcome = excluded.outcome, at = excluded.at where r.at < %(before)s
    returning 1
)
select expect(exists (select from kept), 'done')

-- name: record_use
-- A fetch: checked against the present, with the target's first and the hour's first kept for good, all at once.
-- The head is locked before, as every change does, so that nothing it checks is changed in the meantime.
with fits as materialized (
    select exists (
            select from tokens where ws = %(ws)s and id = %(token)s and revoked_at is null
            and expires_at = %(expires_at)s and target_kind = %(target_kind)s and target_name = %(target_name)s
            and doc ->> 'created_by' = %(created_by)s and not doc ? 'held_at'
            and doc ->> 'approved_by' is not distinct from %(approved_by)s
            and doc ->> 'declined_by' is not distinct from %(declined_by)s
            and doc ->> 'taken_over_from' is not distinct from %(taken_over_from)s
            and coalesce(doc -> 'kept_from', '[]') = to_jsonb(%(kept_from)s::text[]))
       and exists (select from integrations where ws = %(ws)s and id = %(id)s and version = %(version)s)
       and (not %(is_fetch)s or not exists (
            select from bars where ws = %(ws)s and integration = %(id)s
            and target_kind = %(target_kind)s and target_name = %(target_name)s))
       and (not %(needs_link)s or exists (
            select from dependencies where ws = %(ws)s and integration = %(id)s
            and target_kind = %(target_kind)s and target_name = %(target_name)s and doc ? 'granted_by')) as is_met
), linked as (
    insert into dependencies (ws, integration, target_kind, target_name, target_key, last_used_at, doc)
    select %(ws)s, %(id)s, %(target_kind)s, %(target_name)s, %(target_key)s, %(last_used_at)s, %(dependency)s
    from fits where is_met and %(is_fetch)s
    on conflict do nothing returning 1
), first as (
    insert into fetch_hours (ws, integration, token, action, result, hour, event)
    select %(ws)s, %(id)s, %(token)s, %(action)s, %(result)s, %(hour)s, %(event)s from fits where is_met
    on conflict do nothing returning 1
), news as (
    select exists (select from linked) or exists (select from first) as is_new
), advanced as (
    update workspaces set revision = revision + 1, last_change = %(change)s, head_sequence = %(sequence)s,
           head_hash = %(hash)s, head_kid = %(kid)s, head_seal = %(seal)s
    where ws = %(ws)s and revision = %(revision)s and (select is_new from news)
      and head_hash = %(before_hash)s and (head_sequence = 0 or exists (
          select from audit a where a.ws = %(ws)s and a.sequence = head_sequence and a.hash = head_hash))
    returning 1
), entered as (
    insert into audit (ws, sequence, at, action, is_done, actor, integration, name_key, former_key, server, target_kind,
                       target_name, hash, seal, doc)
    select %(ws)s, %(sequence)s, %(at)s, %(action)s, %(is_done)s, %(actor)s, %(integration)s, %(name_key)s, %(former_key)s,
           %(server)s, %(event_target_kind)s, %(event_target_name)s, %(hash)s, %(entry_seal)s, %(doc)s
    from advanced returning 1
)
select expect((select is_met from fits), 'use'),
       expect(not (select is_new from news) or exists (select from entered), 'head'),
       (select is_new from news), exists (select from first)

-- name: keep_last_uses_of_tokens
update tokens t set last_used_at = n.at
from unnest(%(ids)s::text[], %(times)s::timestamptz[]) n(id, at)
where t.ws = %(ws)s and t.id = n.id and (t.last_used_at is null or t.last_used_at < n.at)

-- name: keep_last_uses
update dependencies d set last_used_at = n.at
from unnest(%(ids)s::text[], %(kinds)s::smallint[], %(names)s::text[], %(times)s::timestamptz[]) n(id, kind, name, at)
where d.ws = %(ws)s and d.integration = n.id and d.target_kind = n.kind and d.target_name = n.name
  and (d.last_used_at is null or d.last_used_at < n.at)

-- name: add_to_hour
update fetch_hours set more = more + %(more)s
where ws = %(ws)s and integration = %(id)s and token = %(token)s and action = %(action)s and result = %(result)s
  and hour = %(hour)s

-- name: hours_over
select event, hour, more, integration, token, action, result from fetch_hours where ws = %(ws)s and hour <= %(before)s order by hour

-- name: remove_hours
delete from fetch_hours where ws = %(ws)s and hour <= %(before)s

-- name: seal_entries
update audit a set seal = n.seal
from unnest(%(sequences)s::bigint[], %(seals)s::text[]) n(sequence, seal)
where a.ws = %(ws)s and a.sequence = n.sequence

-- name: same_integrations
-- Whether the columns are those of the document that was read; no row = it was changed since.
select (name_key, kind, host, port, version, created_at, search, owner, marks, ends_on) is not distinct from
    (%(key)s, %(kind)s, %(host)s, %(port)s, %(version)s, %(created_at)s, %(search)s, %(owner)s, %(marks)s, %(ends_on)s)
from integrations where ws = %(ws)s and id = %(id)s and doc ->> 'seal' = %(seal)s

-- name: same_dependencies
select target_key is not distinct from %(target_key)s
from dependencies where ws = %(ws)s and integration = %(id)s and target_kind = %(target_kind)s
  and target_name = %(target_name)s and doc ->> 'seal' = %(seal)s

-- name: same_tokens
select (target_kind, target_name, target_key, words, created_at, expires_at, revoked_at) is not distinct from
    (%(target_kind)s, %(target_name)s, %(target_key)s, %(words)s, %(created_at)s, %(expires_at)s, %(revoked_at)s)
from tokens where ws = %(ws)s and id = %(id)s and doc ->> 'seal' = %(seal)s

-- name: seal_integrations
-- Seals after a new key. "before" is the seal that was read: a row that was changed since keeps its own.
update integrations t set doc = t.doc || jsonb_build_object('seal', n.seal)
from unnest(%(ids)s::text[], %(before)s::text[], %(seals)s::text[]) n(id, before, seal)
where t.ws = %(ws)s and t.id = n.id and t.doc ->> 'seal' is not distinct from n.before

-- name: seal_tokens
update tokens t set doc = t.doc || jsonb_build_object('seal', n.seal)
from unnest(%(ids)s::text[], %(before)s::text[], %(seals)s::text[]) n(id, before, seal)
where t.ws = %(ws)s and t.id = n.id and t.doc ->> 'seal' is not distinct from n.before

-- name: seal_news
update news t set doc = t.doc || jsonb_build_object('seal', n.seal)
from unnest(%(ids)s::text[], %(before)s::text[], %(seals)s::text[]) n(id, before, seal)
where t.ws = %(ws)s and t.id = n.id and t.doc ->> 'seal' is not distinct from n.before

-- name: seal_settings
update settings t set seal = n.seal
from unnest(%(ids)s::text[], %(before)s::text[], %(seals)s::text[]) n(name, before, seal)
where t.ws = %(ws)s and t.name = n.name and t.seal is not distinct from n.before

-- name: seal_dependencies
update dependencies t set doc = t.doc || jsonb_build_object('seal', n.seal)
from unnest(%(ids)s::text[], %(kinds)s::smallint[], %(names)s::text[], %(before)s::text[], %(seals)s::text[])
     n(id, kind, name, before, seal)
where t.ws = %(ws)s and t.integration = n.id and t.target_kind = n.kind and t.target_name = n.name
  and t.doc ->> 'seal' is not distinct from n.before

-- name: seal_bars
update bars t set doc = t.doc || jsonb_build_object('seal', n.seal)
from unnest(%(ids)s::text[], %(kinds)s::smallint[], %(names)s::text[], %(before)s::text[], %(seals)s::text[])
     n(id, kind, name, before, seal)
where t.ws = %(ws)s and t.integration = n.id and t.target_kind = n.kind and t.target_name = n.name
  and t.doc ->> 'seal' is not distinct from n.before

-- name: seal_fetch_hours
update fetch_hours t set event = t.event || jsonb_build_object('seal', n.seal)
from unnest(%(ids)s::text[], %(tokens)s::text[], %(actions)s::text[], %(results)s::text[], %(hours)s::bigint[],
            %(before)s::text[], %(seals)s::text[]) n(id, token, action, result, hour, before, seal)
where t.ws = %(ws)s and t.integration = n.id and t.token = n.token and t.action = n.action and t.result = n.result
  and t.hour = to_timestamp(n.hour) and t.event ->> 'seal' is not distinct from n.before

-- name: seal_end
update workspaces set head_kid = %(kid)s, head_seal = %(seal)s where ws = %(ws)s and head_sequence = %(sequence)s

-- name: fence
update workspaces set revision = revision + 1 where ws = %(ws)s and revision = %(revision)s

-- name: entry_hash
select hash from audit where ws = %(ws)s and sequence = %(sequence)s

-- name: key_checks
select kid, check_value from keys

-- name: keep_key_check
insert into keys (kid, check_value) values (%(kid)s, %(check_value)s) on conflict (kid) do nothing

-- name: forget_keys
delete from keys where kid = any(%(kids)s)

-- name: keys_of_rows
select split_part(seal, '.', 1) from audit where ws = %(ws)s
union select split_part(doc ->> 'seal', '.', 1) from integrations where ws = %(ws)s
union select split_part(doc ->> 'seal', '.', 1) from dependencies where ws = %(ws)s
union select split_part(doc ->> 'seal', '.', 1) from bars where ws = %(ws)s
union select split_part(doc ->> 'seal', '.', 1) from tokens where ws = %(ws)s
union select split_part(doc ->> 'seal', '.', 1) from news where ws = %(ws)s
union select split_part(event ->> 'seal', '.', 1) from fetch_hours where ws = %(ws)s
union select split_part(seal, '.', 1) from settings where ws = %(ws)s

-- name: lock_replicas
-- One process at a time compares its keys with those of the others and joins them.
select pg_advisory_xact_lock(1364349293)

-- name: other_replicas
select id, kids, at from replicas
where id <> %(id)s and at > clock_timestamp() - make_interval(secs => %(live_s)s) order by id

-- name: say_keys
with over as (delete from replicas where at < clock_timestamp() - interval '1 hour')
insert into replicas (id, kids, at) values (%(id)s, %(kids)s, clock_timestamp())
on conflict (id) do update set at = excluded.at

-- name: leave_replicas
delete from replicas where id = %(id)s

-- name: probe
select current_setting('transaction_read_only') = 'on' or pg_is_in_recovery()

-- name: fill_room
insert into room (filling) values (%(filling)s)

-- name: see_signature
insert into seen_signatures (signature, at) values (%(signature)s, %(at)s) on conflict do nothing returning 1

-- name: forget_signatures
delete from seen_signatures where at < %(before)s

-- name: share_rates
insert into rates as r (bucket, debt_s, at)
select n.bucket, n.taken, clock_timestamp() from unnest(%(buckets)s::text[], %(taken)s::float8[]) n(bucket, taken)
on conflict (bucket) do update
set debt_s = greatest(0, r.debt_s - extract(epoch from excluded.at - r.at)) + excluded.debt_s, at = excluded.at
returning bucket, debt_s

-- name: forget_rates
delete from rates where at < clock_timestamp() - interval '1 hour'

-- name: lead
-- Held once however often it is asked for: what a session holds already is not taken again.
select exists (
           select from pg_locks where locktype = 'advisory' and pid = pg_backend_pid() and objid = 1280655684
       ) or pg_try_advisory_lock(1280655684)

-- name: installation
select doc from installations where holder = %(ws)s

-- name: lock_installation
-- For a holder without a row too; let go of with the transaction. The row is read by a statement of its own,
-- because one that waits here sees what was there before it waited.
select pg_advisory_xact_lock(hashtextextended(%(ws)s, 1818))

-- name: locked_installation
select doc from installations where holder = %(ws)s for update

-- name: installations
select holder, doc from installations where holder > %(after)s order by holder limit 500

-- name: put_installation
insert into installations (holder, doc) values (%(ws)s, %(doc)s)
on conflict (holder) do update set doc = excluded.doc

-- name: remove_installation
delete from installations where holder = %(ws)s

-- name: begin_install
-- Anybody can begin an install, so what has ended goes with each.
with over as (delete from oauth_states where until <= %(at)s)
insert into oauth_states (state, until)
select %(state)s, %(until)s where (select count(*) from oauth_states) < 10000
returning 1

-- name: take_install
delete from oauth_states where state = %(state)s returning until > %(at)s

-- name: forget_workspace
with news_gone as (delete from news where ws = %(ws)s),
     settings_gone as (delete from settings where ws = %(ws)s),
     requests_gone as (delete from requests where ws = %(ws)s),
     hours_gone as (delete from fetch_hours where ws = %(ws)s),
     audit_gone as (delete from audit where ws = %(ws)s),
     tokens_gone as (delete from tokens where ws = %(ws)s),
     bars_gone as (delete from bars where ws = %(ws)s),
     dependencies_gone as (delete from dependencies where ws = %(ws)s),
     integrations_gone as (delete from integrations where ws = %(ws)s)
delete from workspaces where ws = %(ws)s
