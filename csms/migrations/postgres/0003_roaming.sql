-- Roaming over OCPI 2.2.1: partners, their tokens, what their drivers do here, and what partners are told of it.
-- Decimals are text, instants Unix milliseconds, structured values JSON text.

-- The party that an organization is to its partners, and where its sites are unless they say so.
alter table organization add column country_code text not null default 'GB';
alter table organization add column party_id text not null default 'DYN';
alter table organization add column time_zone text not null default 'Europe/London';
alter table organization add column website text;
-- JSON, in the form of an Image of OCPI.
alter table organization add column logo text;

-- What partners are told of a site beside its name, address and place; null: see domain/roaming/place.rs.
-- country: three letters.
alter table site add column city text;
alter table site add column postal_code text;
alter table site add column state text;
alter table site add column country text;
alter table site add column time_zone text;
alter table site add column is_published boolean not null default true;

alter table charge_point add column is_published boolean not null default true;
-- Whether it has a connection, and since when that is so.
alter table charge_point add column is_online boolean not null default false;
alter table charge_point add column online_changed_at_ms bigint not null default 0;
-- Partners write ids in any case.
create index charge_point_key on charge_point (lower(id));
create index site_key on site (lower(id));
create index charge_point_place on charge_point (organization_id, site_id, id);

-- By which partners know an EVSE, and what is told to people; null: both follow from the charge point's identity.
alter table evse add column uid text;
alter table evse add column public_id text;

-- By which id partners know it; null: it follows from what it is for.
alter table tariff add column public_id text;

-- state: invited (it has a token to register with), registering (an operator wants to register with it), registered,
-- suspended, removed. invitation_hash: of the token it was invited with; token_hash: of the one by which it calls;
-- previous_hash: of the one before, which is good until previous_until_ms; pending_hash: of the one that it is being
-- offered. is_asked: an operator wants it to be offered one. their_token: by which it is called;
-- it opens the partner's system, not this one, and has to be sent as it is. endpoints: JSON, as its version details list
-- them. sends_raw_tokens: the token in the header is not encoded. is_strict: nothing is forgiven.
create table partner (
    id text primary key not null,
    organization_id text not null references organization (id),
    name text not null,
    state text not null,
    invitation_hash text unique,
    token_hash text unique,
    pending_hash text unique,
    is_asked boolean not null default false,
    previous_hash text,
    previous_until_ms bigint,
    their_token text,
    versions_url text,
    endpoints text not null,
    sends_raw_tokens boolean not null default false,
    is_strict boolean not null default false,
    created_at_ms bigint not null,
    registered_at_ms bigint,
    updated_at_ms bigint not null,
    last_heard_at_ms bigint,
    last_told_at_ms bigint,
    last_error text,
    last_error_at_ms bigint,
    -- Until then it is not called: it did not answer, or could not.
    quiet_until_ms bigint,
    -- How often in a row that was so.
    failures bigint not null default 0,
    -- Changes from before that are looked at.
    looked_until_ms bigint
);
create index partner_organization on partner (organization_id, created_at_ms, id);
create index partner_asked on partner (id) where is_asked;
create index partner_previous on partner (previous_hash) where previous_hash is not null;

-- The parties of a partner. In an organization each is of one partner.
create table partner_party (
    organization_id text not null references organization (id),
    role text not null,
    country_code text not null,
    party_id text not null,
    partner_id text not null references partner (id),
    business_details text not null,
    primary key (organization_id, role, country_code, party_id)
);
create index partner_party_partner on partner_party (partner_id);

-- What partners say of their tokens; id_tag has what charge points are answered by. party: country code and party id;
-- uid_key: the uid as it is compared; tag_key: the key of id_tag, which is another one where the uid is longer than an
-- id tag of OCPP 1.6. body: the whole Token.
create table partner_token (
    organization_id text not null references organization (id),
    party text not null,
    kind text not null,
    uid_key text not null,
    partner_id text not null references partner (id),
    tag_key text not null,
    whitelist text not null,
    body text not null,
    updated_at_ms bigint not null,
    primary key (organization_id, party, kind, uid_key)
);
create index partner_token_tag on partner_token (organization_id, tag_key);

