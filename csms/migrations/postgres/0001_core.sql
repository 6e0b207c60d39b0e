-- Instants are Unix milliseconds, structured values are JSON text.
create table organization (
    id text primary key not null,
    name text not null,
    takes_sign_ups boolean not null,
    created_at_ms bigint not null
);

create table api_key (
    id text primary key not null,
    organization_id text not null references organization (id),
    key_hash text not null unique,
    scopes text not null,
    created_at_ms bigint not null,
    revoked_at_ms bigint
);

create table charge_point (
    id text primary key not null,
    organization_id text not null references organization (id),
    password_hash text,
    -- Keys that were sent over OCPP and may be the password by now, as JSON.
    pending_passwords text,
    -- Another one when somebody sets the password here, or registers the charge point again.
    password_number bigint not null default 0,
    registration text not null,
    interval_s bigint,
    vendor text,
    model text,
    serial_number text,
    firmware_version text,
    booted_at_ms bigint,
    last_seen_at_ms bigint,
    last_heartbeat_at_ms bigint,
    created_at_ms bigint not null,
    -- tolerant or strict; null: as the server decodes.
    decoding text,
    -- When what is published of it changed last: what was registered, and that it was deleted.
    updated_at_ms bigint not null default 0
);
create index charge_point_organization on charge_point (organization_id, id);

-- What a connector is, see domain/charge_points/connector.rs: availability operative or inoperative; occupancy free,
-- reserved, occupied, null where nobody said; phase of the session on it, null without one. status: all of that in
-- the one word of OCPP 1.6. received_by and received_number: the process that received the report, and its place among what it received.
create table connector (
    charge_point_id text not null references charge_point (id),
    connector_id bigint not null,
    availability text collate "C" not null,
    occupancy text collate "C",
    phase text collate "C",
    is_faulted boolean not null,
    status text not null generated always as (case
        when is_faulted then 'Faulted'
        when availability = 'inoperative' then 'Unavailable'
        when phase = 'preparing' then 'Preparing'
        when phase = 'charging' then 'Charging'
        when phase = 'suspended_ev' then 'SuspendedEV'
        when phase = 'suspended_evse' then 'SuspendedEVSE'
        when phase = 'finishing' then 'Finishing'
        when occupancy = 'reserved' then 'Reserved'
        when occupancy = 'occupied' then 'Preparing'
        else 'Available' end) stored,
    error_code text not null,
    info text,
    vendor_id text,
    vendor_error_code text,
    reported_at_ms bigint not null,
    received_at_ms bigint not null,
    received_by text not null,
    received_number bigint not null,
    -- When it became what it is, by this server's clock. What stands above it is not touched for that.
    changed_at_ms bigint not null,
    primary key (charge_point_id, connector_id)
);

-- Tokens that an organization knows. party: country code and party id of who issued it, such as GBGWY; empty where
-- that is the organization itself. kind: in the words of OCPI. uid: as it was given; tag_key: as it is compared.
-- group_uid: of the group it belongs to.
create table id_tag (
    organization_id text not null references organization (id),
    tag_key text not null,
    party text not null,
    kind text not null,
    uid text not null,
    status text not null,
    group_uid text,
    expires_at_ms bigint,
    single_transaction boolean not null,
    created_at_ms bigint not null,
    updated_at_ms bigint not null,
    primary key (organization_id, tag_key, party, kind)
);
create index id_tag_updated on id_tag (organization_id, updated_at_ms, tag_key);

-- What a token was until a change; see store/charge_points/past.rs.
create table id_tag_past (
    organization_id text not null references organization (id),
    tag_key text not null,
    party text not null,
    kind text not null,
    until_ms bigint not null,
    status text not null,
    expires_at_ms bigint,
    single_transaction boolean not null,
    primary key (organization_id, tag_key, party, kind, until_ms)
);