-- Whom a partner let charge: by a command, or when it was asked. token: its CdrToken. until_ms: what begins later is not
-- meant.
create table roaming_grant (
    charge_point_id text not null,
    tag_key text not null,
    partner_id text not null references partner (id),
    token text not null,
    auth_method text not null,
    authorization_reference text,
    granted_at_ms bigint not null,
    until_ms bigint not null,
    primary key (charge_point_id, tag_key)
);
create index roaming_grant_end on roaming_grant (until_ms);

-- Transactions of partners' drivers. token, location, tariffs: as they were when it began. body: the whole Session once
-- its end is final; until then it is made of the transaction.
create table roaming_session (
    id text primary key not null,
    organization_id text not null references organization (id),
    partner_id text not null references partner (id),
    transaction_id bigint unique references charge_transaction (id),
    token text not null,
    auth_method text not null,
    authorization_reference text,
    location text not null,
    tariffs text not null,
    -- Of the tariff of the REST API, which OCPI has no word for.
    free_idle_minutes bigint not null,
    currency text not null,
    time_zone text not null,
    body text,
    created_at_ms bigint not null,
    updated_at_ms bigint not null
);
create index roaming_session_partner on roaming_session (partner_id, created_at_ms, id);

-- Bills of them. body: the whole CDR; it never changes. credit_of: the one that it takes back.
create table cdr (
    id text primary key not null,
    organization_id text not null references organization (id),
    partner_id text not null references partner (id),
    session_id text not null references roaming_session (id),
    credit_of text references cdr (id),
    body text not null,
    created_at_ms bigint not null
);
create index cdr_partner on cdr (partner_id, created_at_ms, id);
-- What a partner is to be told of an object, and what it was told. kind: location, evse, session, cdr, tariff. changed_at_ms:
-- of the state that is to be told; told_at_ms: of the one that was told last. due_at_ms: when it is tried; null where
-- there is nothing to tell, or the partner refused it.
create table roaming_push (
    partner_id text not null references partner (id),
    kind text not null,
    object_id text not null,
    changed_at_ms bigint not null,
    told_at_ms bigint,
    due_at_ms bigint,
    -- What goes on is not told more often.
    not_before_ms bigint not null default 0,
    attempts bigint not null default 0,
    refusal text,
    primary key (partner_id, kind, object_id)
);
create index roaming_push_due on roaming_push (partner_id, due_at_ms) where due_at_ms is not null;
create index roaming_session_changed on roaming_session (partner_id, updated_at_ms);
create index connector_changed on connector (changed_at_ms);
create index charge_point_changed on charge_point (organization_id, updated_at_ms);
create index charge_point_turned on charge_point (organization_id, online_changed_at_ms);
create index site_changed on site (organization_id, updated_at_ms);

create unique index cdr_session on cdr (session_id) where credit_of is null;

-- Orders of partners. result: what became of it, null until that is known. due_at_ms: when the result is tried to be told
-- to response_url; without a result, when it is taken for a time-out; null once it was told, or given up.
create table roaming_command (
    id text primary key not null,
    partner_id text not null references partner (id),
    kind text not null,
    response_url text not null,
    result text,
    message text,
    created_at_ms bigint not null,
    due_at_ms bigint,
    attempts bigint not null default 0,
    told_at_ms bigint,
    last_error text
);
create index roaming_command_due on roaming_command (due_at_ms) where due_at_ms is not null;
create index roaming_command_told on roaming_command (created_at_ms) where due_at_ms is null;

-- EVSEs that partners keep for somebody. number: by which the charge point knows it.
create table roaming_reservation (
    partner_id text not null references partner (id),
    reservation_key text not null,
    number bigint not null unique,
    charge_point_id text not null,
    evse_id bigint not null,
    expires_at_ms bigint not null,
    primary key (partner_id, reservation_key)
);
create index roaming_reservation_end on roaming_reservation (expires_at_ms);

-- Texts are compared and sorted byte by byte, as SQLite does it, whatever the locale of the database is. What a
-- generated column is made of cannot be changed here: it has its collation where it is made.
do $$
declare
    every record;
begin
    for every in
        select table_name,
            string_agg(format('alter column %I type text collate "C"', column_name), ', ') as changes
        from information_schema.columns
        where table_schema = current_schema() and data_type = 'text' and table_name not like '\_sqlx%'
            and collation_name is distinct from 'C'
            and (table_name, column_name) not in (
                select u.table_name, u.column_name from information_schema.column_column_usage u
                where u.table_schema = current_schema()
            )
        group by table_name
    loop
        execute format('alter table %I %s', every.table_name, every.changes);
    end loop;
end
$$;