-- generated always: an id is never given twice, not even after the newest row was deleted.
create table charge_transaction (
    id bigint generated always as identity primary key not null,
    organization_id text not null references organization (id),
    charge_point_id text not null references charge_point (id),
    -- The charge point's own id of it; null where it has none but this row's, as in OCPP 1.6.
    station_transaction_id text,
    -- Where it is, and the connector counted over the whole charge point; null until that is told.
    evse_id bigint,
    connector_id bigint,
    -- Whose it is: the token as it was shown, as it is compared, of which kind, the group it belongs to, and how it was
    -- authorized (whitelist: by this server's own list, command: by whoever asked for the session); null until one is shown.
    id_tag text,
    tag_key text,
    tag_kind text,
    tag_group text,
    authorization_method text,
    reservation_id bigint,
    state text not null,
    started_at_ms bigint not null,
    meter_start_wh bigint,
    start_answer text,
    -- What made the charge point begin and end it, in the words of OCPP 2.0.1; why it ended, in the charge point's own.
    start_trigger text,
    stop_trigger text,
    stopped_at_ms bigint,
    meter_stop_wh bigint,
    reason text,
    stop_id_tag text,
    stop_answer text,
    -- What the stop's stamp is compared with.
    stop_received_at_ms bigint,
    -- Where the register stands, how good that reading is, and what would show that it was wrong; see
    -- domain/transactions/register.rs.
    last_meter_wh bigint,
    last_meter_at_ms bigint,
    last_meter_source bigint,
    last_meter_doubt bigint,
    last_meter_first_wh bigint,
    last_meter_least_wh bigint,
    received_at_ms bigint not null,
    -- When the last message about it was received.
    heard_at_ms bigint not null,
    -- Without a stop: what ended it (available, start, given_up, closed); when its connector was left, by the charge
    -- point's stamp, and when that was received; and since when nothing was told of it, null when its end is final.
    -- See domain/transactions/ending.rs.
    ended_by text,
    left_at_ms bigint,
    left_received_at_ms bigint,
    provisional_since_ms bigint,
    -- Something was told of it after its end was final.
    told_late boolean not null default false,
    -- A stop of nobody came from its charge point before it ended without one of its own.
    saw_orphan_stop boolean not null default false,
    -- The names of what was forgiven of its messages, with blanks between them.
    deviations text not null default '',
    -- When anything of it changed last, by this server's clock.
    updated_at_ms bigint not null
);
create unique index charge_transaction_station on charge_transaction (charge_point_id, station_transaction_id)
    where station_transaction_id is not null;
create index charge_transaction_updated on charge_transaction (organization_id, updated_at_ms, id);
-- A retransmitted start is one of a transaction that its own stop did not end.
create unique index charge_transaction_start
    on charge_transaction (charge_point_id, connector_id, tag_key, started_at_ms, meter_start_wh)
    where state <> 'stopped';
create index charge_transaction_place on charge_transaction (charge_point_id, connector_id, id);
create index charge_transaction_provisional on charge_transaction (provisional_since_ms, id)
    where provisional_since_ms is not null;
create index charge_transaction_left on charge_transaction (charge_point_id, connector_id)
    where provisional_since_ms is not null;
create index charge_transaction_organization on charge_transaction (organization_id, started_at_ms);
-- Lists are in the order of ids: of an organization, of a tag, of a charge point as far as it was the organization's.
create index charge_transaction_list on charge_transaction (organization_id, id);
create index charge_transaction_tag on charge_transaction (organization_id, tag_key, id);
create index charge_transaction_charge_point on charge_transaction (charge_point_id, organization_id, id);
create index charge_transaction_open on charge_transaction (charge_point_id, connector_id) where state = 'open';
create index charge_transaction_tag_start on charge_transaction (organization_id, tag_key, started_at_ms);
create index charge_transaction_unstopped on charge_transaction (charge_point_id, connector_id) where state <> 'stopped';
create index charge_transaction_open_tag on charge_transaction (organization_id, tag_key) where state = 'open';

-- transaction_number is what the charge point sent; transaction_id is set when it is one of its transactions.
create table meter_value (
    charge_point_id text not null references charge_point (id),
    content_hash text not null,
    connector_id bigint,
    transaction_number bigint,
    transaction_id bigint references charge_transaction (id),
    sampled_at_ms bigint not null,
    sampled_values text not null,
    received_at_ms bigint not null,
    primary key (charge_point_id, content_hash)
);
create index meter_value_transaction on meter_value (transaction_id, sampled_at_ms);
create index meter_value_arrival on meter_value (charge_point_id, received_at_ms);

-- StopTransaction messages that stopped nothing. cause: unknown_transaction, which none of this charge point's is,
-- or already_stopped, otherwise before. organization_id: whose the charge point was then.
create table orphan_stop (
    organization_id text not null references organization (id),
    charge_point_id text not null references charge_point (id),
    transaction_number bigint not null,
    stopped_at_ms bigint not null,
    meter_stop_wh bigint not null,
    message text not null,
    cause text not null,
    stop_answer text,
    received_at_ms bigint not null,
    content_hash text not null,
    primary key (charge_point_id, transaction_number, content_hash)
);
create index orphan_stop_arrival on orphan_stop (charge_point_id, received_at_ms);

-- What charge points said about themselves: boots, firmware, diagnostics, logs, security events. content_hash is
-- set where the message has a stamp of its own: the same one again is a retransmission. Without one the same content
-- within an hour is counted: times, and when it was received last.
create table charge_point_event (
    id bigint generated always as identity primary key not null,
    charge_point_id text not null references charge_point (id),
    kind text not null,
    message text not null,
    content_hash text,
    reported_at_ms bigint not null,
    received_at_ms bigint not null,
    last_received_at_ms bigint not null,
    times bigint not null,
    unique (charge_point_id, kind, content_hash)
);
create index charge_point_event_arrival on charge_point_event (charge_point_id, received_at_ms);

-- What was forgiven of the messages of charge points: message is its name in the standard (StopTransaction.req), name
-- that of the leniency; messages counts those that had it, pointer and example are of the last one.
create table deviation (
    charge_point_id text not null references charge_point (id),
    message text not null,
    name text not null,
    messages bigint not null,
    first_seen_at_ms bigint not null,
    last_seen_at_ms bigint not null,
    pointer text not null,
    example text not null,
    primary key (charge_point_id, message, name)
);

-- How often anything changed about who may connect, and as what; triggers count. See ocpp/registrations.rs.
create table registration_change (
    id bigint primary key not null,
    number bigint not null
);
insert into registration_change (id, number) values (1, 0);

-- Row 1 is written by /readyz: a probe that changes nothing proves nothing. Row 2 is the mark of the server, see
-- store/database/serving.rs.
create table probe (
    id bigint primary key not null,
    probed_at_ms bigint not null
);
